//! Without a broker: what is in the outbox is delivered by whoever runs, once.

use serde_json::json;

use super::fixture::MessagingFixture;
use crate::support::eventually;

#[tokio::test]
async fn a_server_killed_between_the_answer_and_the_delivery_loses_nothing() {
    let office = MessagingFixture::open().await;
    let (web, app) = office.web().await;
    let people = office.people(&app).await;
    for _ in 0..5 {
        assert_eq!(people.share().await.expect(201).json()["delivery"], "pending");
    }
    let late = people.share_preferring("wait=1").await.expect(202);
    assert_eq!(late.json()["delivery"], "pending");
    assert!(late.location().ends_with("/deliveries"), "{}", late.location());
    web.kill_aside().await;
    assert_eq!(office.messages(people.tenant(), "pending").await, 6);

    let worker = office.worker("").await;
    office.until(people.tenant(), "acknowledged", 6).await;
    assert_eq!(office.inbox_rows(people.tenant()).await, 12);
    assert_eq!(worker.stop_aside().await, 0, "the worker ends cleanly");
}

#[tokio::test]
async fn a_worker_is_notified_of_what_another_process_wrote() {
    let office = MessagingFixture::open().await;
    let (_web, app) = office.web().await;
    let people = office.people(&app).await;
    let worker = office.worker("").await;
    let listening =
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN %'
                     AND state = 'idle' AND $1::bigint > 0";
    eventually("the worker listens", async || office.number(listening, people.tenant()).await > 0).await;
    people.share().await.expect(201);
    let notified = format!("notified of messages of tenants {}", people.tenant());
    eventually("the worker is notified", async || worker.log().contains(&notified)).await;
    office.until(people.tenant(), "acknowledged", 1).await;
}

#[tokio::test]
async fn two_workers_deliver_each_message_once_and_one_that_is_killed_leaves_none_behind() {
    let office = MessagingFixture::open().await;
    let (_web, app) = office.web().await;
    let people = office.people(&app).await;
    for _ in 0..150 {
        people.share().await.expect(201);
    }
    let workers = [office.worker("").await, office.worker("").await];
    let [first, second] = workers;
    first.kill_aside().await;
    office.until(people.tenant(), "acknowledged", 150).await;
    assert_eq!(office.inbox_rows(people.tenant()).await, 300);
    assert_eq!(second.stop_aside().await, 0);
}

#[tokio::test]
async fn what_is_taken_back_before_it_is_delivered_does_not_arrive() {
    let office = MessagingFixture::open().await;
    let (_web, app) = office.web().await;
    let people = office.people(&app).await;
    let note = people.share().await.expect(201).json()["note_id"].as_i64().expect("a number");
    let back = "DELETE FROM shares WHERE tenant_id = $1 AND note_id = $2 AND audience = $3";
    office
        .admin
        .execute(back, &[&people.tenant(), &note, &people.readers[0].user_id])
        .await
        .expect("taken back");
    let _worker = office.worker("").await;
    office.until(people.tenant(), "acknowledged", 1).await;
    let reader = "SELECT recipient_id FROM shared_notes WHERE tenant_id = $1";
    assert_eq!(office.number(reader, people.tenant()).await, people.readers[1].user_id);
}

#[tokio::test]
async fn a_message_that_always_fails_is_given_up_after_five_attempts_listed_replayed_and_dropped() {
    let office = MessagingFixture::open().await;
    let (_web, app) = office.web().await;
    let people = office.people(&app).await;
    let tenant = people.tenant();
    let poison = office.poison(&people.author).await;
    let unknown = "INSERT INTO outbox (tenant_id, route, user_id) VALUES ($1, 'fly', $2)";
    let other = people.readers[0].tenant_id;
    let worker = office.worker("").await;
    people.share().await.expect(201);
    office.until(tenant, "acknowledged", 1).await;
    office.until_given_up(tenant, poison).await;

    let listed = office.command("", &["list"]).await;
    let row = &listed["failed"][0];
    assert_eq!(
        (row["attempts"].as_i64(), row["message"].as_str()),
        (Some(5), Some(format!("{tenant}/{poison}").as_str())),
        "{listed}"
    );
    assert!(row["last_error"].as_str().is_some_and(|error| error.contains("insert_to_shared")), "{listed}");
    let name = format!("{tenant}/{poison}");
    assert_eq!(office.command("", &["show", &name]).await["state"], "failed");
    let summary = office.command("", &[]).await;
    assert!(
        summary["states"]
            .as_array()
            .is_some_and(|states| states.iter().any(|state| state["state"] == "failed")),
        "{summary}"
    );

    // Replayed it fails again; mended it is done, and replaying what is done changes nothing.
    assert_eq!(office.command("", &["replay", &name]).await["replayed"], json!([name]));
    office.until_given_up(tenant, poison).await;
    let note = office.number("SELECT min(id) FROM notes WHERE tenant_id = $1", tenant).await;
    office
        .admin
        .execute(
            "UPDATE outbox SET note_id = $3 WHERE tenant_id = $1 AND id = $2",
            &[&tenant, &poison, &note],
        )
        .await
        .expect("mended");
    office.command("", &["replay", "--all"]).await;
    office.until(tenant, "acknowledged", 2).await;
    assert_eq!(office.command("", &["replay", &name]).await["not_failed"], json!([name]));
    assert_eq!(office.inbox_rows(tenant).await, 2);

    office.admin.execute(unknown, &[&other, &people.author.user_id]).await.expect("a message of no route");
    let fly = office.number("SELECT id FROM outbox WHERE tenant_id = $1 AND route = 'fly'", tenant).await;
    office.until_given_up(tenant, fly).await;
    let name = format!("{tenant}/{fly}");
    assert_eq!(office.command("", &["drop", &name]).await["dropped"], json!([name]));
    assert_eq!(office.command("", &["drop", &name]).await["not_failed"], json!([name]));
    assert_eq!(office.run("", &["show", &name]).await.code, Some(1));
    assert_eq!(worker.stop_aside().await, 0);
}
