//! A load of writes over HTTP by many tenants, which records every acknowledged note.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio_postgres::Client;

use crate::support::{Call, Person, Script, TIMEOUT};

const PAUSE: Duration = Duration::from_millis(100);

#[derive(Default)]
pub struct HttpLoadReport {
    /// Tenant, id and content of each note that was answered 201.
    acknowledged: Vec<(i64, i64, String)>,
    /// Answers of 503 with Retry-After.
    pub busy: usize,
    /// Other answers, and notes that stayed 503.
    pub failures: Vec<String>,
    /// The longest time from the first attempt for a note to its 201.
    longest: Duration,
}

pub struct HttpLoad {
    stop: Arc<AtomicBool>,
    report: Arc<Mutex<HttpLoadReport>>,
    writers: Vec<tokio::task::JoinHandle<()>>,
}

impl HttpLoad {
    /// Each writer has a part of the users and writes for one after the other.
    pub fn start(people: &[(Person, Script)], writers: usize) -> Self {
        Self::start_with(people, writers, &json!({}))
    }

    /// The same; each note also has these fields, such as `share_with`.
    pub fn start_with(people: &[(Person, Script)], writers: usize, fields: &Value) -> Self {
        let (stop, report) =
            (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(HttpLoadReport::default())));
        let spawned = (0..writers).map(|number| {
            let share: Vec<_> = people
                .iter()
                .skip(number)
                .step_by(writers)
                .map(|(p, script)| (p.tenant_id, script.clone()))
                .collect();
            let (stop, report, fields) = (Arc::clone(&stop), Arc::clone(&report), fields.clone());
            tokio::spawn(async move { write(number, &share, &fields, &stop, &report).await })
        });
        Self { writers: spawned.collect(), stop, report }
    }

    pub fn acknowledged(&self) -> usize {
        self.report.lock().expect("the report").acknowledged.len()
    }

    /// Tenant, id and content of each note that was acknowledged so far.
    pub fn acknowledged_notes(&self) -> Vec<(i64, i64, String)> {
        self.report.lock().expect("the report").acknowledged.clone()
    }

    pub async fn stop(self) -> HttpLoadReport {
        self.stop.store(true, Ordering::Relaxed);
        for writer in self.writers {
            writer.await.expect("a writer");
        }
        std::mem::take(&mut self.report.lock().expect("the report"))
    }
}

async fn write(
    number: usize,
    share: &[(i64, Script)],
    fields: &Value,
    stop: &AtomicBool,
    report: &Mutex<HttpLoadReport>,
) {
    for (count, (tenant, script)) in share.iter().cycle().enumerate() {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let started = Instant::now();
        let mut attempt = 0;
        loop {
            let mut body = fields.clone();
            body["content"] = json!(format!("load {number}/{count}/{attempt}"));
            let Some(again) = try_once(&body, *tenant, script, started, report).await else { break };
            if started.elapsed() > TIMEOUT {
                report.lock().expect("the report").failures.push(again);
                break;
            }
            attempt += 1;
            tokio::time::sleep(PAUSE).await;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// One request. Returns the answer if it is worth a retry.
async fn try_once(
    body: &Value,
    tenant: i64,
    script: &Script,
    started: Instant,
    report: &Mutex<HttpLoadReport>,
) -> Option<String> {
    let call = Call::new("POST", "/api/notes").json(body).bearer(&script.token);
    let answer = call.try_send(&script.app.http, &script.app.base).await;
    let mut report = report.lock().expect("the report");
    match answer {
        Ok(answer) if answer.status == 201 => {
            let id = answer.json()["note_id"].as_i64().expect("a note's id");
            let content = body["content"].as_str().expect("a text").to_owned();
            report.acknowledged.push((tenant, id, content));
            report.longest = report.longest.max(started.elapsed());
            None
        }
        Ok(answer) if answer.status == 503 && !answer.header("retry-after").is_empty() => {
            report.busy += 1;
            Some(format!("503 for over {TIMEOUT:?}"))
        }
        Ok(answer) => {
            report.failures.push(format!("{}: {}", answer.status, answer.text()));
            None
        }
        Err(error) => {
            report.failures.push(format!("{error:?}"));
            None
        }
    }
}

impl HttpLoadReport {
    /// Compares with the database and prints the figures. Fails unless every acknowledged note exists exactly
    /// once.
    pub async fn assert_nothing_lost(self, what: &str, admin: &Client) {
        let rows = admin
            .query("SELECT tenant_id, id, content FROM notes WHERE content LIKE 'load %'", &[])
            .await
            .expect("notes");
        let mut there: HashMap<(i64, String), Vec<i64>> = HashMap::new();
        for row in rows {
            there.entry((row.get(0), row.get(2))).or_default().push(row.get(1));
        }
        let found = |note: &(i64, i64, String)| there.get(&(note.0, note.2.clone()));
        let lost = self
            .acknowledged
            .iter()
            .filter(|note| found(note).is_none_or(|ids| !ids.contains(&note.1)))
            .count();
        let duplicated =
            self.acknowledged.iter().filter(|note| found(note).is_some_and(|ids| ids.len() > 1)).count();
        let unacknowledged = there.values().map(Vec::len).sum::<usize>() + lost - self.acknowledged.len();
        let figures = format!(
            "{what}: {} acknowledged, {lost} lost, {duplicated} duplicated, {} answers of 503, of which \
             {unacknowledged} had taken effect, {} failures, longest stall {} ms",
            self.acknowledged.len(),
            self.busy,
            self.failures.len(),
            self.longest.as_millis()
        );
        println!("{figures}");
        assert!(
            lost == 0 && duplicated == 0 && self.failures.is_empty(),
            "{figures}: {:?}",
            self.failures.first()
        );
    }
}
