//! Bodies, lists, connections and archives at once (security.md, H1, H2, H3, H6).

use std::sync::Arc;
use std::time::Duration;

use crate::archives::{random_letters, upload, with_names};
use crate::bodies;
use crate::client::Client;
use crate::connections::{Kind, open};
use crate::crowd::Crowd;
use crate::lists;
use crate::outcome::Outcome;
use crate::report::Row;
use crate::stage::Stage;

const DEADLINE: Duration = Duration::from_secs(90);
const AT_LEAST: Duration = Duration::from_secs(20);
/// In a network of their own, behind those of the many addresses.
const FIRST_ATTACKER: usize = 1_000;
const IMPORT_TIMEOUT: Duration = Duration::from_secs(60);

/// All attacks on memory and on connections together, with bodies of forty more addresses.
pub async fn all(stage: Arc<Stage>) -> Outcome<Row> {
    at_once(stage, Numbers { attackers: 1, kinds_of_lists: 8, heads: 1_100, of_many_addresses: 400 }).await
}

/// Ten attackers at once, each with the numbers of the findings: 40 bodies, 3 lists, 1,100 connections and an
/// archive.
pub async fn ten_times(stage: Arc<Stage>) -> Outcome<Row> {
    at_once(stage, Numbers { attackers: 10, kinds_of_lists: 1, heads: 550, of_many_addresses: 0 }).await
}

/// How much comes at once.
struct Numbers {
    /// Addresses with 40 bodies, lists, connections and an archive each.
    attackers: usize,
    /// An attacker asks for each kind of list three times.
    kinds_of_lists: usize,
    /// An attacker's silent connections, and as many with a second head that does not end.
    heads: usize,
    /// Bodies of other addresses, ten of each.
    of_many_addresses: usize,
}

async fn at_once(stage: Arc<Stage>, numbers: Numbers) -> Outcome<Row> {
    let Numbers { attackers, kinds_of_lists, heads, of_many_addresses } = numbers;
    let notes = lists::prepare(&stage).await?;
    let strangers = bodies::of_strangers(&stage);
    let lists = lists::requests(&stage, &notes);
    let uploader = stage.token(&stage.founder().await?).await?;
    let archive = with_names(&random_letters(261_000), 400);
    let watch = stage.watch(false).await?;
    let mut crowd = Crowd::new();
    let attacker = |index: usize| stage.block.attacker_number(FIRST_ATTACKER + index % attackers);
    let many = |index: usize| stage.block.attacker_number(index / 10);
    bodies::send(&stage, &mut crowd, &strangers, stage.connections(40 * attackers), attacker);
    bodies::send(&stage, &mut crowd, &strangers, stage.connections(of_many_addresses), many);
    bodies::send(&stage, &mut crowd, &lists, stage.connections(3 * kinds_of_lists * attackers), attacker);
    open(&stage, &mut crowd, Kind::Silent, stage.connections(heads * attackers), attacker);
    open(&stage, &mut crowd, Kind::SecondHead, stage.connections(heads * attackers), attacker);
    for number in 0..attackers {
        let client = Client::with_timeout(&stage.target.base, attacker(number), IMPORT_TIMEOUT)?;
        let (uploader, archive) = (uploader.clone(), archive.clone());
        crowd.add(async move { client.send(upload(&uploader, archive)).await.status });
    }
    let closing = stage.until_closed(AT_LEAST, DEADLINE).await;
    let mut tally = crowd.end().await;
    tally.require_closed(closing);
    Ok(watch.end(tally).await)
}
