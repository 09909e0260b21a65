//! One browser logged in to several tenants.

use crate::support::{Answer, App, Browser, Page, Person, database, spawn_app, unique};

async fn log_in(browser: &Browser, person: &Person, more: &[(&str, &str)]) -> Answer {
    let mut fields = person.credentials().to_vec();
    fields.extend(more);
    browser.post_retrying("/login", &fields).await
}

/// Logs in and picks one of several tenants.
async fn choose(browser: &Browser, person: &Person, tenant_name: &str) {
    let page = Page::parse(&log_in(browser, person, &[]).await.expect(200).text());
    let button = page
        .all("button[name='choice']")
        .into_iter()
        .find(|button| button.text().collect::<String>().contains(tenant_name));
    let choice = button.expect("a choice").value().attr("value").expect("a value").to_owned();
    let fields = [("ticket", page.value("ticket")), ("choice", choice)];
    let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    browser.post("/login", &fields).await.expect_see_other("/dashboard");
}

async fn current_tenant_name(browser: &Browser) -> String {
    let page = browser.page("/account").await;
    page.all(".facts dd")[2].text().collect()
}

fn activation_path(person: &Person) -> String {
    format!("/tenants/{}/activation", person.tenant_id)
}

async fn sessions_of(person: &Person) -> i64 {
    database::number(
        "SELECT count(*) FROM sessions WHERE tenant_id = $1 AND user_id = $2",
        &[&person.tenant_id, &person.user_id],
    )
    .await
}

async fn user_of_two_tenants(app: &App) -> (Person, Person) {
    let first = Person::founder(app).await;
    let second = first.namesake(app, &unique("Second ")).await;
    (first, second)
}

#[tokio::test]
async fn one_login_opens_every_tenant_with_that_password() {
    let app = spawn_app().await;
    let (first, second) = user_of_two_tenants(&app).await;
    let browser = Browser::new(&app);
    choose(&browser, &first, &second.tenant_name).await;
    assert_eq!(current_tenant_name(&browser).await, second.tenant_name);
    let page = browser.page("/dashboard").await;
    let switch: String = page.one(&format!("form[action='{}']", activation_path(&first))).text().collect();
    assert!(switch.contains(&first.tenant_name), "{switch}");
    browser.post(&activation_path(&first), &[]).await.expect_see_other("/dashboard");
    assert_eq!(current_tenant_name(&browser).await, first.tenant_name);
    browser.note("in the first").await;
    browser.post(&activation_path(&second), &[]).await.expect_see_other("/dashboard");
    assert_eq!(current_tenant_name(&browser).await, second.tenant_name);
    assert!(!browser.page("/notes").await.text().contains("in the first"));
    // A form on an outdated page still switches to its own tenant.
    browser.post(&activation_path(&second), &[]).await.expect_see_other("/dashboard");
    assert_eq!(current_tenant_name(&browser).await, second.tenant_name);
    for odd in ["1", "0", "x", "99999999999999999999"] {
        browser.post(&format!("/tenants/{odd}/activation"), &[]).await.expect(404);
    }
}

#[tokio::test]
async fn logging_out_of_one_tenant_switches_to_the_next() {
    let app = spawn_app().await;
    let (first, second) = user_of_two_tenants(&app).await;
    let browser = Browser::new(&app);
    choose(&browser, &first, &second.tenant_name).await;
    let copy = browser.copy();
    let out = browser.post("/logout", &[]).await.expect_see_other("/dashboard");
    let text = browser.follow(out).await.text();
    assert!(text.contains(&format!("You are still logged in to {}", first.tenant_name)), "{text}");
    assert_eq!(current_tenant_name(&browser).await, first.tenant_name);
    assert!(!copy.is_logged_in().await);
    browser.post("/logout", &[]).await.expect_see_other("/login");
    assert!(!browser.is_logged_in().await);
    assert_eq!((sessions_of(&first).await, sessions_of(&second).await), (0, 0));
}

#[tokio::test]
async fn a_session_ended_elsewhere_switches_to_the_next_tenant() {
    let app = spawn_app().await;
    let (first, second) = user_of_two_tenants(&app).await;
    let browser = Browser::new(&app);
    choose(&browser, &first, &second.tenant_name).await;
    let client = database::admin().await;
    client.execute("DELETE FROM sessions WHERE tenant_id = $1", &[&second.tenant_id]).await.expect("ended");
    database::wait_for_session_cache_expiry().await;
    let to_login = browser.get("/notes").await.expect(303);
    let on = browser.get(to_login.location()).await.expect_see_other("/dashboard");
    assert!(browser.follow(on).await.text().contains(&first.tenant_name));
    client.execute("DELETE FROM sessions WHERE tenant_id = $1", &[&first.tenant_id]).await.expect("ended");
    database::wait_for_session_cache_expiry().await;
    let to_login = browser.get("/notes").await.expect(303);
    browser.get(to_login.location()).await.expect(200);
}

#[tokio::test]
async fn a_login_as_another_user_ends_all_sessions_of_the_first() {
    let app = spawn_app().await;
    let (first, second) = user_of_two_tenants(&app).await;
    let stranger = Person::founder(&app).await;
    let browser = Browser::new(&app);
    choose(&browser, &first, &second.tenant_name).await;
    stranger.log_in(&browser).await;
    assert_eq!((sessions_of(&first).await, sessions_of(&second).await), (0, 0));
    let page = browser.page("/account").await.text();
    for name in [&first.tenant_name, &second.tenant_name, &first.username] {
        assert!(!page.contains(name.as_str()), "{name} is left");
    }
    browser.post(&activation_path(&first), &[]).await.expect(404);
}

#[tokio::test]
async fn a_second_tenant_is_added_only_on_request_while_logged_in() {
    let app = spawn_app().await;
    let (first, second) = (Person::founder(&app).await, Person::founder(&app).await);
    let browser = first.browser(&app).await;
    browser.get("/login").await.expect_see_other("/dashboard");
    let form = browser.page("/login?add=1").await;
    assert_eq!(form.value("add"), "1");
    log_in(&browser, &second, &[("add", "1")]).await.expect_see_other("/dashboard");
    assert_eq!(current_tenant_name(&browser).await, second.tenant_name);
    browser.post(&activation_path(&first), &[]).await.expect_see_other("/dashboard");
    assert_eq!(current_tenant_name(&browser).await, first.tenant_name);
    // A second login to the same tenant ends the first session there.
    log_in(&browser, &second, &[("add", "1")]).await.expect_see_other("/dashboard");
    assert_eq!((sessions_of(&first).await, sessions_of(&second).await), (1, 1));
    // Without a login there is nothing to add to.
    let fresh = Browser::new(&app);
    assert!(!fresh.page("/login?add=1").await.has("[name='add']"));
    log_in(&fresh, &second, &[("add", "1")]).await.expect_see_other("/dashboard");
    assert!(!fresh.page("/dashboard").await.has(".switcher"));
}

#[tokio::test]
async fn the_sixth_tenant_replaces_the_least_recently_used_one() {
    let app = spawn_app().await;
    let browser = Browser::new(&app);
    let mut people = Vec::new();
    for index in 0..6 {
        let founder = Person::founder(&app).await;
        let name = format!("{}{}", "🕊".repeat(80), unique(""));
        let person = founder.namesake(&app, &name).await;
        let mut fields = vec![("tenant_name", name.as_str())];
        if index > 0 {
            fields.push(("add", "1"));
        }
        let answer = log_in(&browser, &person, &fields).await.expect(303);
        for cookie in answer.set_cookies() {
            assert!(cookie.len() <= 4096, "{} bytes after {index}", cookie.len());
        }
        people.push(person);
    }
    let page = browser.page("/dashboard").await;
    assert_eq!(page.all("form[action^='/tenants/']").len(), 4);
    assert_eq!(sessions_of(&people[0]).await, 0, "the least recently used session still works");
    for person in &people[1..] {
        assert_eq!(sessions_of(person).await, 1);
    }
}

#[tokio::test]
async fn changing_one_password_keeps_the_sessions_in_other_tenants() {
    let app = spawn_app().await;
    let (first, second) = user_of_two_tenants(&app).await;
    let browser = Browser::new(&app);
    choose(&browser, &first, &second.tenant_name).await;
    let fields = [("current_password", second.password.as_str()), ("password", "another good one")];
    browser.post_retrying("/account/password", &fields).await.expect(303);
    browser.post(&activation_path(&first), &[]).await.expect_see_other("/dashboard");
    assert_eq!(current_tenant_name(&browser).await, first.tenant_name);
}

#[tokio::test]
async fn a_form_of_another_organizations_page_is_refused_and_keeps_its_text() {
    let app = spawn_app().await;
    let (first, second) = user_of_two_tenants(&app).await;
    let browser = Browser::new(&app);
    choose(&browser, &first, &first.tenant_name).await;
    let of_first = format!("?tenant={}", first.tenant_id);
    for (page, path) in [
        ("/notes/new", "/notes"),
        ("/organization", "/organization"),
        ("/organization", "/organization/deletion"),
        ("/account", "/account/password"),
        ("/account/transfer", "/account/import"),
        ("/members", "/invitations"),
    ] {
        assert!(browser.page(page).await.has(&format!("form[action='{path}{of_first}']")), "{page} {path}");
    }
    browser.post(&format!("/inbox/reading{of_first}"), &[]).await.expect_see_other("/inbox");
    browser.post(&activation_path(&second), &[]).await.expect_see_other("/dashboard");

    let fields = [("title", "Rent"), ("content", "a text for the first"), ("once", "")];
    let refused = browser.post(&format!("/notes{of_first}"), &fields).await.expect(409);
    let page = Page::parse(&refused.text());
    assert!(page.text().contains("You switched to another organization"), "{}", page.text());
    assert_eq!(page.value("title"), "Rent");
    let of_second = format!("form[action='/notes?tenant={}'] textarea[name='content']", second.tenant_id);
    let kept: String = page.one(&of_second).text().collect();
    assert_eq!(kept.trim(), "a text for the first");
    for path in [
        "/organization",
        "/organization/restoration",
        "/organization/deletion",
        "/account/password",
        "/account/sessions/revocation",
        "/account/import",
        "/invitations",
        "/membership/removal",
        "/inbox/reading",
    ] {
        let answer = browser.post(&format!("{path}{of_first}"), &[]).await.expect(409);
        assert!(answer.text().contains("You switched to another organization"), "{path}");
    }
    assert!(!browser.page("/notes").await.text().contains("a text for the first"));
    browser.post("/notes", &fields).await.expect_see_other("/notes");
    assert!(browser.page("/notes").await.text().contains("a text for the first"));
}
