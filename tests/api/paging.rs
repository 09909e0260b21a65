//! Lists are paged by cursors in the Link header.

use std::collections::HashSet;

use serde_json::json;

use super::search::insert_notes;
use crate::support::{Answer, Person, Script, database, spawn_app};

pub fn link(answer: &Answer, relation: &str) -> Option<String> {
    answer.header("link").split(',').find_map(|part| {
        let (target, parameters) = part.trim().split_once('>')?;
        parameters.contains(&format!("rel=\"{relation}\"")).then(|| target.trim_start_matches('<').to_owned())
    })
}

pub fn path_of(link: &str) -> String {
    match link.find("/api/") {
        Some(start) => link[start..].to_owned(),
        None => panic!("the link {link} leads elsewhere"),
    }
}

async fn with_notes(count: i64) -> (Person, Script) {
    let app = spawn_app().await;
    let person = Person::founder(&app).await;
    let script = person.script(&app).await;
    insert_notes(&person, count, "note").await;
    (person, script)
}

#[tokio::test]
async fn a_list_has_twenty_notes_and_a_link_to_the_next_page() {
    let (_, script) = with_notes(25).await;
    let first = script.get("/api/notes").await.expect(200);
    assert_eq!(first.json().as_array().expect("a list").len(), 20);
    let next = link(&first, "next").expect("a next page");
    let second = script.get(&path_of(&next)).await.expect(200);
    assert_eq!(second.json().as_array().expect("a list").len(), 5);
    assert_eq!(link(&second, "next"), None);
}

#[tokio::test]
async fn every_note_is_listed_once_when_many_share_a_timestamp() {
    let (_, script) = with_notes(31).await;
    let mut path = "/api/notes?limit=7".to_owned();
    let mut seen = HashSet::new();
    let mut times = Vec::new();
    loop {
        let page = script.get(&path).await.expect(200);
        for note in page.json().as_array().expect("a list") {
            assert!(seen.insert(note["note_id"].as_i64().expect("an id")));
            times.push(note["created_at"].as_str().expect("a time").to_owned());
        }
        match link(&page, "next") {
            Some(next) => path = path_of(&next),
            None => break,
        }
        assert!(path.contains("limit=7"), "the limit is lost in {path}");
    }
    assert_eq!(seen.len(), 31);
    assert!(times.windows(2).all(|pair| pair[0] >= pair[1]), "newest first");
}

#[tokio::test]
async fn a_full_last_page_has_no_next_one() {
    let (_, script) = with_notes(20).await;
    let only = script.get("/api/notes").await.expect(200);
    assert_eq!(only.json().as_array().expect("a list").len(), 20);
    assert_eq!(link(&only, "next"), None);
}

#[tokio::test]
async fn a_limit_is_clamped_to_1_to_100() {
    let (_, script) = with_notes(105).await;
    for (limit, expected) in [("1", 1), ("100", 100)] {
        let page = script.get(&format!("/api/notes?limit={limit}")).await.expect(200);
        assert_eq!(page.json().as_array().expect("a list").len(), expected);
    }
    for (limit, nearest) in [
        ("0", 1),
        ("-1", 1),
        ("-99999999999999999999", 1),
        ("101", 100),
        ("65537", 100),
        ("1000000000", 100),
        ("99999999999999999999", 100),
    ] {
        let page = script.get(&format!("/api/notes?limit={limit}")).await.expect(200);
        assert_eq!(page.json().as_array().expect("a list").len(), nearest, "limit={limit}");
    }
    for limit in ["x", "", "1e3", "1.5", "-", "%00"] {
        script.get(&format!("/api/notes?limit={limit}")).await.expect_field_problem(422, "limit");
    }
}

#[tokio::test]
async fn a_forged_cursor_is_refused() {
    let (_, script) = with_notes(2).await;
    for cursor in ["x", "%00", "%FF", "🕊", "1.2.3", "-1", "9223372036854775808", "%27%20OR%201"] {
        let answer = script.get(&format!("/api/notes?cursor={cursor}")).await;
        assert!(matches!(answer.status, 400 | 422), "cursor={cursor}: {}", answer.status);
    }
}

#[tokio::test]
async fn a_cursor_of_another_tenant_shows_nothing_of_it() {
    let (_, theirs) = with_notes(25).await;
    let (_, mine) = with_notes(3).await;
    let first = theirs.get("/api/notes").await.expect(200);
    let next = path_of(&link(&first, "next").expect("a next page"));
    let answer = mine.get(&next).await;
    assert!(matches!(answer.status, 200 | 400 | 422), "{}", answer.status);
    if answer.status == 200 {
        let own: Vec<_> = mine.get("/api/notes").await.json().as_array().expect("a list").clone();
        for note in answer.json().as_array().expect("a list") {
            assert!(own.contains(note));
        }
    }
}

#[tokio::test]
async fn no_notes_give_an_empty_list() {
    let (_, script) = with_notes(0).await;
    let answer = script.get("/api/notes").await.expect(200);
    assert_eq!(answer.json(), json!([]));
    assert_eq!(link(&answer, "next"), None);
}

/// Inserts notes of full size, each byte of which takes six in JSON, and shares them with a colleague.
async fn insert_long_notes(author: &Person, recipient: &Person, count: i64) {
    let admin = database::admin().await;
    let inserted = admin
        .query(
            "INSERT INTO notes (tenant_id, user_id, content, created_at) \
             SELECT $1, $2, repeat(chr(1), 262000) || n, now() - (n / 3) * interval '1 second' \
             FROM generate_series(1, $3::bigint) n RETURNING id",
            &[&author.tenant_id, &author.user_id, &count],
        )
        .await
        .expect("notes");
    let ids: Vec<i64> = inserted.iter().map(|row| row.get(0)).collect();
    admin
        .execute(
            "INSERT INTO shared_notes (tenant_id, recipient_id, note_id, access, shared_by) \
             SELECT $1, $2, n, 'read', $3 FROM unnest($4::bigint[]) n",
            &[&author.tenant_id, &recipient.user_id, &author.user_id, &ids],
        )
        .await
        .expect("an inbox");
}

#[tokio::test]
async fn a_page_of_long_notes_ends_early_and_leads_to_the_rest() {
    let app = spawn_app().await;
    let author = Person::founder(&app).await;
    let recipient = author.colleague(&app).await;
    insert_long_notes(&author, &recipient, 12).await;
    for (person, list) in [
        (&author, "/api/notes?limit=100"),
        (&author, "/api/notes?limit=5"),
        (&recipient, "/api/inbox?limit=100"),
        (&recipient, "/api/inbox?limit=100&unread=true"),
    ] {
        let script = person.script(&app).await;
        let (mut path, mut seen) = (list.to_owned(), HashSet::new());
        loop {
            let page = script.get(&path).await.expect(200);
            assert!(page.body.len() < 6 * 1024 * 1024, "{path}: {} bytes", page.body.len());
            for note in page.json().as_array().expect("a list") {
                let length = note["content"].as_str().expect("a text").len();
                assert!((262_001..=262_002).contains(&length), "{path}: a whole text, not {length}");
                assert!(seen.insert(note["note_id"].as_i64()), "{path}: twice");
            }
            let Some(next) = link(&page, "next") else { break };
            path = path_of(&next);
        }
        assert_eq!(seen.len(), 12, "{list}");
    }
}

#[tokio::test]
async fn the_history_of_long_texts_ends_early_and_leads_to_the_rest() {
    let app = spawn_app().await;
    let person = Person::founder(&app).await;
    let id = person.script(&app).await.note("now").await;
    let statement = "INSERT INTO note_revisions (tenant_id, note_id, version, content, replaced_by) \
                     SELECT $1, $2, n, 'text ' || n || repeat(' <', 130000), $3 \
                     FROM generate_series(1, 30) n";
    let values: [&(dyn tokio_postgres::types::ToSql + Sync); 3] = [&person.tenant_id, &id, &person.user_id];
    database::admin().await.execute(statement, &values).await.expect("revisions");
    let browser = person.browser(&app).await;
    let (mut path, mut seen) = (format!("/notes/{id}/revisions"), Vec::new());
    loop {
        let page = browser.get(&path).await.expect(200).text();
        assert!(page.len() < 8 * 1024 * 1024, "{path}: {} bytes", page.len());
        for text in page.split(">text ").skip(1) {
            let (number, rest) = text.split_once(' ').expect("a number");
            seen.push(number.parse::<u32>().expect("a number"));
            assert!(rest.starts_with("&#60;") || rest.starts_with("&lt;"), "a whole text");
        }
        let Some(at) = page.find("/revisions?before=") else { break };
        let version: String = page[at + 18..].chars().take_while(char::is_ascii_digit).collect();
        path = format!("/notes/{id}/revisions?before={version}");
    }
    assert_eq!(seen, (1..=30).rev().collect::<Vec<u32>>());
}
