//! Actions of the console: the confirmation page, the effect, the refusals and the entry in operator.events.

use serde_json::Value;

use crate::support::{
    App, Call, Person, database, environment, retry_until_ok, spawn_app, spawn_console, unique,
};

/// A database session under this application name, to find it among others.
async fn open_session(name: &str) -> tokio_postgres::Client {
    let client = database::connect(&environment::database_url()).await;
    client.batch_execute(&format!("SET application_name = '{name}'")).await.expect("a name");
    client
}

/// Waits until the session meets the condition; returns the session and the whole page.
async fn wait_for_session(console: &App, name: &str, there: impl Fn(&Value) -> bool) -> (Value, Value) {
    retry_until_ok(async || {
        let activity = console.get("/activity.json").await.expect(200).json();
        let sessions = activity["sessions"].as_array().expect("sessions");
        let session =
            sessions.iter().find(|session| session["application"] == name && there(session)).cloned();
        session.map(|session| (session, activity)).ok_or_else(|| format!("{name} is not shown"))
    })
    .await
}

/// The latest entry of this command whose detail contains `what`.
async fn latest_event(console: &App, command: &str, what: &str) -> Value {
    let events = console.get("/events.json?since=1h").await.expect(200).json();
    let lines = events["events"].as_array().expect("events");
    let line = lines.iter().find(|line| {
        line["command"] == command && line["detail"].as_str().is_some_and(|detail| detail.contains(what))
    });
    line.unwrap_or_else(|| panic!("no {command} of {what} in {events}")).clone()
}

#[tokio::test]
async fn console_actions_refuse_cross_origin_requests() {
    let console = spawn_console().await;
    for action in [
        "/jobs/rebalance",
        "/jobs/1/cancellation",
        "/nodes/1/drain",
        "/tenants/1/isolation",
        "/activity/0/1/termination",
        "/logout",
    ] {
        let call = Call::new("POST", action).header("origin", "https://elsewhere.example").form(&[]);
        console.answer(call).await.expect(403);
    }
}

#[tokio::test]
async fn cancelling_a_statement_needs_confirmation_and_is_recorded_with_its_operator() {
    let console = spawn_console().await;
    let name = unique("cancelled");
    let client = open_session(&name).await;
    let statement =
        tokio::spawn(async move { client.batch_execute("SELECT pg_sleep(60), 'a secret'").await });
    let (session, _) = wait_for_session(&console, &name, |session| session["state"] == "active").await;
    assert_eq!(session["statement"], "SELECT pg_sleep(60), '…'");
    let path = format!("/activity/{}/{}/cancellation", session["group"], session["pid"]);
    let question = console.get(&format!("{path}/new")).await.expect(200).text();
    assert!(
        question.contains("Cancel the statement")
            && question.contains(&name)
            && !question.contains("a secret"),
        "{question}"
    );
    assert!(!statement.is_finished());

    let (began, statement_began) = (session["began"][0].to_string(), session["began"][1].to_string());
    // The process runs another statement than the one on the confirmation page.
    let other = [("began", began.as_str()), ("statement_began", "1")];
    assert!(console.post_form(&path, &other).await.expect(409).text().contains("has ended meanwhile"));
    let meant = [("began", began.as_str()), ("statement_began", statement_began.as_str())];
    let answer = console.post_form(&path, &meant).await.expect(303);
    let page = console.get(answer.location()).await.expect(200).text();
    assert!(page.contains("The server was asked to cancel the statement"), "{page}");
    let error = statement.await.expect("a task").expect_err("it was cancelled");
    assert_eq!(error.code(), Some(&tokio_postgres::error::SqlState::QUERY_CANCELED));

    let line = latest_event(&console, "cancel", &name).await;
    assert_eq!(line["outcome"], "done");
    assert!(line["who"].as_str().is_some_and(|who| who.starts_with("console, 127.0.0.1")), "{line}");
    console.get(&format!("/activity/{}/2147483647/cancellation/new", session["group"])).await.expect(404);
}

#[tokio::test]
async fn closing_a_session_needs_confirmation() {
    let console = spawn_console().await;
    let name = unique("closed");
    let client = open_session(&name).await;
    client.batch_execute("BEGIN; SELECT 1").await.expect("a transaction");
    let (session, _) =
        wait_for_session(&console, &name, |session| session["state"] == "idle in transaction").await;
    let path = format!("/activity/{}/{}/termination", session["group"], session["pid"]);
    assert!(console.get(&format!("{path}/new")).await.expect(200).text().contains("Close the session"));
    let (began, statement_began) = (session["began"][0].to_string(), session["began"][1].to_string());
    console.post_form(&path, &[("began", &began), ("statement_began", &statement_began)]).await.expect(303);
    client.batch_execute("SELECT 1").await.expect_err("it was closed");
    assert_eq!(latest_event(&console, "terminate", &name).await["outcome"], "done");
}

/// On Citus both sessions are on the coordinator, and the lock that one waits for is on a worker.
#[tokio::test]
async fn lock_waits_are_shown_as_a_tree_over_all_nodes() {
    let (app, console) = (spawn_app().await, spawn_console().await);
    let person = Person::founder(&app).await;
    person.script(&app).await.note("to be locked").await;
    let (holder, waiter) = (unique("holder"), unique("waiter"));
    let (first, second) = (open_session(&holder).await, open_session(&waiter).await);
    let change = format!("UPDATE notes SET content = content WHERE tenant_id = {}", person.tenant_id);
    first.batch_execute(&format!("BEGIN; {change}")).await.expect("a lock");
    let waiting = tokio::spawn(async move { second.batch_execute(&change).await });

    let tree = retry_until_ok(async || {
        let (_, activity) = wait_for_session(&console, &waiter, |session| session["state"] == "active").await;
        let waits = activity["waits"].as_array().expect("waits").clone();
        let tree: Vec<_> = waits
            .iter()
            .filter_map(|wait| Some((wait["who"].as_str()?.to_owned(), wait["depth"].as_u64()?)))
            .filter(|(who, _)| who.contains(&holder) || who.contains(&waiter))
            .collect();
        if tree.len() == 2 { Ok(tree) } else { Err(format!("{tree:?}")) }
    })
    .await;
    assert_eq!(
        tree.iter().map(|(who, depth)| (who.contains(&holder), *depth)).collect::<Vec<_>>(),
        [(true, 0), (false, 1)],
        "{tree:?}"
    );
    let page = console.get("/activity").await.expect(200).text();
    assert!(page.contains("holds it:") && page.contains(&holder), "{page}");
    first.batch_execute("ROLLBACK").await.expect("an end");
    waiting.await.expect("a task").expect("its turn");
}

#[tokio::test]
async fn cluster_actions_on_plain_postgresql_are_409_with_an_explanation() {
    if environment::on_citus() {
        environment::skipped("it is about plain PostgreSQL: bin/test --plain");
        return;
    }
    let console = spawn_console().await;
    for (method, path) in [
        ("GET", "/jobs/rebalance/new"),
        ("POST", "/jobs/rebalance"),
        ("GET", "/tenants/1/isolation/new"),
        ("POST", "/jobs/1/cancellation"),
    ] {
        let answer = console.answer(Call::new(method, path).form(&[])).await.expect(409);
        assert!(
            answer.text().contains("plain PostgreSQL") && answer.text().contains("pigeonhole cluster init"),
            "{}",
            answer.text()
        );
    }
    console.get("/nodes/1/drain/new").await.expect(404);
    assert!(console.get("/jobs").await.expect(200).text().contains("plain PostgreSQL"));
    console.get("/events").await.expect(200);
}
