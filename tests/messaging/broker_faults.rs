//! A broker that is killed, absent, or out of memory: notes are saved, answers come in time, and all of it arrives later.

use std::time::Duration;

use lapin::options::BasicConsumeOptions;
use lapin::types::FieldTable;

use super::office::{Office, People};
use crate::support::broker::Broker;
use crate::support::eventually;

async fn shares_stay_pending(people: &People) {
    let answer = people.share_preferring("wait=1").await.expect(202);
    assert_ne!(answer.json()["delivery"], "acknowledged");
    people.share().await.expect(201);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_is_killed_or_full_delays_messages_and_loses_none() {
    let Some(mut broker) = Broker::start(module_path!()).await else { return };
    let office = Office::open().await;
    let (_web, app) = office.web().await;
    let people = office.people(&app).await;
    let tenant = people.tenant();
    let _worker = office.worker(&broker.url).await;
    for _ in 0..20 {
        people.share().await.expect(201);
    }
    // In the middle of it.
    tokio::task::block_in_place(|| broker.kill());
    shares_stay_pending(&people).await;
    tokio::task::block_in_place(|| broker.resume());
    office.until_acknowledged_after_a_crash(tenant, 22).await;

    // A full broker takes nothing and says so.
    tokio::task::block_in_place(|| broker.control(&["set_vm_memory_high_watermark", "0.00001"]));
    shares_stay_pending(&people).await;
    assert_eq!(office.messages(tenant, "pending").await, 2);
    tokio::task::block_in_place(|| broker.control(&["set_vm_memory_high_watermark", "0.6"]));
    office.until(tenant, "acknowledged", 24).await;
    assert_eq!(office.inbox_rows(tenant).await, 48);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_broker_confirmed_survives_its_death_and_the_consumers() {
    let Some(mut broker) = Broker::start(module_path!()).await else { return };
    let office = Office::open().await;
    let (_web, app) = office.web().await;
    let people = office.people(&app).await;
    let tenant = people.tenant();
    // Somebody takes the messages and dies before acknowledging one.
    {
        let worker = office.worker(&broker.url).await;
        people.share().await.expect(201);
        office.until(tenant, "acknowledged", 1).await;
        let (connection, channel) = broker.channel().await;
        let thief =
            channel.basic_consume("pigeonhole.insert_to_shared".into(), "".into(), BasicConsumeOptions::default(), FieldTable::default());
        let _thief = thief.await.expect("a consumer");
        for _ in 0..10 {
            people.share().await.expect(201);
        }
        eventually("published", async || office.messages(tenant, "pending").await == 0).await;
        worker.kill_aside().await;
        drop(connection);
    }
    tokio::task::block_in_place(|| broker.kill());
    tokio::time::sleep(Duration::from_millis(200)).await;
    tokio::task::block_in_place(|| broker.resume());
    let worker = office.worker(&broker.url).await;
    tokio::select! {
        () = office.until(tenant, "acknowledged", 11) => {}
        () = tokio::time::sleep(Duration::from_secs(45)) => panic!("{}", worker.log()),
    }
    assert_eq!(office.inbox_rows(tenant).await, 22);
}
