//! Generates the content of rows. Names and e-mails go through the same parsers as those that users type, so
//! that seeded users can log in and searches find them.

use std::time::{SystemTime, UNIX_EPOCH};

use super::plan::Plan;
use super::rows::Rows;
use crate::domain::{Email, Identifier, SearchIndex, TenantName, Username};
use crate::store::SeedTable;

const FIRST: &str = "\
    ada alan amina anton björn carla chen dana elif emil farah grace hana igor ines jamal kei leila \
    lena malik maria nadia niels noor olga omar paula quentin rosa samir sofia tariq uma vera wanda \
    xenia yusuf zoe";
const LAST: &str = "\
    adler baker chen costa diaz eriksen fischer garcia haddad ivanov jensen kaya lopez meier nkosi \
    okafor park quinn rossi sato tanaka usman vogel weber xu yilmaz zhang";
const WORDS: &str = "\
    the a we they please about after meeting budget review draft customer contract invoice server \
    release travel hotel train agenda minutes decision open question answer deadline monday tuesday \
    wednesday thursday friday next last week month quarter plan risk owner team office phone call \
    write read send check ask remember buy order deliver test build measure repair and or but \
    because when until with without for from to of in on at by new old small large late early good \
    better idea sketch number";

const YEAR: i64 = 365 * 24 * 3600 * 1_000_000;
const PROSE_BYTES: usize = 256 * 1024;

/// Generates the rows of a plan.
pub(super) struct RowGenerator {
    plan: Plan,
    password_hash: String,
    /// Notes are slices of this text: generating each word would take longer than writing the rows.
    prose: String,
    first: Vec<&'static str>,
    last: Vec<&'static str>,
    now: i64,
}

impl RowGenerator {
    pub(super) fn new(plan: Plan, password_hash: String) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as i64);
        let words: Vec<&str> = WORDS.split_whitespace().collect();
        let mut prose = String::with_capacity(PROSE_BYTES + 64);
        while prose.len() < PROSE_BYTES {
            prose.push_str(words[fastrand::usize(..words.len())]);
            prose.push_str(match fastrand::u8(..24) {
                0 => ".\n\n",
                1 | 2 => ". ",
                3 => ", ",
                _ => " ",
            });
        }
        let list = |text: &'static str| text.split_whitespace().collect();
        Self { plan, password_hash, prose, first: list(FIRST), last: list(LAST), now }
    }

    pub(super) fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Writes one row; `index` is the tenant's in the plan, `number` the row's number within the tenant.
    pub(super) fn write(&self, table: SeedTable, index: usize, number: u64, rows: &mut Rows) {
        let tenant = self.plan.tenant(index);
        match table {
            SeedTable::Tenants => self.tenant(tenant, rows),
            SeedTable::Users => self.user(tenant, index, number, rows),
            SeedTable::Logins => self.logins(tenant, index, number, rows),
            SeedTable::Notes => self.note(tenant, index, rows),
        }
    }

    fn tenant(&self, tenant: i64, rows: &mut Rows) {
        let name = TenantName::parse(&format!(
            "Seeded {} {tenant}",
            capital(self.last[tenant as usize % self.last.len()])
        ));
        let name = name.expect("an invented name is valid");
        rows.begin(3).bigint(tenant).text(name.shown()).text(name.key());
    }

    fn user(&self, tenant: i64, index: usize, number: u64, rows: &mut Rows) {
        let user = self.plan.users(index)[number as usize];
        let (username, email) = self.names(tenant, user);
        let role = match number {
            0 => "owner",
            number if number % 20 == 1 => "admin",
            _ => "member",
        };
        rows.begin(8).bigint(tenant).bigint(user).text(username.shown()).text(username.key());
        rows.text(email.shown()).text(email.key()).text(&self.password_hash).text(role);
    }

    fn logins(&self, tenant: i64, index: usize, number: u64, rows: &mut Rows) {
        let user = self.plan.users(index)[number as usize];
        let (username, email) = self.names(tenant, user);
        for identifier in Identifier::all_of(&username, Some(&email)) {
            rows.begin(3).bytes(&identifier.hash()).bigint(tenant).bigint(user);
        }
    }

    fn note(&self, tenant: i64, index: usize, rows: &mut Rows) {
        let users = self.plan.users(index);
        // Squared, so that a few users write much and most write little.
        let author = users[((fastrand::f64().powi(2) * users.len() as f64) as usize).min(users.len() - 1)];
        let created = self.now - fastrand::i64(0..YEAR);
        let title = (fastrand::u8(..3) == 0).then(|| self.some_prose(12..48));
        // Mostly one or two lines, sometimes a page.
        let length = if fastrand::u8(..12) == 0 { 800..3000 } else { 30..400 };
        let content = self.some_prose(length);
        rows.begin(8).bigint(tenant).bigint(author);
        match title {
            Some(title) => rows.text(title),
            None => rows.null(),
        };
        let index = SearchIndex::of_texts(author, title, content);
        rows.text(content).time(created).time(created).text(&index.text).integers(&index.keys);
    }

    fn names(&self, tenant: i64, user: i64) -> (Username, Email) {
        let first = self.first[user as usize % self.first.len()];
        let last = self.last[(user as usize / self.first.len()) % self.last.len()];
        let username = Username::parse(&format!("{first}.{last}.{user}")).ok();
        // No real address: the domain .example is reserved (RFC 2606).
        let email =
            Email::parse_optional(&format!("{first}.{last}.{user}@tenant{tenant}.example")).ok().flatten();
        (username.expect("an invented name is valid"), email.expect("an invented e-mail is valid"))
    }

    /// The e-mail of the owner of a tenant, by its index in the plan.
    pub(super) fn owner_email(&self, index: usize) -> String {
        self.names(self.plan.tenant(index), self.plan.users(index)[0]).1.shown().to_owned()
    }

    fn some_prose(&self, length: std::ops::Range<usize>) -> &str {
        let length = fastrand::usize(length);
        let start = fastrand::usize(..self.prose.len() - length - 16);
        // Starts at a word; all letters are ASCII.
        let start = self.prose[start..].find(' ').map_or(start, |space| start + space + 1);
        let end = (start + length).min(self.prose.len());
        self.prose[start..end].trim_matches([' ', '\n', ',', '.'])
    }
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_valid_and_usernames_are_unique() {
        let generator = RowGenerator::new(
            Plan::new(vec![3, 900_719_925_474_099], (1..=2000).collect(), 10),
            "hash".to_owned(),
        );
        let mut names = std::collections::HashSet::new();
        for index in 0..2 {
            let mut rows = Rows::default();
            generator.write(SeedTable::Tenants, index, 0, &mut rows);
            for number in 0..generator.plan().users(index).len() as u64 {
                generator.write(SeedTable::Users, index, number, &mut rows);
                generator.write(SeedTable::Logins, index, number, &mut rows);
                generator.write(SeedTable::Notes, index, number, &mut rows);
                let (username, _) = generator
                    .names(generator.plan().tenant(index), generator.plan().users(index)[number as usize]);
                assert!(names.insert(username.key().to_owned()));
            }
        }
        assert!(generator.owner_email(0).ends_with(".example"));
    }

    #[test]
    fn prose_is_never_empty_and_within_its_length() {
        let generator = RowGenerator::new(Plan::new(vec![1], vec![1], 0), String::new());
        for _ in 0..10_000 {
            let text = generator.some_prose(12..48);
            assert!(!text.is_empty() && text.len() < 48);
        }
    }
}
