//! Limits of notes and bytes.

use std::io::{Cursor, Write};

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::counts::assert_counted;
use super::{allow, unsaved, usage};
use crate::support::{Answer, Call, Person, Script, spawn_app};

const FULL: &str = "You have as many notes as you may have.";
const NO_ROOM: &str = "Your organization has no room for more text.";

async fn create(script: &Script, content: &str) -> Answer {
    script.post("/api/notes", &json!({"content": content})).await
}

async fn edit(script: &Script, note: i64, content: &str) -> Answer {
    script.put(&format!("/api/notes/{note}"), &json!({"content": content})).await
}

#[tokio::test]
async fn a_note_beyond_the_limit_is_refused_in_words_and_its_text_comes_back() {
    let app = spawn_app().await;
    let person = Person::founder(&app).await;
    let (script, browser) = (person.script(&app).await, person.browser(&app).await);
    allow(person.tenant_id, "notes_per_person", 2).await;
    script.note("one").await;
    let second = script.note("two").await;
    let problem = create(&script, "three").await.expect_field_problem(422, "notes_per_person");
    assert!(problem["detail"].as_str().is_some_and(|detail| detail.starts_with(FULL)), "{problem}");
    unsaved(&browser, "/notes", &[("title", "kept"), ("content", "typed\nwith care")], FULL).await;
    let line = format!(
        "limit reached: notes_per_person: tenant {}, user {}, address",
        person.tenant_id, person.user_id
    );
    assert!(app.log().contains(&line), "no line {line}");

    // A note in the bin leaves room for another, and then cannot come back.
    script.delete(&format!("/api/notes/{second}")).await.expect(204);
    script.note("three").await;
    let restoration = format!("/notes/{second}/restoration");
    let refused = browser.post(&restoration, &[]).await.expect(422).text();
    assert!(refused.contains(FULL) && refused.contains("Limit reached"), "{refused}");
    allow(person.tenant_id, "notes_per_person", 0).await;
    browser.post(&restoration, &[]).await.expect(303);
    assert_eq!(usage(&script).await["person"]["notes"], json!({"used": 3, "limit": null}));
    assert_counted(person.tenant_id).await;
}

#[tokio::test]
async fn the_limit_of_the_organization_counts_the_notes_of_all_its_people() {
    let app = spawn_app().await;
    let owner = Person::founder(&app).await;
    let colleague = owner.colleague(&app).await;
    let stranger = Person::founder(&app).await.script(&app).await;
    let scripts = [owner.script(&app).await, colleague.script(&app).await];
    allow(owner.tenant_id, "notes_in_all", 3).await;
    scripts[0].note("one").await;
    scripts[1].note("two").await;
    scripts[1].note("three").await;
    for script in &scripts {
        create(script, "four").await.expect_field_problem(422, "notes");
    }
    stranger.note("another organization is not concerned").await;
    let of_owner = usage(&scripts[0]).await;
    assert_eq!(of_owner["organization"]["notes"], json!({"used": 3, "limit": 3}));
    assert_eq!(of_owner["person"]["notes"]["used"], 1);
    let of_member = usage(&scripts[1]).await;
    assert_eq!(of_member.get("organization"), None, "only owners see it");
    assert_eq!(of_member["person"]["notes"]["used"], 2);
    let page = owner.browser(&app).await.page("/organization").await;
    assert!(page.text().contains("3 of 3"), "{}", page.text());
    assert_eq!(page.all("meter[value='3'][max='3']").len(), 1);
    assert!(colleague.browser(&app).await.page("/account").await.text().contains("2 of 100,000"));
}

#[tokio::test]
async fn bytes_count_every_text_that_is_kept_and_a_row_for_each() {
    let app = spawn_app().await;
    let owner = Person::founder(&app).await;
    let reader = owner.colleague(&app).await;
    let (script, browser) = (owner.script(&app).await, owner.browser(&app).await);
    let note = script.post("/api/notes", &json!({"title": "Tä", "content": "12345"})).await.expect(201);
    let note = note.json()["note_id"].as_i64().expect("an id");
    let used = async || usage(&script).await["organization"]["bytes"]["used"].as_i64().expect("bytes");
    assert_eq!(used().await, 256 + 3 + 5);
    edit(&script, note, "123").await.expect(200);
    assert_eq!(used().await, 256 + 3 + 5 + 256 + 3);
    edit(&script, note, "123").await.expect(200);
    assert_eq!(used().await, 256 + 3 + 5 + 256 + 3, "an edit that changes nothing keeps nothing");

    allow(owner.tenant_id, "bytes", 600).await;
    create(&script, "more").await.expect_field_problem(422, "bytes");
    edit(&script, note, "longer").await.expect_field_problem(422, "bytes");
    let version = script.read(note).await["version"].to_string();
    let fields = [("content", "longer, in a form"), ("version", version.as_str())];
    unsaved(&browser, &format!("/notes/{note}"), &fields, NO_ROOM).await;
    assert_eq!(script.read(note).await["content"], "123");

    // What a recipient writes counts, too.
    let share = json!({"share_with": [reader.user_id], "access": "edit"});
    let call =
        Call::new("POST", &format!("/api/notes/{note}/shares")).header("prefer", "wait=20").json(&share);
    script.answer(call).await.expect(201);
    let recipient = reader.script(&app).await;
    edit(&recipient, note, "of the reader").await.expect_field_problem(422, "bytes");
    allow(owner.tenant_id, "bytes", 10_000).await;
    edit(&recipient, note, "of the reader").await.expect(200);
    assert_eq!(usage(&recipient).await["person"]["notes"]["used"], 0);
    assert_counted(owner.tenant_id).await;
}

#[tokio::test]
async fn notes_that_one_person_sends_at_once_never_exceed_the_limit() {
    let app = spawn_app().await;
    let person = Person::founder(&app).await;
    let script = person.script(&app).await;
    allow(person.tenant_id, "notes_per_person", 5).await;
    let answers = join_all((0..24).map(|number| {
        let script = script.clone();
        async move { create(&script, &format!("note {number}")).await.status }
    }))
    .await;
    let created = answers.iter().filter(|status| **status == 201).count();
    assert!(answers.iter().all(|status| matches!(status, 201 | 422 | 503)), "{answers:?}");
    assert!(created <= 5, "{answers:?}");
    while create(&script, "to fill up").await.status == 201 {}
    assert_eq!(usage(&script).await["person"]["notes"], json!({"used": 5, "limit": 5}));
    assert_counted(person.tenant_id).await;
}

#[tokio::test]
async fn notes_of_many_people_at_once_exceed_the_limit_by_no_more_than_said() {
    let app = spawn_app().await;
    let owner = Person::founder(&app).await;
    let mut scripts = vec![owner.script(&app).await];
    for _ in 0..5 {
        scripts.push(owner.colleague(&app).await.script(&app).await);
    }
    allow(owner.tenant_id, "notes_in_all", 8).await;
    let writing = scripts.iter().flat_map(|script| (0..6).map(move |_| create(script, "at once")));
    let answers = join_all(writing).await;
    assert!(answers.iter().all(|answer| matches!(answer.status, 201 | 422 | 503)));
    let used = usage(&scripts[0]).await["organization"]["notes"]["used"].as_i64().expect("notes");
    assert!((1..=8 + 7).contains(&used), "{used}");
    if used >= 8 {
        create(&scripts[0], "one more").await.expect_field_problem(422, "notes");
    }
    assert_counted(owner.tenant_id).await;
}

fn archive(notes: std::ops::Range<usize>) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for number in notes {
        zip.start_file(format!("{number}.md"), zip::write::SimpleFileOptions::default()).expect("a file");
        zip.write_all(format!("note {number}").as_bytes()).expect("a text");
    }
    zip.finish().expect("a ZIP").into_inner()
}

#[tokio::test]
async fn an_import_beyond_the_limit_stops_with_a_report_and_goes_on_when_there_is_room() {
    let app = spawn_app().await;
    let person = Person::founder(&app).await;
    let script = person.script(&app).await;
    allow(person.tenant_id, "notes_per_person", 27).await;
    let import = async || {
        let call = Call::new("POST", "/api/import").body("application/zip", archive(0..50));
        script.answer(call).await.expect(200).json()
    };
    let stopped: Value = import().await;
    assert_eq!(stopped["taken"], 27, "{stopped}");
    assert!(stopped["stopped"].as_str().is_some_and(|sentence| sentence.starts_with(FULL)), "{stopped}");
    assert!(app.log().contains(&format!("limit reached: notes_per_person: tenant {}", person.tenant_id)));
    allow(person.tenant_id, "notes_per_person", 0).await;
    let rest = import().await;
    assert_eq!((&rest["taken"], &rest["known"], &rest["stopped"]), (&json!(23), &json!(27), &Value::Null));
    assert_eq!(usage(&script).await["person"]["notes"]["used"], 50);
    assert_counted(person.tenant_id).await;

    allow(person.tenant_id, "notes_per_person", 51).await;
    let mut body =
        b"--edge\r\nContent-Disposition: form-data; name=\"file\"; filename=\"n.zip\"\r\n\r\n".to_vec();
    body.extend_from_slice(&archive(50..60));
    body.extend_from_slice(b"\r\n--edge--\r\n");
    let form = Call::new("POST", "/account/import").body("multipart/form-data; boundary=edge", body);
    let page = person.browser(&app).await.answer(form).await.expect(200).text();
    assert!(page.contains("The import stopped before the end") && page.contains(FULL), "{page}");
}
