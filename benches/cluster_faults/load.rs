//! Clients that read and write notes, and one that signs up new users. Each sends one request after the
//! other, and every response is recorded.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};

use super::Outcome;
use super::private::PrivateCluster;

const PAUSE: Duration = Duration::from_millis(25);
const RECOVERY_TIMEOUT: Duration = Duration::from_secs(40);

/// Clients that the same faults affect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// Clients of tenants whose shards are on the worker of this group at the start.
    Worker(i32),
    /// The client that signs up.
    SignUp,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Ok,
    /// 503 with Retry-After.
    Busy,
    Wrong,
}

#[derive(Clone, Copy)]
struct Record {
    client: usize,
    group: Group,
    at: Instant,
    took: Duration,
    kind: Kind,
}

/// All clients, and what they have recorded.
pub struct Load {
    records: Arc<Mutex<Vec<Record>>>,
    clients: Vec<Group>,
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

impl Drop for Load {
    fn drop(&mut self) {
        self.tasks.iter().for_each(tokio::task::JoinHandle::abort);
    }
}

impl Load {
    /// Starts `each` clients on each of two workers, and one that signs up every second.
    pub async fn start(private: &PrivateCluster, each: usize) -> Outcome<Self> {
        let http = crate::http::client().timeout(Duration::from_secs(15)).build()?;
        let mut load = Self { records: Arc::default(), clients: Vec::new(), tasks: Vec::new() };
        let mut number = 0;
        while load.clients.len() < 2 * each {
            number += 1;
            if number > 60 {
                return Err("all tenants are on one worker".into());
            }
            let (tenant, token) = sign_up(&http, private, number).await?;
            let group = Group::Worker(private.group_of(tenant).await?);
            if load.clients.iter().filter(|known| **known == group).count() < each {
                load.spawn(group, PAUSE, note_requests(&http, &private.base, token));
            }
        }
        load.spawn(Group::SignUp, Duration::from_secs(1), sign_up_requests(&http, &private.base));
        Ok(load)
    }

    fn spawn(
        &mut self,
        group: Group,
        pause: Duration,
        request: impl Fn(u64) -> RequestBuilder + Send + Sync + 'static,
    ) {
        let (client, records) = (self.clients.len(), Arc::clone(&self.records));
        self.clients.push(group);
        self.tasks.push(tokio::spawn(async move {
            for count in 0.. {
                let at = Instant::now();
                let kind = match request(count).send().await {
                    Ok(answer) if answer.status().is_success() => {
                        answer.bytes().await.map_or(Kind::Wrong, |_| Kind::Ok)
                    }
                    Ok(answer) if answer.status() == 503 && answer.headers().contains_key("retry-after") => {
                        Kind::Busy
                    }
                    _ => Kind::Wrong,
                };
                let record = Record { client, group, at, took: at.elapsed(), kind };
                records.lock().expect("records").push(record);
                tokio::time::sleep(pause).await;
            }
        }));
    }

    /// The requests of these groups that began in this period.
    pub fn summary(&self, groups: &[Group], from: Instant, until: Instant) -> Summary {
        let records = self.records.lock().expect("records");
        let wanted =
            |record: &&Record| groups.contains(&record.group) && record.at >= from && record.at < until;
        let mut found: Vec<Record> = records.iter().filter(wanted).copied().collect();
        found.sort_by_key(|record| record.took);
        Summary(found)
    }

    /// Waits until each client of the groups succeeds with all requests that it began after `repaired`.
    /// Returns the time that this took, in words.
    pub async fn recovery(&self, groups: &[Group], repaired: Instant) -> String {
        while repaired.elapsed() < RECOVERY_TIMEOUT {
            if let Some(last) = self.recovered_at(groups, repaired) {
                return format!("after {:.1} s", (last - repaired).as_secs_f32());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        format!("not within {} s", RECOVERY_TIMEOUT.as_secs())
    }

    /// When the last client of the groups recovered, if all have.
    fn recovered_at(&self, groups: &[Group], repaired: Instant) -> Option<Instant> {
        let records = self.records.lock().expect("records");
        let mut last = repaired;
        for (client, _) in self.clients.iter().enumerate().filter(|(_, group)| groups.contains(group)) {
            let own = records.iter().rev().filter(|record| record.client == client);
            let first = own.take_while(|record| record.kind == Kind::Ok && record.at >= repaired).last()?;
            last = last.max(first.at + first.took);
        }
        Some(last)
    }
}

/// Records, the fastest first.
pub struct Summary(Vec<Record>);

impl Summary {
    pub fn count(&self) -> usize {
        self.0.len()
    }

    pub fn ok(&self) -> usize {
        self.of(Kind::Ok)
    }

    pub fn busy(&self) -> usize {
        self.of(Kind::Busy)
    }

    pub fn wrong(&self) -> usize {
        self.of(Kind::Wrong)
    }

    fn of(&self, kind: Kind) -> usize {
        self.0.iter().filter(|record| record.kind == kind).count()
    }

    pub fn longest(&self) -> u128 {
        self.0.last().map_or(0, |record| record.took.as_millis())
    }

    pub fn percentile(&self, percent: usize) -> u128 {
        let place = (self.0.len() * percent).div_ceil(100).saturating_sub(1);
        self.0.get(place).map_or(0, |record| record.took.as_millis())
    }
}

/// Creates a tenant. Returns its id and the token of its owner.
async fn sign_up(http: &Client, private: &PrivateCluster, number: usize) -> Outcome<(i64, String)> {
    let name = format!("founder{number}");
    let tenant_name = format!("Organization {number}");
    let body = json!({"username": name, "password": "a good password", "tenant_name": tenant_name});
    let registered: Value =
        http.post(format!("{}/api/register", private.base)).json(&body).send().await?.json().await?;
    let tenant = registered["tenant_id"].as_i64().ok_or_else(|| registered.to_string())?;
    let body = json!({"username": name, "password": "a good password"});
    let login: Value =
        http.post(format!("{}/api/login", private.base)).json(&body).send().await?.json().await?;
    Ok((tenant, login["token"].as_str().ok_or_else(|| login.to_string())?.to_owned()))
}

/// Reads and writes notes in turn.
fn note_requests(
    http: &Client,
    base: &str,
    token: String,
) -> impl Fn(u64) -> RequestBuilder + Send + Sync + 'static {
    let (http, address) = (http.clone(), format!("{base}/api/notes"));
    move |count| {
        let request = if count % 2 == 0 {
            http.get(format!("{address}?limit=20"))
        } else {
            http.post(&address).json(&json!({"content": "a note"}))
        };
        request.bearer_auth(&token)
    }
}

fn sign_up_requests(http: &Client, base: &str) -> impl Fn(u64) -> RequestBuilder + Send + Sync + 'static {
    let (http, address) = (http.clone(), format!("{base}/api/register"));
    move |count| {
        let body = json!({"username": "newcomer", "password": "a good password",
            "tenant_name": format!("Newcomers {count}")});
        http.post(&address).json(&body)
    }
}
