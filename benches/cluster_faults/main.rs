//! Measures what clients notice when a part of a cluster fails; `bin/cluster-faults` describes the use.
//! Starts the program with a private cluster in a temporary folder, lets tenants read and write, causes one
//! fault after the other, and prints the errors and response times. It has no thresholds.

#[path = "../../tests/support/http.rs"]
mod http;
mod load;
mod private;

use std::time::{Duration, Instant};

use load::{Group, Load, Summary};
use private::{Frozen, PortForward, PrivateCluster};

/// The time without faults before each fault, for comparison.
const CALM: Duration = Duration::from_secs(8);
/// The longest time for moves; they are stopped afterwards.
const MOVES_TIMEOUT: Duration = Duration::from_secs(100);

type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

#[tokio::main]
async fn main() -> Outcome<()> {
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    let usage = "bin/cluster-faults calls this with PROGRAM PG_BIN_DIR SECONDS";
    let program = arguments.next().ok_or(usage)?;
    let bin = arguments.next().ok_or(usage)?;
    let seconds = Duration::from_secs(arguments.next().ok_or(usage)?.parse()?);
    let mut private = PrivateCluster::start(&program, &bin).await?;
    // The cluster is stopped however the measurement ends.
    let ended = tokio::select! {
        ended = measure(&private, seconds) => ended,
        _ = tokio::signal::ctrl_c() => Err("interrupted".into()),
    };
    private.stop().await?;
    ended
}

async fn measure(private: &PrivateCluster, seconds: Duration) -> Outcome<()> {
    let load = Load::start(private, 3).await?;
    println!(
        "| fault | for | hit | ok / 503 / other | longest answer | others: errors of requests | p50, p95 \
         before | p50, p95 during | served again |"
    );
    println!("| --- | ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: |");
    let worker = private.postmaster("worker1")?;
    let tenants = [Group::Worker(1)];
    let signups = [Group::SignUp];

    let fault = Fault::begin(&load, "worker frozen (SIGSTOP)", &tenants).await;
    let frozen = Frozen::freeze(worker)?;
    fault.wait(seconds).await;
    drop(frozen);
    fault.report(Instant::now()).await;

    let fault = Fault::begin(&load, "worker killed (kill -9)", &tenants).await;
    private::kill(worker)?;
    fault.wait(seconds).await;
    fault.report(fault.at).await;

    let fault = Fault::begin(&load, "coordinator frozen (SIGSTOP)", &signups).await;
    let frozen = Frozen::freeze(private.postmaster(".")?)?;
    fault.wait(seconds).await;
    drop(frozen);
    fault.report(Instant::now()).await;

    let fault = Fault::begin(&load, "coordinator killed (kill -9)", &signups).await;
    private::kill(private.postmaster(".")?)?;
    fault.wait(seconds).await;
    fault.report(fault.at).await;

    another_port(private, &load).await?;
    moves(private, &load).await
}

/// A worker is unreachable for three seconds and then returns behind another port, as after a failover.
async fn another_port(private: &PrivateCluster, load: &Load) -> Outcome<()> {
    let port = private.ports()?[1];
    let before = PortForward::open(port).await?;
    private.update_node(1, before.port).await?;
    tokio::time::sleep(Duration::from_secs(12)).await;
    let fault = Fault::begin(
        load,
        "worker away for 3 s, then citus_update_node to another port",
        &[Group::Worker(1)],
    )
    .await;
    drop(before);
    tokio::time::sleep(Duration::from_secs(3)).await;
    let after = PortForward::open(port).await?;
    private.update_node(1, after.port).await?;
    let updated = Instant::now();
    fault.wait(Duration::from_secs(6)).await;
    fault.report(updated).await;
    private.update_node(1, port).await?;
    tokio::time::sleep(Duration::from_secs(2)).await;
    Ok(())
}

async fn moves(private: &PrivateCluster, load: &Load) -> Outcome<()> {
    let second = format!("127.0.0.1:{}", private.ports()?[2]);
    let fault = Fault::begin(load, "drain of a worker (100 s at most)", &[]).await;
    private.command(&["cluster", "drain", &second, "--yes"], MOVES_TIMEOUT).await?;
    fault.report(Instant::now()).await;
    private.command(&["cluster", "drain", "--undo", &second, "--yes"], MOVES_TIMEOUT).await?;
    let fault = Fault::begin(load, "rebalance (100 s at most)", &[]).await;
    private.command(&["cluster", "rebalance", "--yes"], MOVES_TIMEOUT).await?;
    fault.report(Instant::now()).await;
    Ok(())
}

struct Fault<'a> {
    load: &'a Load,
    name: &'static str,
    hit: &'a [Group],
    at: Instant,
}

impl<'a> Fault<'a> {
    /// Waits [`CALM`] first, to have figures from before the fault.
    async fn begin(load: &'a Load, name: &'static str, hit: &'a [Group]) -> Self {
        tokio::time::sleep(CALM).await;
        eprintln!("now: {name}");
        Self { load, name, hit, at: Instant::now() }
    }

    async fn wait(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }

    /// Waits until the affected clients succeed again, measured from `repaired`, and prints the line.
    async fn report(&self, repaired: Instant) {
        let until = Instant::now();
        let recovery = self.load.recovery(self.hit, repaired).await;
        let others: Vec<Group> = [Group::Worker(1), Group::Worker(2)]
            .into_iter()
            .filter(|group| !self.hit.contains(group))
            .collect();
        let hit = self.load.summary(self.hit, self.at, until);
        let before = self.load.summary(&others, self.at - CALM, self.at);
        let during = self.load.summary(&others, self.at, until);
        let pair = |summary: &Summary| format!("{}, {} ms", summary.percentile(50), summary.percentile(95));
        let affected = match self.hit {
            [] => "-".to_owned(),
            [Group::SignUp] => "sign-ups".to_owned(),
            _ => "its tenants".to_owned(),
        };
        println!(
            "| {} | {:.1} s | {affected} | {} / {} / {} | {} ms | {} of {} (longest {} ms) | {} | {} | {} |",
            self.name,
            (until - self.at).as_secs_f32(),
            hit.ok(),
            hit.busy(),
            hit.wrong(),
            hit.longest(),
            during.busy() + during.wrong(),
            during.count(),
            during.longest(),
            pair(&before),
            pair(&during),
            if self.hit.is_empty() { "-".to_owned() } else { recovery }
        );
    }
}
