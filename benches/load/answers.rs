//! Whether answers are right: wrk looks at their statuses only. Users who are used again and again, and some
//! whose sessions are cold, must get their own 20 notes, by page and by API.

use crate::bench::Bench;
use crate::client::{Call, Client};
use crate::outcome::Outcome;
use crate::population::{NOTES, SeededUser};

/// Users of each kind whose answers are read.
const SAMPLE: usize = 16;

impl Bench {
    /// Reads answers of each kind.
    ///
    /// # Errors
    /// A sentence about the first wrong answer.
    pub async fn check_answers(&mut self) -> Outcome<()> {
        let client = Client::at(&self.on.base, std::net::Ipv4Addr::LOCALHOST)?;
        for (person, cookie) in self.cookies() {
            self.check_page(&client, person, &cookie).await?;
        }
        for (position, bearer) in self.tokens().into_iter().take(SAMPLE).enumerate() {
            let person = self.sessions.api.person(self.population, position as u64);
            self.check_list(&client, person, &bearer).await?;
        }
        for _ in 0..SAMPLE {
            let position = self.sessions.api_cold.take_one(&self.client, self.population).await?;
            let (set, population) = (&self.sessions.api_cold, self.population);
            let (person, token) = (set.person(population, position), set.token(population, position));
            self.check_list(&client, person, &format!("Bearer {token}")).await?;
            let position = self.sessions.page_cold.take_one(&self.client, population).await?;
            let set = &self.sessions.page_cold;
            let (person, token) = (set.person(population, position), set.token(population, position));
            self.check_page(&client, person, &self.sealer.session(&token)).await?;
        }
        Ok(())
    }

    async fn check_list(&self, client: &Client, person: SeededUser, bearer: &str) -> Outcome<()> {
        let call = Call::new("GET", "/api/notes").header("authorization", bearer);
        let json = client.send(call).await.expect(200, "GET /api/notes")?.json();
        let notes = json.as_array().ok_or("GET /api/notes gave no list")?;
        let own = |note: &serde_json::Value| {
            note["tenant_id"].as_i64() == Some(person.tenant) && note["user_id"].as_i64() == Some(person.user)
        };
        if !notes.iter().all(own) {
            return Err(format!("GET /api/notes of user {} has notes of others", person.user).into());
        }
        let shown = notes.iter().filter_map(|note| note["note_id"].as_i64()).collect();
        self.compare("GET /api/notes", person, shown).await
    }

    async fn check_page(&self, client: &Client, person: SeededUser, cookie: &str) -> Outcome<()> {
        let call = Call::new("GET", "/notes").header("cookie", cookie);
        let text = client.send(call).await.expect(200, "GET /notes")?.text();
        let mut shown: Vec<i64> = Vec::new();
        for link in text.split("href=\"/notes/").skip(1) {
            let number: String = link.chars().take_while(char::is_ascii_digit).collect();
            if let Ok(number) = number.parse()
                && !shown.contains(&number)
            {
                shown.push(number);
            }
        }
        self.compare("GET /notes", person, shown).await
    }

    /// What was shown must be the user's notes, by the database.
    async fn compare(&self, what: &str, person: SeededUser, shown: Vec<i64>) -> Outcome<()> {
        if self.changed_tenant == Some(person.tenant) {
            return Ok(());
        }
        let own = self.notes_of(person).await?;
        if shown.len() == NOTES && shown == own {
            return Ok(());
        }
        let right = shown.iter().filter(|note| own.contains(note)).count();
        let user = person.user;
        Err(format!("{what} of user {user} showed {} notes, {right} of them the {NOTES} own", shown.len())
            .into())
    }
}
