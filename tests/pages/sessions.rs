//! Browser sessions: logout, expiry, cookies.

use crate::support::{Browser, Call, Person, database, spawn_app};

async fn is_redirected_to_login(browser: &Browser) -> bool {
    let answer = browser.get("/dashboard").await.expect(303);
    answer.location().starts_with("/login")
}

#[tokio::test]
async fn logout_ends_every_copy_of_the_cookie() {
    let app = spawn_app().await;
    let person = Person::founder(&app).await;
    let browser = person.browser(&app).await;
    let thief = browser.copy();
    assert!(thief.copy().is_logged_in().await);
    let answer = browser.post("/logout", &[]).await.expect(303);
    assert!(matches!(answer.location(), "/" | "/login"), "{}", answer.location());
    assert!(is_redirected_to_login(&thief).await);
    assert!(is_redirected_to_login(&browser).await);
    let rows = "SELECT count(*) FROM sessions WHERE tenant_id = $1";
    assert_eq!(database::number(rows, &[&person.tenant_id]).await, 0);
}

#[tokio::test]
async fn logout_by_get_is_405() {
    let app = spawn_app().await;
    let person = Person::founder(&app).await;
    let browser = person.browser(&app).await;
    let answer = browser.get("/logout").await.expect(405);
    assert!(answer.header("allow").contains("POST"));
    assert!(browser.is_logged_in().await);
}

#[tokio::test]
async fn a_cookie_from_before_the_login_is_not_logged_in() {
    let app = spawn_app().await;
    let person = Person::founder(&app).await;
    let browser = Browser::new(&app);
    browser.get("/login").await.expect(200);
    browser.post("/logout", &[]).await;
    let before = browser.copy();
    person.log_in(&browser).await;
    if !before.cookie_header().is_empty() {
        assert_ne!(before.cookie_header(), browser.cookie_header());
    }
    assert!(is_redirected_to_login(&before).await);
    assert!(browser.is_logged_in().await);
}

#[tokio::test]
async fn logging_in_over_another_session_ends_it() {
    let app = spawn_app().await;
    let (first, second) = (Person::founder(&app).await, Person::founder(&app).await);
    let browser = first.browser(&app).await;
    let old = browser.copy();
    second.log_in(&browser).await;
    let text = browser.page("/dashboard").await.text();
    assert!(text.contains(&second.username) && !text.contains(&first.username));
    assert!(is_redirected_to_login(&old).await, "the replaced session still works");
}

#[tokio::test]
async fn idle_and_expired_sessions_end() {
    let app = spawn_app().await;
    let person = Person::founder(&app).await;
    let client = database::admin().await;
    let browser = person.browser(&app).await;
    // Ended sessions come first, because a request of a live session updates last_seen_at a moment later.
    for (assignment, over) in [
        ("last_seen_at = now() - interval '125 minutes'", true),
        ("last_seen_at = now(), expires_at = now() - interval '1 second'", true),
        ("expires_at = now() + interval '1 minute'", false),
        ("kind = 'remembered', last_seen_at = now() - interval '15 days'", true),
        ("last_seen_at = now() - interval '13 days'", false),
        ("kind = 'browser', last_seen_at = now() - interval '119 minutes'", false),
    ] {
        let statement = format!("UPDATE sessions SET {assignment} WHERE tenant_id = $1");
        client.execute(&statement, &[&person.tenant_id]).await.expect("the session");
        database::wait_for_session_cache_expiry().await;
        let answer = browser.get("/dashboard").await;
        assert_eq!(answer.status == 303, over, "{assignment}: {}", answer.status);
    }
}

#[tokio::test]
async fn deleting_the_session_row_ends_the_session_within_a_second() {
    let app = spawn_app().await;
    let person = Person::founder(&app).await;
    let browser = person.browser(&app).await;
    let client = database::admin().await;
    let statement = "DELETE FROM sessions WHERE tenant_id = $1";
    assert_eq!(client.execute(statement, &[&person.tenant_id]).await.expect("deleted"), 1);
    database::wait_for_session_cache_expiry().await;
    assert!(is_redirected_to_login(&browser).await);
}

#[tokio::test]
async fn two_session_cookies_are_no_login() {
    let app = spawn_app().await;
    let browser = Person::founder(&app).await.browser(&app).await;
    let ours = browser.cookie_header();
    let name = ours.split_once('=').expect("a cookie").0;
    let other = Person::founder(&app).await.browser(&app).await.cookie_header();
    let escaped = format!("%{:02x}{}", name.as_bytes()[0], &ours[1..]);
    for cookies in [
        vec![format!("{ours}; {ours}")],
        vec![format!("{ours}; {other}")],
        vec![format!("{other}; {ours}")],
        vec![format!("{ours}; {name}=")],
        vec![format!("{name}=x; {ours}")],
        vec![ours.clone(), ours.clone()],
        vec![ours.clone(), other.clone()],
    ] {
        let mut call = Call::new("GET", "/dashboard");
        for cookie in &cookies {
            call = call.header("cookie", cookie);
        }
        let answer = app.answer(call).await;
        assert_eq!(answer.status, 303, "{cookies:?}");
        assert!(answer.location().starts_with("/login"), "{cookies:?}");
    }
    // A name is ours as it is written: what another host of the domain wrote in another way does not count.
    for cookies in
        [format!("theme=dark; {ours}"), format!("{ours}; a; =b; {name}x=1"), format!("{escaped}; {ours}")]
    {
        let call = Call::new("GET", "/dashboard").header("cookie", cookies.clone());
        assert_eq!(app.answer(call).await.status, 200, "{cookies}");
    }
    assert!(browser.is_logged_in().await);
}

#[tokio::test]
async fn a_tampered_cookie_is_not_logged_in() {
    let app = spawn_app().await;
    let person = Person::founder(&app).await;
    let browser = person.browser(&app).await;
    let cookies = browser.cookie_header();
    let cookie = cookies.split("; ").find(|cookie| cookie.starts_with("pigeonhole="));
    let (name, value) = cookie.and_then(|cookie| cookie.split_once('=')).expect("a session");
    let mut attempts = vec![
        String::new(),
        value[..value.len() / 2].to_owned(),
        value[1..].to_owned(),
        "x".repeat(3_900),
        "%00".to_owned(),
        "%FF%FE".to_owned(),
        "{}".to_owned(),
    ];
    let places = value.len();
    for place in (0..places).step_by((places / 40).max(1)) {
        let mut bytes = value.as_bytes().to_vec();
        bytes[place] = if bytes[place] == b'A' { b'B' } else { b'A' };
        attempts.push(String::from_utf8(bytes).expect("ASCII"));
    }
    for attempt in attempts {
        if attempt == value {
            continue;
        }
        let call = Call::new("GET", "/dashboard").header("cookie", format!("{name}={attempt}"));
        let answer = app.answer(call).await;
        assert_eq!(answer.status, 303, "{attempt}: {}", answer.status);
    }
    assert!(browser.is_logged_in().await);
}

#[tokio::test]
async fn malformed_cookie_headers_are_no_server_error() {
    let app = spawn_app().await;
    let person = Person::founder(&app).await;
    let cookie = person.browser(&app).await.cookie_header();
    let (name, _) = cookie.split_once('=').expect("a cookie");
    for header in [
        format!("{name}=x; {cookie}"),
        format!("{cookie}; {name}=x"),
        "=".to_owned(),
        ";;;".to_owned(),
        name.to_string(),
        "x".repeat(8_192),
    ] {
        let call = Call::new("GET", "/dashboard").header("cookie", &header);
        let answer = app.answer(call).await;
        assert!(answer.status < 500, "{header}: {}", answer.status);
    }
    let mut bytes = format!("{name}=").into_bytes();
    bytes.extend([0xff, 0xfe, 0x80]);
    let call = Call::new("GET", "/dashboard").header("cookie", bytes);
    let answer = app.answer(call).await;
    assert!(answer.status < 500, "{}", answer.status);
}

#[tokio::test]
async fn a_flash_is_shown_once() {
    let app = spawn_app().await;
    let person = Person::founder(&app).await;
    let browser = person.browser(&app).await;
    browser.page("/dashboard").await;
    let answer = browser.post("/notes", &[("content", "text")]).await.expect(303);
    let flash = "main [role='status']";
    let first = browser.page(answer.location()).await;
    assert!(first.has(flash), "no flash");
    let second = browser.page(answer.location()).await;
    let shown: String = second.all(flash).iter().flat_map(|f| f.text()).collect();
    assert!(shown.trim().is_empty(), "the flash came again: {shown}");
}

#[tokio::test]
async fn a_logout_reaches_another_server_within_two_seconds() {
    let here = spawn_app().await;
    let person = Person::founder(&here).await;
    let script = person.script(&here).await;
    let key = crate::support::names::secret_key();
    let other = crate::support::server::ServerBuilder::new().set("SECRET_KEY", &key).start();
    let there = crate::support::App::of(&other);
    let ask = || Call::new("GET", "/api/me").bearer(&script.token);
    there.answer(ask()).await.expect(200);
    here.answer(Call::new("POST", "/api/logout").bearer(&script.token)).await.expect(204);
    here.answer(ask()).await.expect(401);
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    there.answer(ask()).await.expect(401);
}
