//! From the welcome page to the logout.

use serde_json::json;

use super::webdriver::Chromium;
use crate::support::{App, Person, database, eventually, spawn_app, unique};

const HOSTILE: &str = "<script>alert(1)</script><img src=x onerror=alert(1)> [x](javascript:alert(1))";

async fn journey(javascript: bool) {
    let app = spawn_app().await;
    let Some(chromium) = Chromium::start(&app.base, javascript).await else {
        return;
    };
    assert_eq!(runs_scripts(&chromium).await, javascript);
    let person = sign_up(&app, &chromium).await;
    assert_no_browser_errors(&chromium, "signing up").await;
    let id = write_a_note(&app, &chromium, &person).await;
    assert_no_browser_errors(&chromium, "writing").await;
    edit_the_note(&app, &chromium, &person, id).await;
    assert_no_browser_errors(&chromium, "editing").await;
    view_hostile_text(&app, &chromium, &person).await;
    assert_no_browser_errors(&chromium, "hostile text").await;
    save_after_the_session_ended(&chromium, &person).await;
    assert_no_browser_errors(&chromium, "a lost session").await;
    delete_and_restore_the_note(&chromium, id).await;
    assert_no_browser_errors(&chromium, "the bin").await;
    log_out(&chromium, &person).await;
    assert_no_browser_errors(&chromium, "leaving").await;
}

#[tokio::test]
async fn the_user_journey_works_with_javascript() {
    journey(true).await;
}

#[tokio::test]
async fn the_user_journey_works_without_javascript() {
    journey(false).await;
}

async fn assert_no_browser_errors(chromium: &Chromium, step: &str) {
    let browser_errors = chromium.browser_errors().await;
    assert!(browser_errors.is_empty(), "after {step}: {browser_errors:#?}");
    assert!(!chromium.has_dialog().await, "a dialog after {step}");
}

async fn runs_scripts(chromium: &Chromium) -> bool {
    chromium.open("data:text/html,<title>off</title><script>document.title='on'</script>").await;
    chromium.title().await == "on"
}

async fn sign_up(app: &App, chromium: &Chromium) -> Person {
    let username = unique("user");
    let mut person = Person {
        tenant_id: 0,
        user_id: 0,
        email: format!("{username}@example.test"),
        username,
        password: unique("secret "),
        tenant_name: unique("Org "),
    };
    // A busy server answers 503; the user submits again.
    for _ in 0..60 {
        fill_in_the_registration(chromium, &person).await;
        if chromium.path().await != "/register" {
            break;
        }
    }
    if chromium.path().await.starts_with("/login") {
        log_in(chromium, &person).await;
    }
    chromium.open("/dashboard").await;
    assert!(chromium.text("body").await.contains(&person.username));
    person.tenant_id = database::tenant_named(&person.tenant_name).await.expect("the tenant");
    drop(app.clone());
    person
}

async fn fill_in_the_registration(chromium: &Chromium, person: &Person) {
    chromium.open("/").await;
    chromium.click_and_expect("main a[href='/register']", "/register").await;
    chromium.fill("[name=username]", &person.username).await;
    chromium.fill("[name=email]", &person.email).await;
    chromium.fill("[name=password]", &person.password).await;
    chromium.fill("[name=tenant_name]", &person.tenant_name).await;
    chromium.click_and_wait("form[action='/register'] [type=submit]").await;
}

/// Submits again while a busy server returns the form.
pub async fn log_in(chromium: &Chromium, person: &Person) {
    for _ in 0..60 {
        chromium.fill("form[action='/login'] [name=email]", &person.email).await;
        chromium.fill("form[action='/login'] [name=password]", &person.password).await;
        chromium.click_and_wait("form[action='/login'] [type=submit]").await;
        if !chromium.has("form[action='/login'] [name=password]").await {
            return;
        }
    }
    panic!("no login: {}", chromium.source().await);
}

async fn write_a_note(app: &App, chromium: &Chromium, person: &Person) -> i64 {
    chromium.open("/notes").await;
    chromium.click_and_expect("main a[href='/notes/new']", "/notes/new").await;
    chromium.fill("form[data-note] [name=title]", "Groceries").await;
    chromium.fill("form[data-note] [name=content]", "**tea**\nand milk").await;
    chromium.click_and_expect("form[data-note] [type=submit]", "/notes").await;
    let script = person.script(app).await;
    let notes = script.get("/api/notes").await.expect(200).json();
    assert_eq!(notes[0]["content"], "**tea**\nand milk");
    assert_eq!(notes[0]["title"], "Groceries");
    let id = notes[0]["note_id"].as_i64().expect("an id");
    chromium.click_and_expect(&format!("a[href='/notes/{id}']"), &format!("/notes/{id}")).await;
    assert_eq!(chromium.text("main strong").await, "tea");
    id
}

async fn edit_the_note(app: &App, chromium: &Chromium, person: &Person, id: i64) {
    let script = person.script(app).await;
    let path = format!("/notes/{id}");
    for text in ["\n\nx", "a\nb", "trailing  \n ", "</textarea>🕊", &"64 KiB of text 🕊\n".repeat(3_400)]
    {
        script.put(&format!("/api{path}"), &json!({"content": text})).await.expect(200);
        chromium.open(&format!("{path}/edit")).await;
        assert_eq!(chromium.value("[name=content]").await, text);
        chromium.click_and_expect("form[data-note] [type=submit]", &path).await;
        assert_eq!(script.read(id).await["content"], text, "an untouched form changed the note");
    }
    chromium.open(&format!("{path}/edit")).await;
    chromium.fill("[name=content]", "edited by hand").await;
    chromium.click_and_expect("form[data-note] [type=submit]", &path).await;
    assert_eq!(script.read(id).await["content"], "edited by hand");
}

async fn view_hostile_text(app: &App, chromium: &Chromium, person: &Person) {
    let script = person.script(app).await;
    let body = json!({"title": HOSTILE, "content": HOSTILE});
    let note = script.post("/api/notes", &body).await.expect(201).json();
    let id = &note["note_id"];
    for path in [format!("/notes/{id}"), format!("/notes/{id}/edit"), "/notes".into(), "/dashboard".into()] {
        chromium.open(&path).await;
        assert!(!chromium.has_dialog().await, "{path}");
    }
    script.delete(&format!("/api/notes/{id}")).await.expect(204);
}

async fn save_after_the_session_ended(chromium: &Chromium, person: &Person) {
    chromium.open("/notes/new").await;
    chromium.fill("form[data-note] [name=content]", "typed\nfor an hour").await;
    let client = database::admin().await;
    let ended = "DELETE FROM sessions WHERE tenant_id = $1 AND kind <> 'script'";
    client.execute(ended, &[&person.tenant_id]).await.expect("ended");
    crate::support::database::wait_for_session_cache_expiry().await;
    chromium.click_and_wait("form[data-note] [type=submit]").await;
    log_in(chromium, person).await;
    assert_eq!(chromium.value("form[data-note] [name=content]").await, "typed\nfor an hour");
    chromium.click_and_expect("form[data-note] [type=submit]", "/notes").await;
    assert!(chromium.text("main").await.contains("for an hour"));
}

async fn delete_and_restore_the_note(chromium: &Chromium, id: i64) {
    let path = format!("/notes/{id}");
    chromium.open(&path).await;
    chromium.click_and_wait(&format!("form[action='{path}/deletion'] [type=submit]")).await;
    if chromium.has_dialog().await {
        panic!("a dialog that a journey without JavaScript would not have");
    }
    chromium.open("/bin").await;
    chromium.click_and_expect(&format!("form[action='{path}/restoration'] [type=submit]"), &path).await;
    assert!(chromium.text("main").await.contains("edited by hand"));
}

async fn log_out(chromium: &Chromium, person: &Person) {
    chromium.open("/account").await;
    assert!(chromium.text("main").await.contains(&person.email));
    chromium.open("/dashboard").await;
    chromium.click_and_expect("form[action='/logout'] [type=submit]", "/login").await;
    chromium.back().await;
    eventually("Back asks to log in", async || chromium.path().await.starts_with("/login?")).await;
    let shown = chromium.source().await;
    assert!(!shown.contains(&person.username), "Back shows the dashboard at {}", chromium.path().await);
    chromium.open("/dashboard").await;
    assert!(chromium.path().await.starts_with("/login"), "{}", chromium.path().await);
}

#[tokio::test]
async fn no_page_is_wider_than_a_narrow_screen() {
    let app = spawn_app().await;
    let Some(chromium) = Chromium::start(&app.base, true).await else {
        return;
    };
    let person = Person::founder(&app).await;
    let script = person.script(&app).await;
    let id = script.note(&format!("{} `{}`", "w".repeat(300), "code ".repeat(60))).await;
    script.post("/api/notes", &json!({"title": "T".repeat(200), "content": "x"})).await.expect(201);
    for (width, height) in [(500, 800), (1_280, 900)] {
        chromium.resize(width, height).await;
        for path in ["/", "/register", "/login", "/api", "/nothing"] {
            assert_fits(&chromium, path).await;
        }
    }
    chromium.open("/login").await;
    log_in(&chromium, &person).await;
    for (width, height) in [(500, 800), (1_280, 900)] {
        chromium.resize(width, height).await;
        for path in [
            "/dashboard",
            "/notes",
            "/bin",
            "/account",
            &format!("/notes/{id}"),
            &format!("/notes/{id}/edit"),
            &format!("/notes/{id}/revisions"),
        ] {
            assert_fits(&chromium, path).await;
        }
    }
    assert_no_browser_errors(&chromium, "looking at all pages").await;
}

async fn assert_fits(chromium: &Chromium, path: &str) {
    chromium.open(path).await;
    let beyond = "return document.documentElement.scrollWidth - window.innerWidth";
    let beyond = chromium.run(beyond).await.as_i64().expect("a number");
    assert!(beyond <= 0, "{path} is {beyond} pixels too wide");
}
