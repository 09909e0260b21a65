//! Concurrent writers, and the journal of what they were answered.

use std::io::Write;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use reqwest::Client;
use serde_json::json;
use tempfile::NamedTempFile;

use super::Options;
use crate::support::{Call, database, http, unique};

/// A tenant with an author and two readers.
pub struct SharingTenant {
    pub tenant: i64,
    pub readers: Vec<i64>,
    token: String,
}

/// Each attempt and whether it was acknowledged, in memory and in a file.
pub struct Journal {
    file: Mutex<NamedTempFile>,
    /// Tenant, text and whether it was acknowledged.
    pub entries: Mutex<Vec<(i64, String, bool)>>,
}

impl Journal {
    fn record(&self, tenant: i64, text: &str, acknowledged: bool) {
        let line = format!("{tenant} {text} {}\n", if acknowledged { "acknowledged" } else { "unknown" });
        self.file.lock().expect("the journal").write_all(line.as_bytes()).expect("the journal");
        self.entries.lock().expect("the journal").push((tenant, text.to_owned(), acknowledged));
    }

    /// Keeps the file if `wanted`; returns its path for the report.
    pub fn keep(self, wanted: bool) -> String {
        if !wanted {
            return "removed, as all is well".to_owned();
        }
        let (_, path) = self.file.into_inner().expect("the journal").keep().expect("the journal stays");
        path.display().to_string()
    }
}

pub async fn create_tenants(base: &str, database_url: &str, count: usize) -> Vec<SharingTenant> {
    let http = client();
    let admin = database::connect(database_url).await;
    let mut tenants = Vec::new();
    for _ in 0..count {
        let organization = unique("Org ");
        let mut people = Vec::new();
        let mut tenant = 0;
        for _ in 0..3 {
            let (username, password) = (unique("user"), unique("secret "));
            let body = json!({"username": username, "password": password, "tenant_name": organization});
            let joined =
                Call::new("POST", "/api/register").json(&body).send(&http, base).await.expect(201).json();
            tenant = joined["tenant_id"].as_i64().expect("a number");
            people.push((joined["user_id"].as_i64().expect("a number"), username, password));
            let open = "UPDATE shared.tenants SET join_policy = 'open' WHERE id = $1";
            admin.execute(open, &[&tenant]).await.expect("open");
        }
        let (_, username, password) = &people[0];
        let login =
            Call::new("POST", "/api/login").json(&json!({"username": username, "password": password}));
        let token =
            login.send(&http, base).await.expect(200).json()["token"].as_str().expect("a token").to_owned();
        tenants.push(SharingTenant {
            tenant,
            readers: people[1..].iter().map(|person| person.0).collect(),
            token,
        });
    }
    tenants
}

/// Writes until there are enough notes or the time is over, evenly spread over the time.
pub async fn write(base: &str, tenants: &[SharingTenant], options: &Options) -> Journal {
    let journal =
        Journal { file: Mutex::new(NamedTempFile::new().expect("a journal")), entries: Mutex::default() };
    let acknowledged = AtomicUsize::new(0);
    let pace =
        Duration::from_secs_f64(options.seconds as f64 * 0.7 * options.writers as f64 / options.notes as f64);
    let deadline = Instant::now() + Duration::from_secs(options.seconds);
    let writers = (0..options.writers).map(|number| {
        let (journal, acknowledged, office) = (&journal, &acknowledged, &tenants[number % tenants.len()]);
        async move {
            let http = client();
            let mut attempt = 0;
            while Instant::now() < deadline && acknowledged.load(Ordering::Relaxed) < options.notes {
                attempt += 1;
                let began = Instant::now();
                let text = format!("writer{number}-{attempt:06}");
                let known = post(&http, base, office, &text).await;
                journal.record(office.tenant, &text, known);
                if known {
                    acknowledged.fetch_add(1, Ordering::Relaxed);
                }
                let rest =
                    if known { pace.saturating_sub(began.elapsed()) } else { Duration::from_millis(100) };
                tokio::time::sleep(rest).await;
            }
        }
    });
    futures_util::future::join_all(writers).await;
    journal
}

/// Whether the note was acknowledged.
async fn post(http: &Client, base: &str, office: &SharingTenant, text: &str) -> bool {
    let body = json!({"content": text, "share_with": office.readers});
    let call = Call::new("POST", "/api/notes").json(&body).bearer(&office.token);
    match call.try_send(http, base).await {
        Ok(answer) if answer.status == 201 => true,
        Ok(answer) if answer.status >= 500 => false,
        Ok(answer) => panic!("{}: {}", answer.status, answer.text()),
        Err(_) => false,
    }
}

fn client() -> Client {
    http::client().timeout(Duration::from_secs(15)).build().expect("a client")
}
