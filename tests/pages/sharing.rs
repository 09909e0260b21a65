//! Sharing on the pages.

use crate::support::{
    Browser, Page, Person, database, html,
    sharing::{insert_delivery, recipients, until_delivered},
    spawn_app, unique,
};

#[tokio::test]
async fn a_note_is_shared_edited_by_a_colleague_and_unshared_on_the_pages() {
    let app = spawn_app().await;
    let author = Person::founder(&app).await;
    let other = author.colleague(&app).await;
    let (mine, theirs) = (author.browser(&app).await, other.browser(&app).await);
    let id = mine.note("one\ntwo\nthree\nfour\nfive").await;
    let (path, shares) = (format!("/notes/{id}"), format!("/notes/{id}/shares"));
    assert!(mine.page(&path).await.has(&format!("a[href='{shares}']")));

    let box_name = format!("member-{}", other.user_id);
    assert!(mine.page(&shares).await.has(&format!("input[type=checkbox][name='{box_name}']")));
    let fields = [("audience", "members"), (box_name.as_str(), "on"), ("access", "edit")];
    mine.post(&shares, &fields).await.expect_see_other(&shares);
    until_delivered(author.tenant_id).await;
    let page = mine.page(&shares).await.text();
    assert!(page.contains(&other.username) && page.contains("not opened yet"), "{page}");

    let opened = theirs.page(&path).await;
    let text = opened.text();
    assert!(text.contains(&author.username) && text.contains("you may edit"), "{text}");
    assert!(!opened.has(&format!("a[href='{shares}'], form[action='{path}/deletion']")));
    let form = theirs.page(&format!("{path}/edit")).await.form(&path);
    let edited = html::with_value(&form, "content", "ONE\r\ntwo\r\nthree\r\nfour\r\nfive");
    mine.post(&path, &[("content", "one\ntwo\nthree\nfour\nFIVE"), ("version", "1")])
        .await
        .expect_see_other(&path);
    theirs.post(&path, &html::as_pairs(&edited)).await.expect_see_other(&path);
    assert_eq!(mine.page(&format!("{path}/edit")).await.value("content"), "ONE\ntwo\nthree\nfour\nFIVE");
    let overlapping = [("content", "uno\ntwo\nthree\nfour\nfive"), ("version", "1")];
    let conflict = Page::parse(&theirs.post(&path, &overlapping).await.expect(409).text()).text();
    assert!(
        conflict.contains("uno")
            && conflict.contains("ONE")
            && conflict.contains(&format!("by {}", other.username))
    );
    for browser in [&mine, &theirs] {
        let history = browser.page(&format!("{path}/revisions")).await.text();
        assert!(history.contains(&author.username) && history.contains(&other.username), "{history}");
    }

    let revocation = format!("{shares}/{}/revocation", other.user_id);
    assert!(mine.page(&shares).await.has(&format!("form[action='{revocation}']")));
    mine.post(&revocation, &[]).await.expect_see_other(&shares);
    theirs.get(&path).await.expect(404);
    theirs.post(&path, &html::as_pairs(&edited)).await.expect(404);
    assert!(!theirs.page("/inbox").await.text().contains("FIVE"));
}

#[tokio::test]
async fn an_invalid_choice_of_recipients_is_422_and_stays_selected() {
    let app = spawn_app().await;
    let author = Person::founder(&app).await;
    let (other, stranger) = (author.colleague(&app).await, Person::founder(&app).await);
    let browser = author.browser(&app).await;
    let id = browser.note("text").await;
    let shares = format!("/notes/{id}/shares");
    let (theirs, foreign) = (format!("member-{}", other.user_id), format!("member-{}", stranger.user_id));
    let none = browser.post(&shares, &[("audience", "members"), ("access", "edit")]).await.expect(422);
    let page = Page::parse(&none.text());
    assert!(page.has("#members-message") && page.has("input[name='access'][value='edit'][checked]"));
    let fields = [("audience", "members"), (theirs.as_str(), "on"), (foreign.as_str(), "on")];
    let page = Page::parse(&browser.post(&shares, &fields).await.expect(422).text());
    assert!(page.has("#members-message") && page.has(&format!("input[name='{theirs}'][checked]")));
    assert_eq!(
        database::number(
            "SELECT count(*) FROM shares WHERE note_id = $1 AND tenant_id = $2",
            &[&id, &author.tenant_id]
        )
        .await,
        0
    );
}

#[tokio::test]
async fn in_a_large_tenant_notes_are_shared_by_name_or_with_everyone() {
    let app = spawn_app().await;
    let author = Person::founder(&app).await;
    let tail = unique("");
    let many = "INSERT INTO shared.users (tenant_id, username, username_key, password, role)
        SELECT $1, 'Person' || n || $2, 'person' || n || $2, 'x', 'member' FROM generate_series(1, 60) n";
    database::admin().await.execute(many, &[&author.tenant_id, &tail]).await.expect("people");
    let browser = author.browser(&app).await;
    let id = browser.note("text").await;
    let shares = format!("/notes/{id}/shares");
    let page = browser.page(&shares).await;
    assert!(page.has("input[name='names']") && !page.has("input[type=checkbox]"));
    let wrong = format!("person1{tail}, nobody of that name");
    let answer = browser.post(&shares, &[("audience", "members"), ("names", &wrong)]).await.expect(422);
    let page = Page::parse(&answer.text());
    assert!(page.field_error("names").contains("nobody of that name"));
    assert_eq!(page.value("names"), wrong);
    let names = format!("PERSON1{tail}, person2{tail}");
    browser.post(&shares, &[("audience", "members"), ("names", &names)]).await.expect(303);
    until_delivered(author.tenant_id).await;
    assert_eq!(recipients(author.tenant_id, id).await, 2);
    browser.post(&shares, &[("audience", "everyone"), ("access", "read")]).await.expect(303);
    until_delivered(author.tenant_id).await;
    assert_eq!(recipients(author.tenant_id, id).await, 60);
    assert!(browser.page(&shares).await.text().contains("arrived at 60, opened by 0"));
    browser.post(&format!("{shares}/everyone/revocation"), &[]).await.expect(303);
    assert_eq!(recipients(author.tenant_id, id).await, 2);
}

/// All text that this user reaches by following links.
async fn crawl(browser: &Browser) -> String {
    let mut waiting =
        vec!["/dashboard".to_owned(), "/inbox".to_owned(), "/notes".to_owned(), "/bin".to_owned()];
    let (mut seen, mut found) = (std::collections::BTreeSet::new(), String::new());
    while let Some(path) = waiting.pop() {
        if path.starts_with("/static") || !seen.insert(path.clone()) {
            continue;
        }
        let answer = browser.get(&path).await;
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        if answer.header("content-type").starts_with("text/html") {
            let page = Page::parse(&text);
            waiting.extend(
                page.all("a[href^='/']")
                    .iter()
                    .map(|link| link.value().attr("href").expect("a link").to_owned()),
            );
        }
        found.push_str(&text);
    }
    found
}

#[tokio::test]
async fn a_crawl_finds_shared_notes_only_while_they_are_shared() {
    let app = spawn_app().await;
    let author = Person::founder(&app).await;
    let (reader, colleague) = (author.colleague(&app).await, author.colleague(&app).await);
    let mine = author.script(&app).await;
    let (before, shared, private) = (unique("before"), unique("shared"), unique("private"));
    let id = mine.note(&before).await;
    mine.put(&format!("/api/notes/{id}"), &serde_json::json!({"content": shared})).await.expect(200);
    mine.note(&private).await;
    insert_delivery(&author, id, &reader, "read").await;
    let theirs = reader.browser(&app).await;
    let found = crawl(&theirs).await;
    assert!(found.contains(&shared) && !found.contains(&private) && !found.contains(&before));
    let found = crawl(&colleague.browser(&app).await).await;
    assert!(!found.contains(&shared) && !found.contains(&private) && !found.contains(&before));
    mine.delete(&format!("/api/notes/{id}/shares/{}", reader.user_id)).await.expect(204);
    assert!(!crawl(&theirs).await.contains(&shared));
}
