//! Export and import.

use std::collections::BTreeMap;
use std::io::{Cursor, Read, Write};

use serde_json::{Value, json};

use crate::support::{Answer, App, Call, Person, Script, database, server::ServerBuilder, spawn_app};

fn files(archive: &Answer) -> BTreeMap<String, String> {
    let mut zip = zip::ZipArchive::new(Cursor::new(archive.body.clone())).expect("a whole ZIP");
    (0..zip.len())
        .map(|index| {
            let mut entry = zip.by_index(index).expect("a file");
            let mut text = String::new();
            entry.read_to_string(&mut text).expect("text");
            (entry.name().expect("a name").into_owned(), text)
        })
        .collect()
}

fn document(archive: &Answer) -> Value {
    serde_json::from_str(&files(archive)["pigeonhole.json"]).expect("JSON")
}

fn zip_of(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (path, bytes) in files {
        zip.start_file(*path, zip::write::SimpleFileOptions::default()).expect("a file");
        zip.write_all(bytes).expect("bytes");
    }
    zip.finish().expect("a ZIP").into_inner()
}

async fn export(script: &Script, scope: &str) -> Answer {
    let call = Call::new("GET", &format!("/api/export?scope={scope}")).bearer(&script.token);
    let sent = call.try_send(&script.app.http, &script.app.base).await;
    sent.unwrap_or_else(|error| panic!("{error:?}\n{}", script.app.log())).expect(200)
}

async fn import(script: &Script, archive: Vec<u8>) -> Answer {
    script.answer(Call::new("POST", "/api/import").body("application/zip", archive)).await
}

/// The parts of a note that survive an export and an import.
fn exported_notes(document: &Value) -> Vec<(String, String, String, String, bool)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut all: Vec<_> = document["notes"]
        .as_array()
        .expect("notes")
        .iter()
        .map(|note| {
            let times = (text(&note["created_at"]), text(&note["updated_at"]));
            (text(&note["title"]), text(&note["content"]), times.0, times.1, !note["deleted_at"].is_null())
        })
        .collect();
    all.sort();
    all
}

const TEXTS: &[&str] = &[
    "plain",
    "\n\nstarts with lines",
    "a\r\nb",
    "trailing  \n",
    "---\nnot: a head\n---\ntext",
    "🕊 </textarea> \u{1}",
    "---\n",
];

async fn write_notes_of_every_kind(script: &Script) -> i64 {
    let mut last = 0;
    for (number, text) in TEXTS.iter().enumerate() {
        let title = (number % 2 == 0).then(|| format!("Title: \"{number}\" — ä"));
        let created = script.post("/api/notes", &json!({"content": text, "title": title})).await.expect(201);
        last = created.json()["note_id"].as_i64().expect("an id");
    }
    let long = "x".repeat(256 * 1024);
    script.note(&long).await;
    script.put(&format!("/api/notes/{last}"), &json!({"content": "edited"})).await.expect(200);
    let binned = script.note("in the bin").await;
    script.delete(&format!("/api/notes/{binned}")).await.expect(204);
    last
}

#[tokio::test]
async fn an_export_is_imported_elsewhere_with_texts_and_times() {
    let app = spawn_app().await;
    let person = Person::founder(&app).await;
    let script = person.script(&app).await;
    let edited = write_notes_of_every_kind(&script).await;
    let left = export(&script, "user").await;
    assert_eq!(left.header("content-type"), "application/zip");
    assert!(left.header("content-disposition").starts_with("attachment; filename=\"pigeonhole-"));
    assert_eq!(left.header("cache-control"), "no-store");
    let all = document(&left);
    assert_eq!(all["scope"], "user");
    assert_eq!(exported_notes(&all).len(), TEXTS.len() + 2);
    let note = all["notes"]
        .as_array()
        .expect("notes")
        .iter()
        .find(|note| note["note_id"] == edited)
        .expect("the edited note");
    assert_eq!(
        (&note["content"], &note["revisions"][0]["content"]),
        (&"edited".into(), &(*TEXTS.last().expect("one")).into())
    );
    assert_eq!(files(&left).len(), TEXTS.len() + 3);

    // Another installation: another database and another server.
    let elsewhere = database::OwnDatabase::create().await;
    let url = elsewhere.url.clone();
    let server = ServerBuilder::new().set("DATABASE_URL", url).start_async().await;
    let other = App::of(&server);
    let newcomer = Person::founder(&other).await.script(&other).await;
    let report = import(&newcomer, left.body.clone()).await.expect(200).json();
    assert_eq!(
        (&report["taken"], &report["known"], &report["refusals"]),
        (&(TEXTS.len() + 2).into(), &0.into(), &0.into()),
        "{report}"
    );
    assert_eq!(exported_notes(&document(&export(&newcomer, "user").await)), exported_notes(&all));

    // Importing again, as after an interruption, adds nothing.
    let again = import(&newcomer, left.body.clone()).await.expect(200).json();
    assert_eq!((&again["taken"], &again["known"]), (&0.into(), &(TEXTS.len() + 2).into()), "{again}");
    assert_eq!(exported_notes(&document(&export(&newcomer, "user").await)).len(), TEXTS.len() + 2);
}

#[tokio::test]
async fn only_owners_export_the_tenant_and_no_export_holds_foreign_notes() {
    let app = spawn_app().await;
    let owner = Person::founder(&app).await;
    let (colleague, stranger) = (owner.colleague(&app).await, Person::founder(&app).await);
    let scripts = [owner.script(&app).await, colleague.script(&app).await, stranger.script(&app).await];
    for (script, text) in scripts.iter().zip(["of the owner", "of the colleague", "of the stranger"]) {
        script.note(text).await;
    }
    let everything = export(&scripts[0], "organization").await;
    let text = files(&everything).into_values().collect::<String>();
    assert!(
        text.contains("of the owner")
            && text.contains("of the colleague")
            && !text.contains("of the stranger")
    );
    assert!(!text.contains("$2b$"), "a password's hash leaves");
    let all = document(&everything);
    assert_eq!(all["members"].as_array().map(Vec::len), Some(2));
    let authors: Vec<&str> =
        all["notes"].as_array().expect("notes").iter().filter_map(|note| note["author"].as_str()).collect();
    assert!(authors.contains(&colleague.username.as_str()), "{authors:?}");
    scripts[1].get("/api/export?scope=organization").await.expect_problem(403);
    let own = files(&export(&scripts[1], "user").await).into_values().collect::<String>();
    assert!(own.contains("of the colleague") && !own.contains("of the owner"));
    scripts[1].get("/api/export?scope=all").await.expect_field_problem(422, "scope");
    let browser = colleague.browser(&app).await;
    browser.get("/account/export/organization").await.expect(403);
}

#[tokio::test]
async fn an_import_names_refused_files_and_imports_the_rest() {
    let app = spawn_app().await;
    let script = Person::founder(&app).await.script(&app).await;
    let long = vec![b'x'; 300 * 1024];
    let archive = zip_of(&[
        ("from elsewhere.md", b"# A heading\n\ntext" as &[u8]),
        ("empty.md", b"  \n"),
        ("latin.md", b"caf\xe9"),
        ("long.md", &long),
        ("nul.md", b"a\0b"),
        ("../../etc/passwd.md", b"only a name"),
        ("picture.png", b"\x89PNG"),
        (
            "odd times.md",
            b"---\ncreated_at: \"3000-01-01T00:00:00Z\"\ndeleted_at: \"soon\"\ntitle: plain \
            words\n---\nwith a head",
        ),
    ]);
    let report = import(&script, archive).await.expect(200).json();
    assert_eq!((&report["taken"], &report["refusals"]), (&3.into(), &4.into()), "{report}");
    let refused: Vec<&str> =
        report["refused"].as_array().expect("a list").iter().filter_map(|one| one["file"].as_str()).collect();
    assert_eq!(refused, ["empty.md", "latin.md", "long.md", "nul.md"]);
    let listed = script.get("/api/notes").await.expect(200).json();
    let titles: Vec<&Value> = listed.as_array().expect("notes").iter().map(|note| &note["title"]).collect();
    assert!(titles.contains(&&json!("plain words")), "{titles:?}");
}

#[tokio::test]
async fn a_file_that_is_not_a_zip_is_refused() {
    let app = spawn_app().await;
    let script = Person::founder(&app).await.script(&app).await;
    import(&script, b"no ZIP".to_vec()).await.expect_field_problem(422, "file");
    let whole = zip_of(&[("a.md", b"text" as &[u8])]);
    import(&script, whole[..whole.len() / 2].to_vec()).await.expect_field_problem(422, "file");
    script.answer(Call::new("POST", "/api/import").json(&json!({}))).await.expect_problem(415);
}

#[tokio::test]
async fn notes_are_exported_and_imported_through_the_pages() {
    let app = spawn_app().await;
    let person = Person::founder(&app).await;
    let browser = person.browser(&app).await;
    browser.note("to take along").await;
    let page = browser.page("/account/transfer").await;
    assert!(page.text().contains("Everything of"));
    let archive = browser.get("/account/export").await.expect(200);
    let stranger = Person::founder(&app).await.browser(&app).await;
    let form = |file: &[u8]| {
        let mut body = b"--edge\r\nContent-Disposition: form-data; name=\"file\"; \
                filename=\"notes.zip\"\r\nContent-Type: application/zip\r\n\r\n"
            .to_vec();
        body.extend_from_slice(file);
        body.extend_from_slice(b"\r\n--edge--\r\n");
        Call::new("POST", "/account/import").body("multipart/form-data; boundary=edge", body)
    };
    let report = stranger.answer(form(&archive.body)).await.expect(200);
    assert!(report.text().contains("New here"));
    assert!(stranger.page("/notes").await.text().contains("to take along"));
    stranger.answer(form(b"")).await.expect(422);
    stranger.answer(form(b"no ZIP")).await.expect(422);
}
