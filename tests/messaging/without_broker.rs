//! Delivery without a broker: a server or a worker processes the outbox, each message once.

use serde_json::json;

use super::fixture::MessagingFixture;
use crate::support::eventually;

#[tokio::test]
async fn killing_the_server_between_answer_and_delivery_loses_nothing() {
    let fixture = MessagingFixture::create().await;
    let (web, app) = fixture.web().await;
    let people = fixture.people(&app).await;
    for _ in 0..5 {
        assert_eq!(people.share().await.expect(201).json()["delivery"], "pending");
    }
    let late = people.share_preferring("wait=1").await.expect(202);
    assert_eq!(late.json()["delivery"], "pending");
    assert!(late.location().ends_with("/deliveries"), "{}", late.location());
    web.kill_async().await;
    assert_eq!(fixture.messages(people.tenant(), "pending").await, 6);

    let worker = fixture.worker("").await;
    fixture.wait_until(people.tenant(), "acknowledged", 6).await;
    assert_eq!(fixture.inbox_rows(people.tenant()).await, 12);
    assert_eq!(worker.stop_async().await, 0, "the worker ends cleanly");
}

#[tokio::test]
async fn a_worker_is_notified_of_what_another_process_wrote() {
    let fixture = MessagingFixture::create().await;
    let (_web, app) = fixture.web().await;
    let people = fixture.people(&app).await;
    let worker = fixture.worker("").await;
    let listening =
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN %'
                     AND state = 'idle' AND $1::bigint > 0";
    eventually("the worker listens", async || fixture.number(listening, people.tenant()).await > 0).await;
    people.share().await.expect(201);
    let notified = format!("notified of messages of tenants {}", people.tenant());
    eventually("the worker is notified", async || worker.log().contains(&notified)).await;
    fixture.wait_until(people.tenant(), "acknowledged", 1).await;
}

#[tokio::test]
async fn two_workers_deliver_each_message_once_even_if_one_is_killed() {
    let fixture = MessagingFixture::create().await;
    let (_web, app) = fixture.web().await;
    let people = fixture.people(&app).await;
    for _ in 0..150 {
        people.share().await.expect(201);
    }
    let workers = [fixture.worker("").await, fixture.worker("").await];
    let [first, second] = workers;
    first.kill_async().await;
    fixture.wait_until(people.tenant(), "acknowledged", 150).await;
    assert_eq!(fixture.inbox_rows(people.tenant()).await, 300);
    assert_eq!(second.stop_async().await, 0);
}

#[tokio::test]
async fn a_revoked_share_is_not_delivered() {
    let fixture = MessagingFixture::create().await;
    let (_web, app) = fixture.web().await;
    let people = fixture.people(&app).await;
    let note = people.share().await.expect(201).json()["note_id"].as_i64().expect("a number");
    let back = "DELETE FROM shares WHERE tenant_id = $1 AND note_id = $2 AND audience = $3";
    fixture
        .admin
        .execute(back, &[&people.tenant(), &note, &people.readers[0].user_id])
        .await
        .expect("taken back");
    let _worker = fixture.worker("").await;
    fixture.wait_until(people.tenant(), "acknowledged", 1).await;
    let reader = "SELECT recipient_id FROM shared_notes WHERE tenant_id = $1";
    assert_eq!(fixture.number(reader, people.tenant()).await, people.readers[1].user_id);
}

#[tokio::test]
async fn a_failing_message_stops_after_five_attempts_and_is_listed_replayed_and_dropped() {
    let fixture = MessagingFixture::create().await;
    let (_web, app) = fixture.web().await;
    let people = fixture.people(&app).await;
    let tenant = people.tenant();
    let poison = fixture.insert_poison_message(&people.author).await;
    let unknown = "INSERT INTO outbox (tenant_id, route, user_id) VALUES ($1, 'fly', $2)";
    let other = people.readers[0].tenant_id;
    let worker = fixture.worker("").await;
    people.share().await.expect(201);
    fixture.wait_until(tenant, "acknowledged", 1).await;
    fixture.wait_until_failed(tenant, poison).await;

    let listed = fixture.command("", &["list"]).await;
    let row = &listed["failed"][0];
    assert_eq!(
        (row["attempts"].as_i64(), row["message"].as_str()),
        (Some(5), Some(format!("{tenant}/{poison}").as_str())),
        "{listed}"
    );
    assert!(row["last_error"].as_str().is_some_and(|error| error.contains("insert_to_shared")), "{listed}");
    let name = format!("{tenant}/{poison}");
    assert_eq!(fixture.command("", &["show", &name]).await["state"], "failed");
    let summary = fixture.command("", &[]).await;
    assert!(
        summary["states"]
            .as_array()
            .is_some_and(|states| states.iter().any(|state| state["state"] == "failed")),
        "{summary}"
    );

    // A replay fails again; after a repair it succeeds; a replay of a finished message changes nothing.
    assert_eq!(fixture.command("", &["replay", &name]).await["replayed"], json!([name]));
    fixture.wait_until_failed(tenant, poison).await;
    let note = fixture.number("SELECT min(id) FROM notes WHERE tenant_id = $1", tenant).await;
    fixture
        .admin
        .execute(
            "UPDATE outbox SET note_id = $3 WHERE tenant_id = $1 AND id = $2",
            &[&tenant, &poison, &note],
        )
        .await
        .expect("mended");
    fixture.command("", &["replay", "--all"]).await;
    fixture.wait_until(tenant, "acknowledged", 2).await;
    assert_eq!(fixture.command("", &["replay", &name]).await["not_failed"], json!([name]));
    assert_eq!(fixture.inbox_rows(tenant).await, 2);

    fixture.admin.execute(unknown, &[&other, &people.author.user_id]).await.expect("a message of no route");
    let fly = fixture.number("SELECT id FROM outbox WHERE tenant_id = $1 AND route = 'fly'", tenant).await;
    fixture.wait_until_failed(tenant, fly).await;
    for message in [poison, fly] {
        let fields = format!("tenant={tenant} message={message}");
        eventually("its log line names the message", async || {
            let given_up = format!("message {tenant}/{message} ");
            let log = worker.log();
            let mut lines = log.lines().filter(|line| line.contains(&given_up) && line.contains("given up"));
            lines.next().is_some_and(|line| line.ends_with(&fields))
        })
        .await;
    }
    let name = format!("{tenant}/{fly}");
    assert_eq!(fixture.command("", &["drop", &name]).await["dropped"], json!([name]));
    assert_eq!(fixture.command("", &["drop", &name]).await["not_failed"], json!([name]));
    assert_eq!(fixture.run("", &["show", &name]).await.code, Some(1));
    assert_eq!(worker.stop_async().await, 0);
}
