//! Bodies, lists, connections and archives at once (security.md, H1, H2, H3, H6).

use std::sync::Arc;
use std::time::Duration;

use crate::Outcome;
use crate::archives::{random_letters, upload, with_names};
use crate::bodies;
use crate::client::Client;
use crate::connections::{Kind, open};
use crate::crowd::Crowd;
use crate::lists;
use crate::report::Row;
use crate::stage::Stage;

const DEADLINE: Duration = Duration::from_secs(90);
const AT_LEAST: Duration = Duration::from_secs(20);
const IMPORT_TIMEOUT: Duration = Duration::from_secs(60);

/// All attacks on memory and on connections together.
pub async fn all(stage: Arc<Stage>) -> Outcome<Row> {
    let notes = lists::prepare(&stage).await?;
    let strangers = bodies::of_strangers(&stage);
    let lists = lists::requests(&stage, &notes);
    let uploader = stage.token(&stage.founder().await?).await?;
    let archive = with_names(&random_letters(261_000), 400);
    let client = Client::with_timeout(&stage.target.base, stage.block.attacker(), IMPORT_TIMEOUT)?;
    let watch = stage.watch(false).await?;
    let mut crowd = Crowd::new();
    bodies::send(&stage, &mut crowd, &strangers, stage.connections(40), |_| stage.block.attacker());
    let many = |index: usize| stage.block.attacker_number(index / 10);
    bodies::send(&stage, &mut crowd, &strangers, stage.connections(400), many);
    let list_number = stage.connections(3 * lists.len());
    bodies::send(&stage, &mut crowd, &lists, list_number, |_| stage.block.attacker());
    open(&stage, &mut crowd, Kind::Silent, stage.connections(1_100), |_| stage.block.attacker());
    open(&stage, &mut crowd, Kind::SecondHead, stage.connections(1_100), |_| stage.block.attacker());
    crowd.add(async move { client.send(upload(&uploader, archive)).await.status });
    let closing = stage.until_closed(AT_LEAST, DEADLINE).await;
    let mut tally = crowd.end().await;
    tally.require_closed(closing);
    Ok(watch.end(tally).await)
}

/// Ten attackers at once, each with the numbers of the findings: 40 bodies, 3 lists, 1,100 connections and an
/// archive.
pub async fn ten_times(stage: Arc<Stage>) -> Outcome<Row> {
    const ATTACKERS: usize = 10;
    let notes = lists::prepare(&stage).await?;
    let strangers = bodies::of_strangers(&stage);
    let lists = lists::requests(&stage, &notes);
    let uploader = stage.token(&stage.founder().await?).await?;
    let archive = with_names(&random_letters(261_000), 400);
    let watch = stage.watch(false).await?;
    let mut crowd = Crowd::new();
    let of_ten = |index: usize| stage.block.attacker_number(index % ATTACKERS);
    bodies::send(&stage, &mut crowd, &strangers, stage.connections(40 * ATTACKERS), of_ten);
    bodies::send(&stage, &mut crowd, &lists, stage.connections(3 * ATTACKERS), of_ten);
    open(&stage, &mut crowd, Kind::Silent, stage.connections(550 * ATTACKERS), of_ten);
    open(&stage, &mut crowd, Kind::SecondHead, stage.connections(550 * ATTACKERS), of_ten);
    for number in 0..ATTACKERS {
        let client = Client::with_timeout(&stage.target.base, of_ten(number), IMPORT_TIMEOUT)?;
        let (uploader, archive) = (uploader.clone(), archive.clone());
        crowd.add(async move { client.send(upload(&uploader, archive)).await.status });
    }
    let closing = stage.until_closed(AT_LEAST, DEADLINE).await;
    let mut tally = crowd.end().await;
    tally.require_closed(closing);
    Ok(watch.end(tally).await)
}
