//! A load of sign-ups over HTTP, which records every answer.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio_postgres::Client;

use crate::support::{App, Call, eventually, unique};

const PAUSE: Duration = Duration::from_millis(50);
const TENANTS: &str = "SELECT count(*) FROM shared.tenants WHERE name = $1";
const USERS: &str = "SELECT count(*) FROM shared.users WHERE username = $1";

/// The founder of a new tenant. The account, the tenant and the idempotency key have one name.
#[derive(Clone, Debug)]
pub struct Newcomer {
    pub name: String,
}

impl Newcomer {
    pub fn new() -> Self {
        Self { name: unique("newcomer") }
    }

    fn credentials(&self) -> Value {
        json!({"username": self.name, "password": format!("secret {}", self.name)})
    }

    /// The same sign-up each time, by its idempotency key.
    pub fn sign_up(&self) -> Call {
        let mut body = self.credentials();
        body["tenant_name"] = json!(self.name);
        Call::new("POST", "/api/register").json(&body).header("idempotency-key", &self.name)
    }

    pub async fn assert_absent(&self, admin: &Client) {
        for counted in [TENANTS, USERS] {
            let row = admin.query_one(counted, &[&self.name]).await.expect(counted);
            assert_eq!(row.get::<_, i64>(0), 0, "{counted}: {self:?}");
        }
    }

    /// There is one tenant and one account of this name, and the account can log in and write.
    pub async fn assert_whole(&self, app: &App, admin: &Client) {
        for counted in [TENANTS, USERS] {
            let row = admin.query_one(counted, &[&self.name]).await.expect(counted);
            assert_eq!(row.get::<_, i64>(0), 1, "{counted}: {self:?}");
        }
        let login = Call::new("POST", "/api/login").json(&self.credentials());
        let login = app.answer_retrying(login).await.expect(200).json();
        let note = Call::new("POST", "/api/notes").json(&json!({"content": "first"}));
        let token = login["token"].as_str().expect("a token");
        app.answer(note.bearer(token)).await.expect(201);
    }
}

#[derive(Default)]
pub struct SignUpReport {
    pub acknowledged: Vec<Newcomer>,
    /// Answered 503 with Retry-After.
    pub refused: Vec<Newcomer>,
    /// Other answers.
    pub failures: Vec<String>,
}

/// One client that signs up one founder after the other.
pub struct SignUpLoad {
    stop: Arc<AtomicBool>,
    report: Arc<Mutex<SignUpReport>>,
    client: tokio::task::JoinHandle<()>,
}

impl SignUpLoad {
    pub fn start(app: &App) -> Self {
        let (stop, report) = (Arc::new(AtomicBool::new(false)), Arc::<Mutex<SignUpReport>>::default());
        let (app, stopped, shared) = (app.clone(), Arc::clone(&stop), Arc::clone(&report));
        let client = tokio::spawn(async move {
            while !stopped.load(Ordering::Relaxed) {
                sign_up(&app, &shared).await;
                tokio::time::sleep(PAUSE).await;
            }
        });
        Self { stop, report, client }
    }

    pub fn acknowledged(&self) -> Vec<Newcomer> {
        self.report.lock().expect("the report").acknowledged.clone()
    }

    pub fn refused(&self) -> usize {
        self.report.lock().expect("the report").refused.len()
    }

    pub async fn wait_for_more(&self) {
        let enough = self.acknowledged().len() + 3;
        eventually("sign-ups go on", async || self.acknowledged().len() >= enough).await;
    }

    pub async fn stop(self) -> SignUpReport {
        self.stop.store(true, Ordering::Relaxed);
        self.client.await.expect("the client");
        std::mem::take(&mut self.report.lock().expect("the report"))
    }
}

async fn sign_up(app: &App, report: &Mutex<SignUpReport>) {
    let newcomer = Newcomer::new();
    let answer = newcomer.sign_up().try_send(&app.http, &app.base).await;
    let mut report = report.lock().expect("the report");
    match answer {
        Ok(answer) if answer.status == 201 => report.acknowledged.push(newcomer),
        Ok(answer) if answer.status == 503 && !answer.header("retry-after").is_empty() => {
            report.refused.push(newcomer);
        }
        Ok(answer) => report.failures.push(format!("{}: {}", answer.status, answer.text())),
        Err(error) => report.failures.push(format!("{error:?}")),
    }
}

impl SignUpReport {
    /// Every acknowledged sign-up has taken effect once. Every refused one has not, or as a whole: the same
    /// sign-up succeeds now. No other answer was given.
    pub async fn assert_none_is_half_made(self, app: &App, admin: &Client) {
        assert!(self.failures.is_empty(), "{:?}", self.failures);
        println!("{} sign-ups acknowledged, {} refused", self.acknowledged.len(), self.refused.len());
        for newcomer in &self.refused {
            app.answer_retrying(newcomer.sign_up()).await.expect(201);
        }
        for newcomer in self.acknowledged.iter().chain(&self.refused) {
            newcomer.assert_whole(app, admin).await;
        }
    }
}
