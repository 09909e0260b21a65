//! RabbitMQ killed, absent or out of memory: notes are saved, requests are answered in time, and shares are
//! delivered later.

use std::time::Duration;

use lapin::options::BasicConsumeOptions;
use lapin::types::FieldTable;

use super::fixture::{MessagingFixture, People};
use crate::support::broker::Broker;
use crate::support::eventually;
use crate::support::faulty_proxy::FaultyProxy;

async fn shares_stay_pending(people: &People) {
    let answer = people.share_preferring("wait=1").await.expect(202);
    assert_ne!(answer.json()["delivery"], "acknowledged");
    people.share().await.expect(201);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_or_full_broker_delays_messages_and_loses_none() {
    let Some(mut broker) = Broker::start().await else { return };
    let fixture = MessagingFixture::create().await;
    let (_web, app) = fixture.web().await;
    let people = fixture.people(&app).await;
    let tenant = people.tenant();
    let _worker = fixture.worker(&broker.url).await;
    for _ in 0..20 {
        people.share().await.expect(201);
    }
    // While messages are published.
    tokio::task::block_in_place(|| broker.kill());
    shares_stay_pending(&people).await;
    app.get("/readyz").await.expect(200);
    tokio::task::block_in_place(|| broker.resume());
    fixture.wait_until_acknowledged_after_crash(tenant, 22).await;

    // A broker over its memory limit blocks publishers.
    tokio::task::block_in_place(|| broker.control(&["set_vm_memory_high_watermark", "0.00001"]));
    shares_stay_pending(&people).await;
    assert_eq!(fixture.messages(tenant, "pending").await, 2);
    tokio::task::block_in_place(|| broker.control(&["set_vm_memory_high_watermark", "0.6"]));
    fixture.wait_until(tenant, "acknowledged", 24).await;
    assert_eq!(fixture.inbox_rows(tenant).await, 48);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn confirmed_messages_survive_the_death_of_broker_and_consumer() {
    let Some(mut broker) = Broker::start().await else { return };
    let fixture = MessagingFixture::create().await;
    let (_web, app) = fixture.web().await;
    let people = fixture.people(&app).await;
    let tenant = people.tenant();
    // Another consumer takes the messages and disconnects before it acknowledges one.
    {
        let worker = fixture.worker(&broker.url).await;
        people.share().await.expect(201);
        fixture.wait_until(tenant, "acknowledged", 1).await;
        let (connection, channel) = broker.channel().await;
        let thief = channel.basic_consume(
            "pigeonhole.insert_to_shared".into(),
            "".into(),
            BasicConsumeOptions::default(),
            FieldTable::default(),
        );
        let _thief = thief.await.expect("a consumer");
        for _ in 0..10 {
            people.share().await.expect(201);
        }
        eventually("published", async || fixture.messages(tenant, "pending").await == 0).await;
        worker.kill_async().await;
        drop(connection);
    }
    tokio::task::block_in_place(|| broker.kill());
    tokio::time::sleep(Duration::from_millis(200)).await;
    tokio::task::block_in_place(|| broker.resume());
    let _worker = fixture.worker(&broker.url).await;
    fixture.wait_until(tenant, "acknowledged", 11).await;
    assert_eq!(fixture.inbox_rows(tenant).await, 22);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_with_breaking_connections_keeps_consuming() {
    let Some(broker) = Broker::start().await else { return };
    let fixture = MessagingFixture::create().await;
    let (_web, app) = fixture.web().await;
    let people = fixture.people(&app).await;
    let proxy = FaultyProxy::to(&broker.url).await;
    let _worker = fixture.worker(&proxy.url).await;
    let mut shared = 0;
    for round in 0..20 {
        let sharing = futures_util::future::join_all((0..24).map(|_| people.share()));
        // Each round cuts the connections at another moment.
        let cutting = async {
            tokio::time::sleep(Duration::from_millis(100 + 17 * round)).await;
            proxy.reset_connections();
            proxy.resume();
        };
        let (answers, ()) = tokio::join!(sharing, cutting);
        shared +=
            i64::try_from(answers.iter().filter(|answer| answer.status == 201).count()).expect("a count");
        // Wait for an acknowledgement, so that the next cut hits running work.
        let done = fixture.messages(people.tenant(), "acknowledged").await;
        eventually("messages are taken again", async || {
            fixture.messages(people.tenant(), "acknowledged").await > done.min(shared - 1)
        })
        .await;
    }
    fixture.wait_until(people.tenant(), "acknowledged", shared).await;
    assert_eq!(fixture.inbox_rows(people.tenant()).await, 2 * shared);
}
