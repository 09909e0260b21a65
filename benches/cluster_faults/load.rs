//! Tenants that read and write, and somebody who signs up, one request after the other, each answer
//! remembered.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};

use super::Outcome;
use super::private::Private;

const PAUSE: Duration = Duration::from_millis(25);
const HEALING: Duration = Duration::from_secs(40);

/// Whom a fault may hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// Tenants whose shards are on that worker at the start.
    Worker(i32),
    /// Those who are no tenants yet.
    SignUp,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Ok,
    /// 503 that says when to come back.
    Busy,
    Wrong,
}

#[derive(Clone, Copy)]
struct Record {
    asker: usize,
    group: Group,
    at: Instant,
    took: Duration,
    kind: Kind,
}

/// Everybody who asks.
pub struct Load {
    records: Arc<Mutex<Vec<Record>>>,
    askers: Vec<Group>,
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

impl Drop for Load {
    fn drop(&mut self) {
        self.tasks.iter().for_each(tokio::task::JoinHandle::abort);
    }
}

impl Load {
    /// So many tenants on each of two workers, and one who signs up every second.
    pub async fn start(private: &Private, each: usize) -> Outcome<Self> {
        let http = Client::builder().timeout(Duration::from_secs(15)).build()?;
        let mut load = Self { records: Arc::default(), askers: Vec::new(), tasks: Vec::new() };
        let mut number = 0;
        while load.askers.len() < 2 * each {
            number += 1;
            if number > 60 {
                return Err("all tenants live on one worker".into());
            }
            let (tenant, token) = found(&http, private, number).await?;
            let group = Group::Worker(private.home(tenant).await?);
            if load.askers.iter().filter(|known| **known == group).count() < each {
                load.ask(group, PAUSE, asks_for_notes(&http, &private.base, token));
            }
        }
        load.ask(Group::SignUp, Duration::from_secs(1), signs_up(&http, &private.base));
        Ok(load)
    }

    fn ask(
        &mut self,
        group: Group,
        pause: Duration,
        request: impl Fn(u64) -> RequestBuilder + Send + Sync + 'static,
    ) {
        let (asker, records) = (self.askers.len(), Arc::clone(&self.records));
        self.askers.push(group);
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
                let record = Record { asker, group, at, took: at.elapsed(), kind };
                records.lock().expect("records").push(record);
                tokio::time::sleep(pause).await;
            }
        }));
    }

    /// Requests of these groups that began in this time.
    pub fn summary(&self, groups: &[Group], from: Instant, until: Instant) -> Summary {
        let records = self.records.lock().expect("records");
        let wanted =
            |record: &&Record| groups.contains(&record.group) && record.at >= from && record.at < until;
        let mut found: Vec<Record> = records.iter().filter(wanted).copied().collect();
        found.sort_by_key(|record| record.took);
        Summary(found)
    }

    /// Waits until each asker of the groups was served by a request that began after `mended`, and says how
    /// long after.
    pub async fn served_again(&self, groups: &[Group], mended: Instant) -> String {
        while mended.elapsed() < HEALING {
            if let Some(last) = self.all_served(groups, mended) {
                return format!("after {:.1} s", (last - mended).as_secs_f32());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        format!("not within {} s", HEALING.as_secs())
    }

    /// When the last of them was served for good, if all are.
    fn all_served(&self, groups: &[Group], mended: Instant) -> Option<Instant> {
        let records = self.records.lock().expect("records");
        let mut last = mended;
        for (asker, _) in self.askers.iter().enumerate().filter(|(_, group)| groups.contains(group)) {
            let mine = records.iter().rev().filter(|record| record.asker == asker);
            let first = mine.take_while(|record| record.kind == Kind::Ok && record.at >= mended).last()?;
            last = last.max(first.at + first.took);
        }
        Some(last)
    }
}

/// Answers, the quickest first.
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

/// A tenant and the token of its founder.
async fn found(http: &Client, private: &Private, number: usize) -> Outcome<(i64, String)> {
    let name = format!("founder{number}");
    let body = json!({"username": name, "password": "a good password", "tenant_name": format!("Organization \
        {number}")});
    let registered: Value =
        http.post(format!("{}/api/register", private.base)).json(&body).send().await?.json().await?;
    let tenant = registered["tenant_id"].as_i64().ok_or_else(|| registered.to_string())?;
    let body = json!({"username": name, "password": "a good password"});
    let login: Value =
        http.post(format!("{}/api/login", private.base)).json(&body).send().await?.json().await?;
    Ok((tenant, login["token"].as_str().ok_or_else(|| login.to_string())?.to_owned()))
}

/// Reads and writes in turn.
fn asks_for_notes(
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

fn signs_up(http: &Client, base: &str) -> impl Fn(u64) -> RequestBuilder + Send + Sync + 'static {
    let (http, address) = (http.clone(), format!("{base}/api/register"));
    move |count| {
        let body = json!({"username": "newcomer", "password": "a good password",
            "tenant_name": format!("Newcomers {count}")});
        http.post(&address).json(&body)
    }
}
