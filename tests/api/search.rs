//! Full-text search through the API.

use std::collections::BTreeSet;

use pigeonhole::domain::SearchIndex;
use serde_json::{Value, json};

use super::paging::{link, path_of};
use crate::support::{Person, Script, database, sharing::insert_delivery, spawn_app};

/// Writes this many notes, three with each timestamp, the latest first.
pub async fn insert_notes(person: &Person, count: i64, content: &str) {
    let index = SearchIndex::of_texts(person.user_id, None, content);
    database::admin()
        .await
        .execute(
            "INSERT INTO notes (tenant_id, user_id, content, created_at, updated_at, search_text, search_keys)
             SELECT $1, $2, $4 || ' ' || n, at, at, $5, $6
             FROM generate_series(1, $3::bigint) n,
                 LATERAL (SELECT now() - (n / 3) * interval '1 second' AS at) t",
            &[&person.tenant_id, &person.user_id, &count, &content, &index.text, &index.keys],
        )
        .await
        .expect("notes");
}

async fn search(script: &Script, list: &str, words: &str) -> Vec<i64> {
    let query = form_urlencoded::Serializer::new(String::new()).append_pair("q", words).finish();
    let answer = script.get(&format!("{list}?{query}")).await.expect(200).json();
    answer.as_array().expect("a list").iter().map(|note| note["note_id"].as_i64().expect("an id")).collect()
}

/// Texts with what finds them and what does not.
const FOUND: &[(&str, &[&str], &[&str])] = &[
    (
        "Schiffe fahren über den ÖRESUND, code-4711",
        &[
            "schiff",
            "ÜBER",
            "uber",
            "öre",
            "4711",
            "code-47",
            "chiffe",
            "oresund or hafen",
            "\"den oresund\"",
            "-hafen uber",
        ],
        &["\"oresund den\"", "-code über", "den -den"],
    ),
    (
        "Café crème, façade, Zoë, Müller, Łódź, Straße, smörgåsbord",
        &[
            "cafe",
            "creme",
            "FACADE",
            "zoe",
            "muller",
            "Lodz",
            "strasse",
            "smorgasbord",
            "CAFE\u{301}",
            "café",
        ],
        &["caffe"],
    ),
    (
        "支持中文分词。会议 東京都の天気は晴れです 한국어를",
        &["中文", "分词", "中文分词", "会议", "天気", "京都", "晴", "한국"],
        &["文中", "中词"],
    ),
    ("ภาษาไทยไม่มีช่องว่าง", &["ไทย", "ภาษา", "ช่อง"], &["งช"]),
    (
        "ΟΔΟΣ Σίσυφος Große ＡＢＣ１２３ ﬁsh soft\u{ad}hyphen zero\u{200b}width",
        &["οδος", "ΣΊΣΥΦΟΣ", "GROSSE", "abc123", "fish", "softhyphen", "zerowidth"],
        &["odos"],
    ),
    ("Überblick ÉCOLE Привет МИР ёлка", &["überblick", "école", "привет", "мир", "елка"], &["мира"]),
    ("عربية العربية مُحَمَّد", &["عربية", "محمد"], &["عربيات"]),
    (
        "Report - March; a - b, well-known big-house",
        &["Report - March", "- Report", "a --b", "a - b", "house", "\"big-house\"", "known"],
        &["report -march"],
    ),
    (
        "the printer 🎉 pg_dump 10.0.0.17 #launch C++ and C# it’s O’Brien",
        &[
            "rinter",
            "🎉",
            "pg_dump",
            "10.0.0.17",
            "#launch",
            "launch",
            "c++",
            "C#",
            "it's",
            "obrien or o'brien",
            "pr",
        ],
        &["ri", "10.0.0.18", "c++ -printer"],
    ),
];

#[tokio::test]
async fn letters_that_people_take_for_the_same_are_found_in_every_script() {
    let app = spawn_app().await;
    let script = Person::founder(&app).await.script(&app).await;
    let mut notes = Vec::new();
    for (text, ..) in FOUND {
        notes.push(script.note(text).await);
    }
    for (note, (text, found, missed)) in notes.into_iter().zip(FOUND) {
        for words in *found {
            assert!(search(&script, "/api/notes", words).await.contains(&note), "{words} in {text}");
        }
        for words in *missed {
            assert!(!search(&script, "/api/notes", words).await.contains(&note), "{words} in {text}");
        }
    }
    let whole = script.get("/api/notes?q=fahren").await.expect(200).json();
    assert_eq!(whole[0]["content"], FOUND[0].0);
}

#[tokio::test]
async fn a_phrase_is_found_at_every_place_of_a_long_text_and_not_across_the_title() {
    let app = spawn_app().await;
    let script = Person::founder(&app).await.script(&app).await;
    let frequent = script.note(&("the x ".repeat(300) + "the end")).await;
    let late = script.note(&("a ".repeat(100_000) + "silver fox")).await;
    let body = json!({"title": "Red a", "content": "b c"});
    let parted =
        script.post("/api/notes", &body).await.expect(201).json()["note_id"].as_i64().expect("an id");
    assert_eq!(search(&script, "/api/notes", "\"the end\"").await, [frequent]);
    assert_eq!(search(&script, "/api/notes", "\"silver fox\"").await, [late]);
    assert_eq!(search(&script, "/api/notes", "\"red a\"").await, [parted]);
    assert!(!search(&script, "/api/notes", "\"a b\"").await.contains(&parted));
}

/// The notes of all pages of a search.
async fn all_pages(script: &Script, path: &str) -> Vec<i64> {
    let (mut path, mut seen) = (path.to_owned(), Vec::new());
    for _ in 0..200 {
        let answer = script.get(&path).await.expect(200);
        let notes = answer.json()["notes"].as_array().expect("notes").clone();
        seen.extend(notes.iter().map(|note| note["note_id"].as_i64().expect("an id")));
        match link(&answer, "next") {
            Some(next) => path = path_of(&next),
            None => return seen,
        }
    }
    panic!("the pages do not end");
}

#[tokio::test]
async fn every_note_of_a_long_list_is_found_once_and_titles_come_first() {
    let app = spawn_app().await;
    let person = Person::founder(&app).await;
    let script = person.script(&app).await;
    let mut titled = Vec::new();
    for number in 0..7 {
        let body = json!({"title": format!("Harbour {number}"), "content": format!("rare{number} water")});
        titled.push(
            script.post("/api/notes", &body).await.expect(201).json()["note_id"].as_i64().expect("an id"),
        );
    }
    titled.reverse();
    // Far behind the latest notes, which are compared one by one.
    database::admin()
        .await
        .execute(
            "UPDATE notes SET updated_at = '2026-01-01 12:00+00' WHERE tenant_id = $1",
            &[&person.tenant_id],
        )
        .await
        .expect("older notes");
    insert_notes(&person, 3_400, "Morning\nThe harbour lies still").await;
    insert_notes(&person, 400, "hay").await;
    let first = script.get("/api/search?q=harbour&limit=5").await.expect(200).json();
    assert_eq!(first["total_is_exact"], false);
    let all = all_pages(&script, "/api/search?q=harbour&limit=100").await;
    assert_eq!(all[..7], titled);
    let distinct: BTreeSet<i64> = all.iter().copied().collect();
    assert_eq!((all.len(), distinct.len()), (3_407, 3_407));
    // Pages that end within the hits in titles.
    let small = script.get("/api/search?q=harbour&limit=5").await.expect(200);
    let next = script.get(&path_of(&link(&small, "next").expect("more"))).await.expect(200).json();
    let numbers: Vec<&Value> =
        next["notes"].as_array().expect("notes").iter().map(|note| &note["note_id"]).collect();
    assert_eq!(numbers[..2], [&json!(titled[5]), &json!(titled[6])]);
    assert_eq!(numbers.len(), 5);
    assert!(next.get("total").is_none());
    for (words, expected) in
        [("rare3", 1), ("water", 7), ("water -rare3", 6), ("rare3 or hay", 401), ("arbou wate", 7)]
    {
        let query = form_urlencoded::Serializer::new(String::new()).append_pair("q", words).finish();
        assert_eq!(
            all_pages(&script, &format!("/api/search?limit=100&{query}")).await.len(),
            expected,
            "{words}"
        );
        let counted = script.get(&format!("/api/search?{query}")).await.expect(200).json();
        if expected < 400 {
            assert_eq!(
                (&counted["total"], &counted["total_is_exact"]),
                (&json!(expected), &json!(true)),
                "{words}"
            );
        }
    }
}

#[tokio::test]
async fn one_list_has_own_and_shared_notes_and_the_bin_when_asked() {
    let app = spawn_app().await;
    let author = Person::founder(&app).await;
    let reader = author.colleague(&app).await;
    let theirs = author.script(&app).await;
    let (shared, unshared) = (theirs.note("compass rose").await, theirs.note("compass in secret").await);
    insert_delivery(&author, shared, &reader, "edit").await;
    let script = reader.script(&app).await;
    let body = json!({"title": "Compass", "content": "my own"});
    let own = script.post("/api/notes", &body).await.expect(201).json()["note_id"].as_i64().expect("an id");
    let binned = script.note("an old compass").await;
    script.delete(&format!("/api/notes/{binned}")).await.expect(204);
    let found = script.get("/api/search?q=compass").await.expect(200).json();
    assert_eq!((&found["total"], &found["total_is_exact"]), (&json!(2), &json!(true)));
    let note = |index: usize| &found["notes"][index];
    assert_eq!((&note(0)["note_id"], &note(1)["note_id"]), (&json!(own), &json!(shared)));
    assert_eq!((note(0).get("access"), &note(1)["access"]), (None, &json!("edit")));
    assert_eq!(note(1)["excerpt"], json!([]), "the only line is the title");
    let longer = theirs.note("a list\n\nof **Compass** and rope").await;
    insert_delivery(&author, longer, &reader, "read").await;
    let found = script.get("/api/search?q=ompass+rope").await.expect(200).json();
    let parts = [("of ", false), ("Compass", true), (" and ", false), ("rope", true)];
    let parts: Vec<Value> = parts.iter().map(|(text, hit)| json!({"text": text, "hit": hit})).collect();
    assert_eq!(found["notes"][0]["excerpt"], json!(parts));
    let with_bin = all_pages(&script, "/api/search?q=compass&bin=true").await;
    assert_eq!(with_bin, [binned, own, shared, longer]);
    // A note in its author's bin is gone for the recipients, also with the bin.
    theirs.delete(&format!("/api/notes/{shared}")).await.expect(204);
    let with_bin = all_pages(&script, "/api/search?q=compass&bin=true").await;
    assert_eq!(with_bin, [binned, own, longer]);
    assert_eq!(all_pages(&theirs, "/api/search?q=compass").await, [unshared, longer]);
    script.get("/api/search").await.expect_field_problem(422, "q");
    script.get("/api/search?q=a&bin=on").await.expect_field_problem(422, "bin");
    script.get("/api/search?q=a&cursor=x").await.expect_field_problem(422, "cursor");
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
    for list in ["/api/notes", "/api/inbox", "/api/search"] {
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
