//! Full-text search through the API.

use serde_json::{Value, json};

use super::paging::{link, path_of};
use crate::support::{Person, Script, database, sharing::insert_delivery, spawn_app};

/// Writes this many notes, three with each timestamp.
pub async fn insert_notes(person: &Person, count: i64, content: &str) {
    database::admin()
        .await
        .execute(
            "INSERT INTO notes (tenant_id, user_id, content, created_at) \
             SELECT $1, $2, $4 || ' ' || n, now() - (n / 3) * interval '1 second' \
             FROM generate_series(1, $3::bigint) n",
            &[&person.tenant_id, &person.user_id, &count, &content],
        )
        .await
        .expect("notes");
}

async fn search(script: &Script, list: &str, words: &str) -> Vec<i64> {
    let query = form_urlencoded::Serializer::new(String::new()).append_pair("q", words).finish();
    let answer = script.get(&format!("{list}?{query}")).await.expect(200).json();
    answer.as_array().expect("a list").iter().map(|note| note["note_id"].as_i64().expect("an id")).collect()
}

#[tokio::test]
async fn words_are_found_by_prefix_in_any_case_and_language() {
    let app = spawn_app().await;
    let person = Person::founder(&app).await;
    let script = person.script(&app).await;
    let ship = script.note("Schiffe fahren über den ÖRESUND, code-4711").await;
    let bird = script.note("Vögel fliegen über den Hafen").await;
    for (words, expected) in [
        ("schiff", vec![ship]),
        ("ÜBER", vec![bird, ship]),
        ("öre", vec![ship]),
        ("4711", vec![ship]),
        ("code-47", vec![ship]),
        ("-code über", vec![bird]),
        ("den -den", vec![]),
        ("über -hafen", vec![ship]),
        ("hafen or öresund", vec![bird, ship]),
        ("\"den hafen\"", vec![bird]),
        ("\"hafen den\"", vec![]),
        ("chiffe", vec![]),
    ] {
        assert_eq!(search(&script, "/api/notes", words).await, expected, "{words}");
    }
    let whole = script.get("/api/notes?q=fliegen").await.expect(200).json();
    assert_eq!(whole[0]["content"], "Vögel fliegen über den Hafen");
}

#[tokio::test]
async fn the_next_page_of_a_search_keeps_its_words() {
    let app = spawn_app().await;
    let person = Person::founder(&app).await;
    let script = person.script(&app).await;
    insert_notes(&person, 7, "rope & tar").await;
    insert_notes(&person, 5, "sail").await;
    let (mut path, mut seen, mut pages) = ("/api/notes?limit=3&q=rope+%26+tar".to_owned(), Vec::new(), 0);
    loop {
        let answer = script.get(&path).await.expect(200);
        seen.extend(answer.json().as_array().expect("a list").iter().map(|note| note["note_id"].as_i64()));
        pages += 1;
        let Some(next) = link(&answer, "next") else { break };
        path = path_of(&next);
        assert!(pages < 9);
    }
    assert_eq!(pages, 3);
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), 7);
}

#[tokio::test]
async fn a_search_finds_only_own_and_shared_notes() {
    let app = spawn_app().await;
    let author = Person::founder(&app).await;
    let (reader, stranger) = (author.colleague(&app).await, author.colleague(&app).await);
    let theirs = author.script(&app).await;
    let (first, second) = (theirs.note("compass rose").await, theirs.note("compass needle").await);
    for note in [first, second] {
        insert_delivery(&author, note, &reader, "read").await;
    }
    let script = reader.script(&app).await;
    assert!(search(&script, "/api/notes", "compass").await.is_empty());
    assert_eq!(search(&script, "/api/inbox", "compass").await.len(), 2);
    script.get(&format!("/api/notes/{first}")).await.expect(200);
    let unread = script.get("/api/inbox?q=compass&unread=true").await.expect(200).json();
    assert_eq!(
        unread.as_array().expect("a list").iter().map(|note| &note["note_id"]).collect::<Vec<_>>(),
        [&json!(second)]
    );
    let stranger = stranger.script(&app).await;
    for list in ["/api/notes", "/api/inbox"] {
        assert!(search(&stranger, list, "compass").await.is_empty());
    }
}

#[tokio::test]
async fn invalid_search_words_are_refused_with_their_field() {
    let app = spawn_app().await;
    let script = Person::founder(&app).await.script(&app).await;
    for list in ["/api/notes", "/api/inbox"] {
        script.get(&format!("{list}?q=%00")).await.expect_field_problem(422, "q");
        script.get(&format!("{list}?q={}", "x".repeat(201))).await.expect_field_problem(422, "q");
        script.get(&format!("{list}?q=%ff")).await.expect_field_problem(422, "q");
        script.get(&format!("{list}?q={}", "x".repeat(200))).await.expect(200);
    }
}

/// As many different short words as fit into 256 KiB, which makes the search vector as long as possible.
fn distinct_words(kind: impl Fn(&str, usize) -> String) -> String {
    let letters: Vec<char> = ('a'..='z').chain('0'..='9').chain("éèêëàâäôöûüîïçñåøæœß".chars()).collect();
    let mut text = String::new();
    for number in 0.. {
        let (mut rest, mut name) = (number, String::new());
        for _ in 0..3 {
            name.push(letters[rest % letters.len()]);
            rest /= letters.len();
        }
        let word = kind(&name, number);
        if text.len() + word.len() + 1 > 256 * 1024 {
            return text;
        }
        text.push_str(&word);
        text.push(' ');
    }
    text
}

#[tokio::test]
async fn a_note_of_256_kib_of_different_words_is_saved_and_found() {
    let app = spawn_app().await;
    let script = Person::founder(&app).await.script(&app).await;
    let texts: [String; 6] = [
        distinct_words(|name, _| name.to_owned()),
        distinct_words(|name, _| format!("{name}.de/{name}")),
        distinct_words(|name, _| format!("{name}-{name}-{name}")),
        distinct_words(|name, number| format!("{name}@{name}{number}.de")),
        distinct_words(|name, number| {
            format!(
                "http://{name}.{}/{number}?{name}",
                &name[..name.chars().next().map_or(0, char::len_utf8)]
            )
        }),
        distinct_words(|name, number| format!("ȺȾ{name}.ȺȾ/{number}")),
    ];
    for (index, text) in texts.into_iter().enumerate() {
        let title = format!("fullsize{index}");
        let body = json!({"title": title, "content": text});
        let id = script.post("/api/notes", &body).await.expect(201).json()["note_id"].clone();
        assert_eq!(search(&script, "/api/notes", &title).await, [id.as_i64().expect("an id")]);
        let shown: Value = script.read(id.as_i64().expect("an id")).await;
        assert_eq!(shown["content"].as_str().map(str::len), Some(text.len()));
    }
}
