//! The delivery state of a share, as its author sees it in the API and on pages.

use serde_json::{Value, json};

use super::fixture::MessagingFixture;

#[tokio::test]
async fn the_author_sees_the_delivery_state_in_the_api_and_on_pages() {
    let fixture = MessagingFixture::create().await;
    let (web, app) = fixture.web().await;
    let people = fixture.people(&app).await;
    let (tenant, script) = (people.tenant(), &people.script);
    let others = people.readers[0].script(&app).await;
    let browser = people.author.browser(&app).await;

    let note = script.note("not shared").await;
    let (path, page, shares) =
        (format!("/api/notes/{note}"), format!("/notes/{note}"), format!("/notes/{note}/shares"));
    assert!(script.read(note).await.get("delivery").is_none());
    let text = browser.page(&page).await.text();
    assert!(!text.contains("on its way") && !text.contains("arrived"), "{text}");

    let body = json!({"share_with": [people.readers[0].user_id]});
    script.post(&format!("{path}/shares"), &body).await.expect(201);
    for (state, change, words) in [
        ("pending", "attempts = 0", "on its way"),
        ("published", "published_at = now()", "on its way"),
        ("failed", "failed_at = now()", "an operator has been notified"),
    ] {
        let statement = format!("UPDATE outbox SET {change} WHERE tenant_id = $1 AND note_id = $2");
        fixture.admin.execute(&statement, &[&tenant, &note]).await.expect(&statement);
        assert_eq!(script.read(note).await["delivery"], state);
        for path in [&page, &shares] {
            let text = browser.page(path).await.text();
            assert!(text.contains(words), "{path}, {state}: {text}");
        }
    }
    // The state of the latest share counts.
    script.post(&format!("{path}/shares"), &json!({"share_with": "everyone"})).await.expect(201);
    assert_eq!(script.read(note).await["delivery"], "pending");
    let worker = fixture.worker("").await;
    fixture.wait_until(tenant, "acknowledged", 1).await;
    assert_eq!(script.read(note).await["delivery"], "acknowledged");
    assert!(browser.page(&page).await.text().contains("arrived"));
    assert!(browser.page(&shares).await.text().contains("arrived at 2, opened by 0"));
    assert_eq!(others.read(note).await.get("delivery"), None, "only its author learns of it");
    let list: Vec<Value> =
        script.get("/api/notes").await.expect(200).json().as_array().expect("a list").clone();
    assert!(list.iter().all(|note| note.get("delivery").is_none()));

    // Messages are removed after a week; the note stays shared.
    fixture.admin.execute("DELETE FROM outbox WHERE tenant_id = $1", &[&tenant]).await.expect("no messages");
    assert_eq!(script.read(note).await["delivery"], "acknowledged");
    for audience in ["everyone".to_owned(), people.readers[0].user_id.to_string()] {
        script.delete(&format!("{path}/shares/{audience}")).await.expect(204);
    }
    assert!(script.read(note).await.get("delivery").is_none());
    worker.stop_async().await;
    web.stop_async().await;
}
