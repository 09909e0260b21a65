//! Delivery through RabbitMQ, dead letters, and switching between broker and in-process delivery.

use lapin::options::{BasicPublishOptions, QueueBindOptions};
use lapin::types::FieldTable;
use serde_json::json;

use super::fixture::MessagingFixture;
use crate::support::broker::Broker;
use crate::support::eventually;

#[tokio::test]
async fn messages_pass_the_broker_and_failed_or_unreadable_ones_are_dead_lettered() {
    let Some(broker) = Broker::start().await else { return };
    let fixture = MessagingFixture::create().await;
    let (_web, app) = fixture.web().await;
    let people = fixture.people(&app).await;
    let tenant = people.tenant();
    let worker = fixture.worker(&broker.url).await;
    let second = fixture.worker(&broker.url).await;

    let answer = people.share_preferring("wait=30").await.expect(201);
    assert_eq!(answer.json()["delivery"], "acknowledged");
    for _ in 0..60 {
        people.share().await.expect(201);
    }
    fixture.wait_until(tenant, "acknowledged", 61).await;
    assert_eq!(fixture.inbox_rows(tenant).await, 122);

    let published = "SELECT count(*) FROM outbox WHERE tenant_id = $1 AND route <> 'catch_up' \
        AND published_at IS NOT NULL";
    assert!(fixture.number(published, tenant).await > 0, "nothing went through the broker");

    // Other messages pass one that always fails.
    let poison = fixture.insert_poison_message(&people.author).await;
    fixture.wait_until_failed(tenant, poison).await;
    assert_eq!(people.share_preferring("wait=30").await.expect(201).json()["delivery"], "acknowledged");
    let (_connection, channel) = broker.channel().await;
    for unreadable in [
        "no JSON",
        r#"{"tenant_id": 1, "message_id": 99, "route": "insert_to_shared", "note_id": null, "userid": 1}"#,
    ] {
        let options = BasicPublishOptions::default();
        let sent = channel.basic_publish(
            "pigeonhole".into(),
            "insert_to_shared".into(),
            options,
            unreadable.as_bytes(),
            Default::default(),
        );
        sent.await.expect("sent").await.expect("taken");
    }
    eventually("dead letters", async || fixture.command(&broker.url, &[]).await["dead_letters"] == json!(3))
        .await;
    let listed = fixture.command(&broker.url, &["list"]).await;
    assert_eq!(listed["failed"].as_array().map(Vec::len), Some(1), "{listed}");
    assert_eq!(listed["unreadable"].as_array().map(Vec::len), Some(2), "{listed}");
    let name = format!("{tenant}/{poison}");
    assert_eq!(
        fixture.command(&broker.url, &["drop", &name, "--dead-letters"]).await["dead_letters_dropped"],
        json!(3)
    );

    // Without the queue's binding a message stays in the outbox, and is delivered once the binding is back.
    let (queue, exchange, key) = ("pigeonhole.insert_to_shared", "pigeonhole", "insert_to_shared");
    channel
        .queue_unbind(queue.into(), exchange.into(), key.into(), FieldTable::default())
        .await
        .expect("unbound");
    let late = people.share_preferring("wait=2").await.expect(202);
    assert_eq!(late.json()["delivery"], "pending");
    let reason = "SELECT count(*) FROM outbox WHERE tenant_id = $1 AND route <> 'catch_up' \
        AND acknowledged_at IS NULL AND last_error LIKE '%no queue%'";
    eventually("a reason", async || fixture.number(reason, tenant).await == 1).await;
    assert_eq!(fixture.messages(tenant, "pending").await, 1);
    channel
        .queue_bind(
            queue.into(),
            exchange.into(),
            key.into(),
            QueueBindOptions::default(),
            FieldTable::default(),
        )
        .await
        .expect("bound");
    fixture.wait_until(tenant, "acknowledged", 63).await;

    // From the broker to in-process delivery and back.
    assert_eq!((worker.stop_async().await, second.stop_async().await), (0, 0));
    people.share().await.expect(201);
    let worker = fixture.worker("").await;
    fixture.wait_until(tenant, "acknowledged", 64).await;
    people.share().await.expect(201);
    assert_eq!(worker.stop_async().await, 0);
    people.share().await.expect(201);
    let _worker = fixture.worker(&broker.url).await;
    fixture.wait_until(tenant, "acknowledged", 66).await;
    assert_eq!(fixture.inbox_rows(tenant).await, 2 * 66);
}
