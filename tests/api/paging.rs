//! Lists are paged by cursors in the Link header.

use std::collections::HashSet;

use serde_json::json;

use super::search::insert_notes;
use crate::support::{Answer, Person, Script, spawn_app};

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
