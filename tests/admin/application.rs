//! The page about the application, and its actions on failed messages.

use super::console_server::ConsoleServer;
use crate::support::{Page, Person, unique};

#[tokio::test]
async fn the_application_page_its_json_and_its_text_agree_for_the_chosen_period() {
    let (console, _database) = ConsoleServer::start().await;
    let script = Person::founder(&console.app).await.script(&console.app).await;
    for _ in 0..4 {
        script.get("/api/notes").await.expect(200);
    }
    let json = console.get("/application.json").await.expect(200).json();
    let routes = json["routes"].as_array().expect("routes");
    let list = routes
        .iter()
        .find(|line| line["route"] == "/api/notes" && line["method"] == "GET")
        .expect("the list of notes");
    assert_eq!(list["requests"], 4);
    assert!(list["p50"].as_f64().expect("a time") > 0.0 && list["p99"].as_f64() >= list["p50"].as_f64());
    assert_eq!(json["minutes"], 60);
    let points = json["series"].as_array().expect("a series");
    let sum: u64 = points.iter().map(|point| point["requests"].as_u64().expect("a count")).sum();
    assert_eq!(json["requests"]["requests"].as_u64(), Some(sum));
    assert!(json["pools"].as_array().expect("pools").iter().any(|pool| pool["pool"] == "tenants"));
    assert!(json["migrations"].as_array().expect("migrations").len() > 4);
    assert_eq!(json["messages"]["backlog"]["failed"], 0);

    let page = Page::parse(&console.get("/application?since=6h").await.expect(200).text());
    assert_eq!(page.all("figure svg[role=img][aria-label]").len(), 4);
    assert!(page.text().contains("GET /api/notes"), "{}", page.text());
    assert!(!page.has("a[href='/messages/replay/new']"), "nothing failed");
    let text = console.get("/application.txt").await.expect(200).text();
    assert!(text.contains("REQUESTS BY ROUTE") && text.contains("GET /api/notes"), "{text}");
    console.get("/application?since=3y").await.expect(400);
}

#[tokio::test]
async fn a_failed_message_is_replayed_or_dropped_after_confirmation() {
    let (console, database) = ConsoleServer::start().await;
    let admin = database.client().await;
    let insert = "INSERT INTO outbox (tenant_id, route, user_id, payload, failed_at, attempts, last_error)
                  VALUES (7, $1, 1, '{}', now(), 5, 'on <purpose>') RETURNING id";
    let mut names = Vec::new();
    for _ in 0..3 {
        let id: i64 = admin.query_one(insert, &[&unique("no_such_route")]).await.expect("a message").get(0);
        names.push(format!("7/{id}"));
    }
    let page = console.get("/application").await.expect(200).text();
    assert!(names.iter().all(|name| page.contains(name)) && page.contains("on &#60;purpose&#62;"), "{page}");

    let asked = console.get(&format!("/messages/removal/new?message={}", names[0])).await.expect(200).text();
    assert!(asked.contains(&names[0]) && !asked.contains(&names[1]), "{asked}");
    let count = "SELECT count(*) FROM outbox WHERE tenant_id = 7 AND failed_at IS NOT NULL";
    assert_eq!(
        admin.query_one(count, &[]).await.expect("a count").get::<_, i64>(0),
        3,
        "asking changes nothing"
    );
    let done = console.post("/messages/removal", &[("message", &names[0])]).await.expect(303);
    let page = console.get(done.location()).await.expect(200).text();
    assert!(page.contains("1 message is given up."), "{page}");
    console.post("/messages/replay", &[("message", "")]).await.expect(303);
    let again = "SELECT count(*) FROM outbox WHERE tenant_id = 7";
    assert_eq!(admin.query_one(again, &[]).await.expect("a count").get::<_, i64>(0), 2);
    let events = "SELECT count(*) FROM operator.events WHERE command LIKE 'messages %' AND outcome = 'done'";
    assert_eq!(admin.query_one(events, &[]).await.expect("a count").get::<_, i64>(0), 2);
    console.post("/messages/replay", &[("message", "7/x")]).await.expect(400);
}
