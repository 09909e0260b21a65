//! Notes on the pages: list, add, read, delete, restore.

use scraper::ElementRef;

use crate::support::{Page, Person, database, spawn_app};

#[tokio::test]
async fn a_note_is_added_read_edited_deleted_and_restored() {
    let app = spawn_app().await;
    let person = Person::founder(&app).await;
    let browser = person.browser(&app).await;

    let added =
        browser.post("/notes", &[("title", "Tea"), ("content", "Assam & *Darjeeling*")]).await.expect(303);
    let page = browser.page(added.location()).await;
    let id = page.note_ids().into_iter().max().expect("a link to the note");
    let path = format!("/notes/{id}");

    let read = browser.page(&path).await;
    let shown: Vec<String> = read.all("main em").iter().map(ElementRef::inner_html).collect();
    assert_eq!(shown, ["Darjeeling"]);
    assert!(read.text().contains("Assam & "));
    assert!(read.title().contains("Tea"));

    let form = browser.page(&format!("{path}/edit")).await;
    assert_eq!(form.value("title"), "Tea");
    assert_eq!(form.value("content"), "Assam & *Darjeeling*");
    assert_eq!(form.value("version"), "1");
    let edit = [("title", ""), ("content", "Oolong"), ("version", "1")];
    browser.post(&path, &edit).await.expect_see_other(&path);
    let read = browser.page(&path).await.text();
    assert!(read.contains("Oolong") && !read.contains("Assam"));

    let deleted = browser.post(&format!("{path}/deletion"), &[]).await;
    browser.follow(deleted).await;
    browser.get(&path).await.expect(404);
    assert!(!browser.page("/notes").await.note_ids().contains(&id));
    assert!(browser.page("/bin").await.text().contains("Oolong"));

    let restored = browser.post(&format!("{path}/restoration"), &[]).await;
    browser.follow(restored).await;
    assert!(browser.page(&path).await.text().contains("Oolong"));
    assert!(!browser.page("/bin").await.text().contains("Oolong"));
}

#[tokio::test]
async fn a_note_needs_no_title() {
    let app = spawn_app().await;
    let person = Person::founder(&app).await;
    let browser = person.browser(&app).await;
    browser.note("First line\nsecond line").await;
    let list = browser.page("/notes").await;
    assert!(list.text().contains("First line"));
    let title = "SELECT count(*) FROM notes WHERE tenant_id = $1 AND title IS NULL";
    assert_eq!(database::number(title, &[&person.tenant_id]).await, 1);
}

#[tokio::test]
async fn the_list_shows_twenty_notes_a_page_and_every_note_once() {
    let app = spawn_app().await;
    let person = Person::founder(&app).await;
    let browser = person.browser(&app).await;
    database::admin()
        .await
        .execute(
            "INSERT INTO notes (tenant_id, user_id, content, updated_at) \
             SELECT $1, $2, 'note ' || n, now() - (n / 3) * interval '1 second' \
             FROM generate_series(1, 45) n",
            &[&person.tenant_id, &person.user_id],
        )
        .await
        .expect("notes");
    let mut pages = Vec::new();
    let mut path = "/notes".to_owned();
    loop {
        let page = browser.page(&path).await;
        let mut ids = page.note_ids();
        ids.sort_unstable();
        ids.dedup();
        pages.push(ids);
        assert!(pages.len() < 5, "the pages never end");
        match link_to(&page, &path, "older") {
            Some(next) => path = next,
            None => break,
        }
    }
    let sizes: Vec<usize> = pages.iter().map(Vec::len).collect();
    assert_eq!(sizes, [20, 20, 5]);
    let mut all: Vec<i64> = pages.concat();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), 45);
    let back = link_to(&browser.page(&path).await, &path, "newer").expect("a way back");
    let mut ids = browser.page(&back).await.note_ids();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids, pages[1]);
}

#[tokio::test]
async fn what_changed_last_is_first_and_in_the_bin_what_was_deleted_last() {
    let app = spawn_app().await;
    let person = Person::founder(&app).await;
    let (browser, script) = (person.browser(&app).await, person.script(&app).await);
    let (first, second, third) =
        (script.note("first").await, script.note("second").await, script.note("third").await);
    script.put(&format!("/api/notes/{first}"), &serde_json::json!({"content": "changed"})).await.expect(200);
    assert_eq!(browser.page("/notes").await.note_ids(), [first, third, second]);
    assert_eq!(browser.page("/dashboard").await.note_ids(), [first, third, second]);
    // Scripts page by the time of creation.
    let listed = script.get("/api/notes").await.expect(200).json();
    assert_eq!(listed[0]["note_id"], third);
    for id in [third, first] {
        browser.post(&format!("/notes/{id}/deletion"), &[]).await.expect(303);
    }
    let bin = browser.page("/bin").await;
    let titles: Vec<String> =
        bin.all(".note-card-title").iter().map(|title| title.text().collect::<String>()).collect();
    assert_eq!(titles, ["changed", "third"]);
    let label = bin.all(".slot .label")[0].text().collect::<String>();
    assert!(label.starts_with("Deleted "), "{label}");
}

fn link_to(page: &Page, here: &str, direction: &str) -> Option<String> {
    let relation = if direction == "older" { "next" } else { "prev" };
    page.all("a[href]")
        .iter()
        .find(|link| {
            let text: String = link.text().collect::<String>().to_lowercase();
            link.value().attr("rel") == Some(relation) || text.contains(direction)
        })
        .and_then(|link| link.value().attr("href"))
        .map(|href| match href.strip_prefix('?') {
            Some(query) => format!("{}?{query}", here.split('?').next().expect("a path")),
            None => href.to_owned(),
        })
}

#[tokio::test]
async fn invalid_cursors_and_ids_are_4xx() {
    let app = spawn_app().await;
    let browser = Person::founder(&app).await.browser(&app).await;
    let own = browser.page("/notes").await;
    drop(own);
    for query in ["cursor=x", "cursor=%00", "cursor=%FF", "before=x", "after=-1", "limit=0", "page=1e9"] {
        for path in ["/notes", "/bin"] {
            let answer = browser.get(&format!("{path}?{query}")).await;
            assert!(answer.status < 500, "{path}?{query}: {}", answer.status);
        }
    }
    for id in ["0", "-1", "+1", "1e3", "9223372036854775808", "%00", "x", "7/x.css", "7.css"] {
        browser.get(&format!("/notes/{id}")).await.expect(404);
        for action in ["", "/deletion", "/restoration"] {
            let fields = [("content", "x"), ("version", "1")];
            let answer = browser.post(&format!("/notes/{id}{action}"), &fields).await;
            assert!(matches!(answer.status, 404 | 405), "{id}{action}: {}", answer.status);
        }
    }
}

#[tokio::test]
async fn an_empty_note_is_refused_beside_its_field() {
    let app = spawn_app().await;
    let browser = Person::founder(&app).await.browser(&app).await;
    for content in ["", "  ", "\r\n"] {
        let fields = [("title", "a title that stays"), ("content", content)];
        let answer = browser.post("/notes", &fields).await.expect(422);
        let page = Page::parse(&answer.text());
        page.field_error("content");
        assert_eq!(page.value("title"), "a title that stays");
    }
}

#[tokio::test]
async fn unknown_form_fields_change_nothing() {
    let app = spawn_app().await;
    let person = Person::founder(&app).await;
    let other = Person::founder(&app).await;
    let browser = person.browser(&app).await;
    let (tenant, user) = (other.tenant_id.to_string(), other.user_id.to_string());
    for (name, value) in [
        ("tenant_id", tenant.as_str()),
        ("user_id", user.as_str()),
        ("id", "7"),
        ("created_at", "2020-01-01"),
        ("is_admin", "true"),
    ] {
        let answer = browser.post("/notes", &[("content", "x"), (name, value)]).await;
        assert!(matches!(answer.status, 303 | 422), "{name}: {}", answer.status);
    }
    assert_eq!(database::note_count(other.tenant_id).await, 0);
    let foreign = "SELECT count(*) FROM notes WHERE tenant_id = $1 AND \
                   (user_id <> $2 OR id = 7 OR created_at < now() - interval '1 day')";
    let values: [&(dyn tokio_postgres::types::ToSql + Sync); 2] = [&person.tenant_id, &person.user_id];
    assert_eq!(database::number(foreign, &values).await, 0);
}

#[tokio::test]
async fn the_dashboard_counts_and_shows_the_latest_notes() {
    let app = spawn_app().await;
    let browser = Person::founder(&app).await.browser(&app).await;
    for number in 1..=6 {
        browser.post("/notes", &[("content", &format!("latest {number}"))]).await.expect(303);
    }
    let page = browser.page("/dashboard").await;
    let text = page.text();
    assert!(text.contains('6'));
    assert!(text.contains("latest 6") && !text.contains("latest 1"));
    assert!(page.has("main a[href='/notes/new']"));
    assert_eq!(browser.page("/notes/new").await.value("content"), "");
}
