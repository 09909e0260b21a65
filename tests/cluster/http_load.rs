//! A writing load through the program itself: notes of many tenants over HTTP, each acknowledged one
//! remembered.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::json;
use tokio_postgres::Client;

use crate::support::{Call, Person, Script, TIMEOUT};

const PAUSE: Duration = Duration::from_millis(100);

/// What happened.
#[derive(Default)]
pub struct HttpLoadReport {
    /// Tenant, id and content of each note that was answered 201.
    acknowledged: Vec<(i64, i64, String)>,
    /// How often 503 with Retry-After was the answer.
    pub busy: usize,
    /// Anything else, and notes that stayed 503.
    pub failures: Vec<String>,
    /// The longest from the first attempt for a note to its 201.
    longest: Duration,
}

/// Writers that run until they are stopped.
pub struct HttpLoad {
    stop: Arc<AtomicBool>,
    report: Arc<Mutex<HttpLoadReport>>,
    writers: Vec<tokio::task::JoinHandle<()>>,
}

impl HttpLoad {
    /// Each writer has a share of the people and writes for one after the other.
    pub fn start(people: &[(Person, Script)], writers: usize) -> Self {
        let (stop, report) =
            (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(HttpLoadReport::default())));
        let spawned = (0..writers).map(|number| {
            let share: Vec<_> = people
                .iter()
                .skip(number)
                .step_by(writers)
                .map(|(p, script)| (p.tenant_id, script.clone()))
                .collect();
            let (stop, report) = (Arc::clone(&stop), Arc::clone(&report));
            tokio::spawn(async move { write(number, &share, &stop, &report).await })
        });
        Self { writers: spawned.collect(), stop, report }
    }

    /// How many notes were acknowledged so far.
    pub fn acknowledged(&self) -> usize {
        self.report.lock().expect("the report").acknowledged.len()
    }

    /// Ends the load.
    pub async fn stop(self) -> HttpLoadReport {
        self.stop.store(true, Ordering::Relaxed);
        for writer in self.writers {
            writer.await.expect("a writer");
        }
        std::mem::take(&mut self.report.lock().expect("the report"))
    }
}

async fn write(number: usize, share: &[(i64, Script)], stop: &AtomicBool, report: &Mutex<HttpLoadReport>) {
    for (count, (tenant, script)) in share.iter().cycle().enumerate() {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let started = Instant::now();
        let mut attempt = 0;
        while let Some(again) =
            try_once(&format!("load {number}/{count}/{attempt}"), *tenant, script, started, report).await
        {
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

/// One request. Gives what was answered when it is worth another.
async fn try_once(
    content: &str,
    tenant: i64,
    script: &Script,
    started: Instant,
    report: &Mutex<HttpLoadReport>,
) -> Option<String> {
    let call = Call::new("POST", "/api/notes").json(&json!({"content": content}));
    let call = call.bearer(&script.token);
    let answer = call.try_send(&script.app.http, &script.app.base).await;
    let mut report = report.lock().expect("the report");
    match answer {
        Ok(answer) if answer.status == 201 => {
            let id = answer.json()["note_id"].as_i64().expect("a note's id");
            report.acknowledged.push((tenant, id, content.to_owned()));
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
    /// Compares with what is there and prints the figures; fails unless every acknowledged note is there
    /// exactly once.
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
        let unsaid = there.values().map(Vec::len).sum::<usize>() + lost - self.acknowledged.len();
        let figures = format!(
            "{what}: {} acknowledged, {lost} lost, {duplicated} duplicated, {} answers of 503, {unsaid} of them \
             had taken effect, \
             {} failures, longest stall {} ms",
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
