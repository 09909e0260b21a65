//! What breaks when a part of a cluster breaks, in figures: `bin/cluster-faults` says how it is used. Starts
//! the program with a private cluster in a folder of its own, lets tenants read and write, breaks one thing
//! after the other, and prints who noticed what. It judges nothing.

mod load;
mod private;

use std::time::{Duration, Instant};

use load::{Group, Load, Summary};
use private::{Door, Frozen, Private};

/// For how long nothing is broken before each fault, to compare with.
const CALM: Duration = Duration::from_secs(8);
/// Moves are stopped after this time.
const MOVES_END: Duration = Duration::from_secs(100);

type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

#[tokio::main]
async fn main() -> Outcome<()> {
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    let usage = "bin/cluster-faults calls this with PROGRAM PG_BIN_DIR SECONDS";
    let program = arguments.next().ok_or(usage)?;
    let bin = arguments.next().ok_or(usage)?;
    let seconds = Duration::from_secs(arguments.next().ok_or(usage)?.parse()?);
    let mut private = Private::start(&program, &bin).await?;
    // However the measurement ends, what was started is stopped.
    let ended = tokio::select! {
        ended = measure(&private, seconds) => ended,
        _ = tokio::signal::ctrl_c() => Err("interrupted".into()),
    };
    private.stop().await?;
    ended
}

async fn measure(private: &Private, seconds: Duration) -> Outcome<()> {
    let load = Load::start(private, 3).await?;
    println!(
        "| fault | for | hit | ok / 503 / other | longest answer | others: errors of requests | p50, p95 \
         before | p50, p95 during | served again |"
    );
    println!("| --- | ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: |");
    let worker = private.postmaster("worker1")?;
    let one = [Group::Worker(1)];
    let signups = [Group::SignUp];

    let fault = Fault::begin(&load, "worker frozen (SIGSTOP)", &one).await;
    let frozen = Frozen::freeze(worker)?;
    fault.last(seconds).await;
    drop(frozen);
    fault.report(Instant::now()).await;

    let fault = Fault::begin(&load, "worker killed (kill -9)", &one).await;
    private::kill(worker)?;
    fault.last(seconds).await;
    fault.report(fault.at).await;

    let fault = Fault::begin(&load, "coordinator frozen (SIGSTOP)", &signups).await;
    let frozen = Frozen::freeze(private.postmaster(".")?)?;
    fault.last(seconds).await;
    drop(frozen);
    fault.report(Instant::now()).await;

    let fault = Fault::begin(&load, "coordinator killed (kill -9)", &signups).await;
    private::kill(private.postmaster(".")?)?;
    fault.last(seconds).await;
    fault.report(fault.at).await;

    another_port(private, &load).await?;
    moves(private, &load).await
}

/// The worker is away, is back behind another port after three seconds, and the cluster is told.
async fn another_port(private: &Private, load: &Load) -> Outcome<()> {
    let port = private.ports()?[1];
    let before = Door::open(port).await?;
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
    let after = Door::open(port).await?;
    private.update_node(1, after.port).await?;
    let told = Instant::now();
    fault.last(Duration::from_secs(6)).await;
    fault.report(told).await;
    private.update_node(1, port).await?;
    tokio::time::sleep(Duration::from_secs(2)).await;
    Ok(())
}

async fn moves(private: &Private, load: &Load) -> Outcome<()> {
    let second = format!("127.0.0.1:{}", private.ports()?[2]);
    let fault = Fault::begin(load, "drain of a worker (100 s at most)", &[]).await;
    private.command(&["cluster", "drain", &second, "--yes"], MOVES_END).await?;
    fault.report(Instant::now()).await;
    private.command(&["cluster", "drain", "--undo", &second, "--yes"], MOVES_END).await?;
    let fault = Fault::begin(load, "rebalance (100 s at most)", &[]).await;
    private.command(&["cluster", "rebalance", "--yes"], MOVES_END).await?;
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
    /// Waits in calm first, so that there is a before.
    async fn begin(load: &'a Load, name: &'static str, hit: &'a [Group]) -> Self {
        tokio::time::sleep(CALM).await;
        eprintln!("now: {name}");
        Self { load, name, hit, at: Instant::now() }
    }

    async fn last(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }

    /// Prints the line, once those who were hit are served again, which is counted from `mended`.
    async fn report(&self, mended: Instant) {
        let until = Instant::now();
        let healed = self.load.served_again(self.hit, mended).await;
        let spared: Vec<Group> = [Group::Worker(1), Group::Worker(2)]
            .into_iter()
            .filter(|group| !self.hit.contains(group))
            .collect();
        let hit = self.load.summary(self.hit, self.at, until);
        let before = self.load.summary(&spared, self.at - CALM, self.at);
        let during = self.load.summary(&spared, self.at, until);
        let pair = |summary: &Summary| format!("{}, {} ms", summary.percentile(50), summary.percentile(95));
        let who = match self.hit {
            [] => "-".to_owned(),
            [Group::SignUp] => "sign-ups".to_owned(),
            _ => "its tenants".to_owned(),
        };
        println!(
            "| {} | {:.1} s | {who} | {} / {} / {} | {} ms | {} of {} (longest {} ms) | {} | {} | {} |",
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
            if self.hit.is_empty() { "-".to_owned() } else { healed }
        );
    }
}
