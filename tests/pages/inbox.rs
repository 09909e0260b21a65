//! The inbox on the pages: unread counts and paging.

use crate::api::inbox::fill_inbox;
use crate::support::{Browser, Page, Person, sharing::insert_delivery, spawn_app};

/// The inbox entry of the navigation.
async fn inbox_link_text(browser: &Browser, path: &str) -> String {
    let page = browser.page(path).await;
    let words: String = page.one(".tabs a[href='/inbox']").text().collect();
    words.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn navigation_and_dashboard_show_the_unread_count_at_once() {
    let app = spawn_app().await;
    let author = Person::founder(&app).await;
    let reader = author.colleague(&app).await;
    let mine = author.script(&app).await;
    let mut notes = Vec::new();
    for content in ["first text", "second text", "third text"] {
        let id = mine.note(content).await;
        insert_delivery(&author, id, &reader, "read").await;
        notes.push(id);
    }
    let browser = reader.browser(&app).await;
    let dashboard = browser.page("/dashboard").await;
    assert!(dashboard.has(&format!("a[href='/notes/{}']", notes[0])));
    assert!(dashboard.text().contains("third text") && dashboard.text().contains(&author.username));
    assert_eq!(inbox_link_text(&browser, "/notes").await, "Inbox (3 unread notes)");
    assert_eq!(browser.page("/inbox").await.all(".unread-label").len(), 3);

    assert_eq!(inbox_link_text(&browser, &format!("/notes/{}", notes[0])).await, "Inbox (2 unread notes)");
    assert_eq!(inbox_link_text(&browser, "/bin").await, "Inbox (2 unread notes)");
    let inbox = browser.page("/inbox").await;
    let words: Vec<String> = inbox.all(".unread-label").iter().map(|seal| seal.text().collect()).collect();
    assert_eq!(words, ["Unread", "Unread"]);

    mine.delete(&format!("/api/notes/{}", notes[1])).await.expect(204);
    assert_eq!(inbox_link_text(&browser, "/inbox").await, "Inbox (1 unread note)");
    browser.post("/inbox/reading", &[]).await.expect_see_other("/inbox");
    assert_eq!(inbox_link_text(&browser, "/notes").await, "Inbox");
    assert!(!browser.page("/inbox").await.has(".seal, form[action^='/inbox/reading?']"));
}

#[tokio::test]
async fn the_inbox_shows_twenty_notes_a_page_newest_first() {
    let app = spawn_app().await;
    let author = Person::founder(&app).await;
    let reader = author.colleague(&app).await;
    fill_inbox(&author, &reader, 45).await;
    let browser = reader.browser(&app).await;
    let (pages, path) = browser.pages("/inbox").await;
    assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [20, 20, 5]);
    let back =
        browser.page(&path).await.one("a[rel='prev']").value().attr("href").expect("a way back").to_owned();
    assert_eq!(browser.page(&back).await.note_ids(), pages[1]);
    let mut all = pages.concat();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), 45);
    browser.get("/inbox?older=x").await.expect(200);
}

#[tokio::test]
async fn more_than_99_unread_notes_are_shown_as_99_plus() {
    let app = spawn_app().await;
    let author = Person::founder(&app).await;
    let reader = author.colleague(&app).await;
    fill_inbox(&author, &reader, 130).await;
    assert_eq!(inbox_link_text(&reader.browser(&app).await, "/account").await, "Inbox (99+ unread notes)");
}

#[tokio::test]
async fn an_empty_inbox_says_so() {
    let app = spawn_app().await;
    let browser = Person::founder(&app).await.browser(&app).await;
    let page: Page = browser.page("/inbox").await;
    assert!(page.has(".empty") && !page.has("form[action^='/inbox/reading?']"));
    assert_eq!(inbox_link_text(&browser, "/inbox").await, "Inbox");
}
