//! What others see during an attack: the health check, a known person's page and login, and, where asked
//! for, sign-ups of new people. They run on a thread of their own, so that this program's attackers do not
//! delay them. Each request is sent at its time, whether or not the one before was answered.

use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::client::{Call, Client, Reply};
use crate::memory::{MemoryUse, MemoryWatch, folder_size, log_size};
use crate::numbers::{Samples, Seen};
use crate::outcome::Outcome;
use crate::people::{Account, Browser, new_email, registration, unique};
use crate::report::Row;
use crate::stage::{Stage, Target};
use crate::tally::Tally;

/// Between two requests for the health check, and for the page.
const PAGE_PAUSE: Duration = Duration::from_millis(200);
/// A login costs a quarter of a second of processor.
const LOGIN_PAUSE: Duration = Duration::from_secs(2);
const NEWCOMER_PAUSE: Duration = Duration::from_secs(3);
/// After the attackers have gone, until memory is read.
const REST: Duration = Duration::from_secs(3);

/// Running probes.
pub struct Watch {
    started: Instant,
    memory: MemoryWatch,
    target: Target,
    disk: u64,
    log: u64,
    stop: Arc<AtomicBool>,
    seen: Arc<Mutex<Seen>>,
    thread: JoinHandle<()>,
}

/// A known person with two browsers, so that a login does not end the session whose page is watched.
struct Known {
    account: Account,
    reader: Browser,
    login: Browser,
}

impl Stage {
    /// Prepares the known person and starts to watch.
    pub async fn watch(&self, with_newcomers: bool) -> Outcome<Watch> {
        let account = self.founder().await?;
        let address = self.block.known();
        let reader = self.browser(&account, address).await?;
        let login = self.browser(&account, address).await?;
        let known = Known { account, reader, login };
        let probes = Probes {
            client: self.client(address)?,
            base: self.target.base.clone(),
            block: self.block,
            stop: Arc::default(),
            seen: Arc::new(Mutex::new(Seen {
                livez: Samples::expecting(&[200]),
                page: Samples::expecting(&[200]),
                login: Samples::expecting(&[303]),
                newcomers: Samples::expecting(&[201]),
            })),
        };
        let (stop, seen) = (Arc::clone(&probes.stop), Arc::clone(&probes.seen));
        let data = self.target.data.clone();
        let disk = data.as_deref().map_or(0, folder_size);
        let log = log_size(self.target.log.as_deref());
        let memory = MemoryWatch::start(self.target.pid);
        let started = Instant::now();
        let thread = std::thread::spawn(move || probes.run(known, with_newcomers));
        Ok(Watch { started, memory, target: self.target.clone(), disk, log, stop, seen, thread })
    }
}

impl Watch {
    /// How long it has run.
    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// Ends the attack: the row of the table.
    pub async fn end(self, mut tally: Tally) -> Row {
        let lasted = self.elapsed();
        self.stop.store(true, Ordering::Relaxed);
        let joined = tokio::task::spawn_blocking(move || self.thread.join());
        if joined.await.is_err() {
            tally.require(false, "the probes ended early");
        }
        tokio::time::sleep(REST).await;
        tally.require(self.memory.alive(), "the server's process has gone");
        let grown = |now: u64, before: u64| now.saturating_sub(before) / (1024 * 1024);
        let disk = grown(self.target.data.as_deref().map_or(0, folder_size), self.disk);
        let log = grown(log_size(self.target.log.as_deref()), self.log);
        if disk >= 50 {
            tally.remark(format!("disk +{disk} MB"));
        }
        if log >= 1 {
            tally.remark(format!("log +{log} MB"));
        }
        let memory: MemoryUse = self.memory.end();
        let seen = self.seen.lock().expect("the answers").clone();
        Row::new(seen, memory, lasted, tally)
    }
}

/// The clients of the probes' thread.
struct Probes {
    client: Client,
    base: String,
    block: crate::addresses::Block,
    stop: Arc<AtomicBool>,
    seen: Arc<Mutex<Seen>>,
}

impl Probes {
    fn run(self, known: Known, with_newcomers: bool) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let Known { account, reader, login } = known;
            let newcomers = async {
                if with_newcomers {
                    self.newcomers().await;
                }
            };
            tokio::join!(self.health(), self.pages(&reader), self.logins(&account, login), newcomers);
        });
    }

    async fn health(&self) {
        let send = |_| {
            let client = self.client.clone();
            async move { client.send(Call::new("GET", "/livez")).await }
        };
        self.repeat(PAGE_PAUSE, |seen| &mut seen.livez, send).await;
    }

    async fn pages(&self, browser: &Browser) {
        let page = browser.with_cookies(Call::new("GET", "/dashboard"));
        let send = |_| {
            let (client, page) = (self.client.clone(), page.clone());
            async move { client.send(page).await }
        };
        self.repeat(PAGE_PAUSE, |seen| &mut seen.page, send).await;
    }

    /// Each login has the cookies of the one before.
    async fn logins(&self, account: &Account, browser: Browser) {
        let browser = Arc::new(tokio::sync::Mutex::new(browser));
        let send = |_| {
            let (client, browser, account) = (self.client.clone(), Arc::clone(&browser), account.clone());
            async move {
                let mut browser = browser.lock().await;
                let reply = client.send(browser.login(&account)).await;
                browser.keep(&reply);
                reply
            }
        };
        self.repeat(LOGIN_PAUSE, |seen| &mut seen.login, send).await;
    }

    async fn newcomers(&self) {
        let send = |number| {
            let client = Client::at(&self.base, self.block.newcomer(number)).expect("a client");
            async move { client.send(registration(&unique("user"), &new_email()).1).await }
        };
        self.repeat(NEWCOMER_PAUSE, |seen| &mut seen.newcomers, send).await;
    }

    /// Sends a request at each tick until the end of the attack, and waits for the last answers.
    async fn repeat<F: Future<Output = Reply> + Send + 'static>(
        &self,
        pause: Duration,
        samples: fn(&mut Seen) -> &mut Samples,
        send: impl Fn(usize) -> F,
    ) {
        let mut requests = tokio::task::JoinSet::new();
        let mut ticks = tokio::time::interval(pause);
        let mut number = 0;
        while !self.stop.load(Ordering::Relaxed) {
            ticks.tick().await;
            let (request, seen) = (send(number), Arc::clone(&self.seen));
            number += 1;
            requests.spawn(async move {
                let reply = request.await;
                samples(&mut seen.lock().expect("the answers")).add(reply.status, reply.time);
            });
        }
        while requests.join_next().await.is_some() {}
    }
}
