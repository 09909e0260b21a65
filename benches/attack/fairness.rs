//! One member's slow searches, and what another tenant notices (security.md, M4; acceptance L77).

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream};
use tokio::io::AsyncWriteExt;

use crate::client::{Call, Client};
use crate::crowd::Crowd;
use crate::numbers::Samples;
use crate::outcome::Outcome;
use crate::report::Row;
use crate::stage::Stage;
use crate::wire;

/// Full notes of the searching member.
const NOTES: usize = 500;
const WORDS: usize = 37_000;
/// Searches at once.
const SEARCHES: usize = 20;
/// The longest time of writing the notes.
const WRITING: Duration = Duration::from_secs(90);
const QUIET: Duration = Duration::from_secs(15);
const STORM: Duration = Duration::from_secs(40);
const PAUSE: Duration = Duration::from_millis(50);
/// The other tenant's 99th percentile may be so many times its quiet one.
const SLOWER: u32 = 3;
/// A quiet percentile below this is not told from the noise of the machine.
const NOISE: Duration = Duration::from_millis(20);

/// 20 searches that find nothing, again and again, over 500 full notes.
pub async fn searches(stage: Arc<Stage>) -> Outcome<Row> {
    let token = stage.token(&stage.founder().await?).await?;
    let stored = write_notes(&stage, &token).await?;
    let other = stage.token(&stage.founder().await?).await?;
    let note = Call::new("POST", "/api/notes").bearer(&other).json(&serde_json::json!({"content": "one"}));
    stage.prepared(note).await.expect(201, "a note")?;
    let watch = stage.watch(false).await?;
    let quiet = observe(&stage, &other, QUIET).await?;
    let mut crowd = Crowd::new();
    let searches: Arc<Mutex<Samples>> = Arc::new(Mutex::new(Samples::expecting(&[200])));
    for _ in 0..stage.connections(SEARCHES) {
        let (stage, token, searches) = (Arc::clone(&stage), token.clone(), Arc::clone(&searches));
        let mut over = crowd.over();
        crowd.add(async move {
            tokio::select! {
                () = search(&stage, &token, &searches) => {}
                () = over.wait() => {}
            }
            0
        });
    }
    let stormy = observe(&stage, &other, STORM).await?;
    let mut tally = crowd.end().await;
    tally.statuses.clear();
    tally.remark(format!("{stored} notes; searches {}", searches.lock().expect("searches")));
    tally.remark(format!("another tenant: quiet {quiet}, then {stormy}"));
    let (before, during) = (quiet.percentile(0.99).max(NOISE), stormy.percentile(0.99));
    tally.require(
        during <= before * SLOWER,
        format!("another tenant's p99 from {} to {} ms", before.as_millis(), during.as_millis()),
    );
    tally.require(
        stormy.failures() == 0,
        format!("another tenant: {} of {} not served", stormy.failures(), stormy.all.len()),
    );
    Ok(watch.end(tally).await)
}

/// Writes the notes, four at a time. Returns how many were stored: a busy machine is slow, and the server may
/// have a limit.
async fn write_notes(stage: &Stage, token: &str) -> Outcome<usize> {
    let end = Instant::now() + WRITING;
    let write = |_| async move {
        let note = serde_json::json!({"content": random_words()});
        let late = Instant::now() > end;
        !late && stage.prepared(Call::new("POST", "/api/notes").bearer(token).json(&note)).await.status == 201
    };
    let written: Vec<bool> = stream::iter(0..NOTES).map(write).buffer_unordered(4).collect().await;
    let stored = written.into_iter().filter(|written| *written).count();
    if stored == 0 { Err("no note was written".into()) } else { Ok(stored) }
}

/// A full note's worth of different words.
fn random_words() -> String {
    let word = || std::iter::repeat_with(fastrand::lowercase).take(6).chain([' ']);
    std::iter::repeat_with(word).take(WORDS).flatten().collect()
}

/// Searches for words that no note has, for ever.
async fn search(stage: &Stage, token: &str, searches: &Mutex<Samples>) {
    let bearer = format!("Bearer {token}");
    loop {
        let path = format!("/api/notes?limit=100&q={}", crate::people::unique("zz9"));
        let headers = [("Authorization", bearer.as_str())];
        let request = wire::request(&stage.target.host, "GET", &path, &headers, b"");
        if let Ok(mut stream) = wire::connect(stage.block.attacker(), stage.target.address, false).await {
            loop {
                let started = Instant::now();
                if stream.write_all(&request).await.is_err() {
                    break;
                }
                let Ok((status, open)) = wire::read_answer(&mut stream).await else { break };
                searches.lock().expect("searches").add(status, started.elapsed());
                if !open {
                    break;
                }
            }
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// The answers to another tenant that lists its notes, twenty times a second. On a thread of its own, as the
/// attackers' tasks may be late.
async fn observe(stage: &Stage, token: &str, time: Duration) -> Outcome<Samples> {
    let client = stage.client(stage.block.newcomer(0))?;
    let (call, stop) = (Call::new("GET", "/api/notes").bearer(token), Arc::new(AtomicBool::new(false)));
    let thread = std::thread::spawn({
        let stop = Arc::clone(&stop);
        move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(list(client, call, stop))
        }
    });
    tokio::time::sleep(time).await;
    stop.store(true, Ordering::Relaxed);
    let joined = tokio::task::spawn_blocking(move || thread.join()).await?;
    joined.map_err(|_| "the other tenant's client ended early".into())
}

async fn list(client: Client, call: Call, stop: Arc<AtomicBool>) -> Samples {
    let (mut samples, mut ticks) = (Samples::expecting(&[200]), tokio::time::interval(PAUSE));
    let mut requests = tokio::task::JoinSet::new();
    while !stop.load(Ordering::Relaxed) {
        ticks.tick().await;
        let (client, call) = (client.clone(), call.clone());
        requests.spawn(async move { client.send(call).await });
    }
    while let Some(reply) = requests.join_next().await {
        if let Ok(reply) = reply {
            samples.add(reply.status, reply.time);
        }
    }
    samples
}
