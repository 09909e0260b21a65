//! The inbox in the API.

use serde_json::{Value, json};

use crate::support::{Person, database, sharing::insert_delivery, spawn_app};

#[tokio::test]
async fn a_note_shared_with_everyone_is_in_every_inbox_but_the_authors() {
    let app = spawn_app().await;
    let author = Person::founder(&app).await;
    let (first, second) = (author.colleague(&app).await, author.colleague(&app).await);
    let mine = author.script(&app).await;
    let id = mine.note("for all").await;
    mine.share(author.tenant_id, id, json!("everyone"), "read").await;
    for person in [&first, &second] {
        let inbox = person.script(&app).await.inbox().await;
        let note = &inbox[0];
        assert_eq!(inbox.len(), 1);
        assert_eq!(
            (&note["note_id"], &note["content"], &note["access"]),
            (&json!(id), &json!("for all"), &json!("read"))
        );
        assert_eq!(
            (&note["shared_by"], &note["shared_by_name"]),
            (&json!(author.user_id), &json!(author.username))
        );
        assert!(note["read_at"].is_null());
        chrono::DateTime::parse_from_rfc3339(note["shared_at"].as_str().expect("a time"))
            .expect("an RFC 3339 time");
    }
    assert!(mine.inbox().await.is_empty());
    let listed = first.script(&app).await.get("/api/notes").await.expect(200).json();
    assert_eq!(listed, json!([]), "the list of own notes has only these");
}

#[tokio::test]
async fn opening_a_note_or_marking_all_marks_notes_as_read() {
    let app = spawn_app().await;
    let author = Person::founder(&app).await;
    let reader = author.colleague(&app).await;
    let (mine, theirs) = (author.script(&app).await, reader.script(&app).await);
    let mut notes = Vec::new();
    for content in ["a", "b", "c"] {
        let id = mine.note(content).await;
        insert_delivery(&author, id, &reader, "read").await;
        notes.push(id);
    }
    let unread = async || {
        theirs.get("/api/inbox?unread=true").await.expect(200).json().as_array().expect("a list").len()
    };
    assert_eq!(unread().await, 3);
    theirs.get(&format!("/api/notes/{}", notes[1])).await.expect(200);
    let times: Vec<bool> = theirs.inbox().await.iter().map(|note| note["read_at"].is_string()).collect();
    assert_eq!(times, [false, true, false]);
    let first_read = theirs.inbox().await[1]["read_at"].clone();
    theirs.get(&format!("/api/notes/{}", notes[1])).await.expect(200);
    assert_eq!(theirs.inbox().await[1]["read_at"], first_read);
    assert_eq!(unread().await, 2);
    theirs.post("/api/inbox/reading", &json!({})).await.expect(204);
    assert_eq!(unread().await, 0);
    theirs.get("/api/inbox?unread=1").await.expect_field_problem(422, "unread");
    theirs.get("/api/inbox?limit=x").await.expect_field_problem(422, "limit");
    theirs.get("/api/inbox?cursor=x").await.expect_field_problem(422, "cursor");
}

#[tokio::test]
async fn paging_through_the_inbox_lists_every_note_once_newest_first() {
    let app = spawn_app().await;
    let author = Person::founder(&app).await;
    let reader = author.colleague(&app).await;
    fill_inbox(&author, &reader, 45).await;
    let theirs = reader.script(&app).await;
    for unread in ["false", "true"] {
        let (mut path, mut seen, mut sizes) =
            (format!("/api/inbox?unread={unread}&limit=20"), Vec::new(), Vec::new());
        loop {
            let answer = theirs.get(&path).await.expect(200);
            let page: Vec<Value> = answer.json().as_array().expect("a list").clone();
            sizes.push(page.len());
            seen.extend(page.iter().map(|note| {
                (note["shared_at"].as_str().expect("a time").to_owned(), note["note_id"].as_i64())
            }));
            let Some(next) = answer.header("link").strip_prefix('<').and_then(|link| link.split('>').next())
            else {
                break;
            };
            next.clone_into(&mut path);
        }
        assert_eq!(sizes, [20, 20, 5]);
        let mut sorted = seen.clone();
        sorted.sort();
        sorted.dedup();
        sorted.reverse();
        assert_eq!(seen, sorted);
    }
}

/// Puts this many notes into an inbox, three with each timestamp.
pub async fn fill_inbox(author: &Person, reader: &Person, count: i32) {
    let client = database::admin().await;
    let values: [&(dyn tokio_postgres::types::ToSql + Sync); 3] =
        [&author.tenant_id, &author.user_id, &count];
    let notes = "INSERT INTO notes (tenant_id, user_id, content) SELECT $1, $2, 'note ' || n \
        FROM generate_series(1, $3::integer) n";
    client.execute(notes, &values).await.expect("notes");
    let inbox = "INSERT INTO shared_notes (tenant_id, recipient_id, note_id, shared_by, access, created_at)
        SELECT tenant_id, $2, id, user_id, 'read', date_trunc('second', now()) - (row_number() OVER (ORDER
        BY id) / 3) * interval '1 second'
        FROM notes WHERE tenant_id = $1";
    client.execute(inbox, &[&author.tenant_id, &reader.user_id]).await.expect("an inbox");
}
