//! The login form and its redirects.

use crate::support::server::ServerBuilder;
use crate::support::{Answer, App, Browser, Page, Person, spawn_app, unique};

async fn post_login(browser: &Browser, fields: &[(&str, &str)]) -> Answer {
    browser.post_retrying("/login", fields).await
}

fn session_cookie(answer: &Answer) -> String {
    let mut cookies = answer.set_cookies();
    cookies.retain(|cookie| !cookie.starts_with("pigeonhole-device="));
    assert_eq!(cookies.len(), 1, "{cookies:?}");
    cookies[0].to_lowercase()
}

#[tokio::test]
async fn a_login_lasts_12_hours_or_30_days_when_remembered() {
    let app = spawn_app().await;
    let person = Person::founder(&app).await;
    let browser = Browser::new(&app);
    let answer = post_login(&browser, &person.credentials()).await;
    let cookie = session_cookie(&answer.expect_see_other("/dashboard"));
    assert!(!cookie.contains("max-age") && !cookie.contains("expires"), "{cookie}");
    let browser = Browser::new(&app);
    let mut fields = person.credentials().to_vec();
    fields.push(("remember", "on"));
    let answer = post_login(&browser, &fields).await;
    let cookie = session_cookie(&answer.expect_see_other("/dashboard"));
    assert!(cookie.contains("max-age=2592000"), "{cookie}");
    let kinds = crate::support::database::admin()
        .await
        .query(
            "SELECT kind, round(extract(epoch FROM expires_at - created_at) / 3600)::bigint \
             FROM sessions WHERE tenant_id = $1 ORDER BY created_at, id",
            &[&person.tenant_id],
        )
        .await
        .expect("sessions");
    let kinds: Vec<(String, i64)> = kinds.iter().map(|row| (row.get(0), row.get(1))).collect();
    assert_eq!(kinds, [("browser".to_owned(), 12), ("remembered".to_owned(), 720)]);
}

#[tokio::test]
async fn the_session_cookie_is_http_only_and_same_site() {
    let app = spawn_app().await;
    let person = Person::founder(&app).await;
    let browser = Browser::new(&app);
    let answer = post_login(&browser, &person.credentials()).await.expect(303);
    let cookie = session_cookie(&answer);
    for attribute in ["httponly", "samesite=lax", "path=/"] {
        assert!(cookie.contains(attribute), "{attribute} is missing in {cookie}");
    }
    assert!(!cookie.contains("domain="), "{cookie}");
    assert!(cookie.len() <= 4_096);
    assert!(!cookie.contains("ph_"), "the token is readable");
}

#[tokio::test]
async fn a_wrong_password_is_401_with_the_form_filled() {
    let app = spawn_app().await;
    let person = Person::founder(&app).await;
    let browser = Browser::new(&app);
    let mut texts = Vec::new();
    for email in [person.email.clone(), unique("nobody")] {
        let fields = [("email", email.as_str()), ("password", "wrong password")];
        let answer = post_login(&browser, &fields).await.expect(401);
        let page = Page::parse(&answer.text());
        assert_eq!(page.value("email"), email);
        assert_eq!(page.value("password"), "");
        let (_, headers, body) = answer.without_request_id();
        let headers: Vec<_> = headers.into_iter().filter(|(name, _)| name != "content-length").collect();
        texts.push((headers, body.replace(&email, "NAME")));
    }
    assert_eq!(texts[0], texts[1]);
    assert!(!browser.is_logged_in().await);
}

#[tokio::test]
async fn empty_login_fields_show_messages() {
    let app = spawn_app().await;
    let browser = Browser::new(&app);
    let answer = browser.post("/login", &[]).await;
    let answer = answer.expect(422);
    let page = Page::parse(&answer.text());
    page.field_error("email");
    page.field_error("password");
}

#[tokio::test]
async fn a_logged_in_user_is_redirected_from_the_welcome_page() {
    let app = spawn_app().await;
    let person = Person::founder(&app).await;
    let browser = Browser::new(&app);
    browser.get("/").await.expect(200);
    person.log_in(&browser).await;
    browser.get("/").await.expect_see_other("/dashboard");
}

#[tokio::test]
async fn login_returns_to_the_requested_page() {
    let app = spawn_app().await;
    let person = Person::founder(&app).await;
    let browser = Browser::new(&app);
    let answer = browser.get("/notes?limit=3").await.expect(303);
    assert!(answer.location().starts_with("/login?next="), "{}", answer.location());
    let page = browser.page(answer.location()).await;
    let next = page.value("next");
    assert!(next.starts_with("/notes"), "{next}");
    let mut fields = person.credentials().to_vec();
    fields.push(("next", &next));
    post_login(&browser, &fields).await.expect_see_other(&next);
}

#[tokio::test]
async fn the_next_page_is_never_on_another_site() {
    let app = spawn_app().await;
    let person = Person::founder(&app).await;
    let hosts = "evil.test";
    let mut tried = Vec::new();
    for shape in [
        "http://H",
        "https://H",
        "HTTP://H",
        "//H",
        "///H",
        "////H",
        "/\\H",
        "\\\\H",
        "\\/H",
        "/\\/H",
        "//\\H",
        "http:H",
        "https:H",
        "http:///H",
        "http:/H",
        "/%09/H",
        "/\t/H",
        "\t//H",
        " //H",
        "/\n/H",
        "/\r/H",
        "/\r\n/H",
        "%2f%2fH",
        "/%2f/H",
        "/%5cH",
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "data:text/html,x",
        "vbscript:x",
        "ftp://H",
        "@H",
        "//a@H",
        "/@H//",
        "http://localhost@H",
        "//localhost:pass@H",
        "http://localhost:80@H",
        "//[H",
        "//H%00",
        "/\u{0}/H",
        "x//H",
        "H",
        "/\u{2028}/H",
        "/.//H",
        "/..//H",
        "/x/..//H",
        "?//H",
        "#//H",
        "http:\\\\H",
        "http://H\\@localhost",
        "/ok\r\nLocation: http://H",
        "/ok\r\nSet-Cookie: a=b",
    ] {
        tried.push(shape.replace('H', hosts));
    }
    let base = url::Url::parse(&app.base).expect("a URL");
    let known = person.browser(&app).await;
    for (number, next) in tried.into_iter().enumerate() {
        let path = format!("/login?{}", encoded(&[("next", &next)]));
        let page = Page::parse(&app.get(&path).await.text());
        let kept = page
            .all("input[name='next']")
            .first()
            .map_or(String::new(), |field| field.value().attr("value").unwrap_or_default().to_owned());
        if !kept.is_empty() {
            assert_local(&base, &next, &kept);
        }
        // A logged-in user is redirected at once. The form itself costs a password hash, so it is tried for
        // every sixth target.
        let mut answer = known.copy().get(&path).await;
        if number % 6 == 0 {
            assert_local(&base, &next, answer.location());
            answer = log_in_towards(&app, &person, &next).await;
        }
        if answer.status != 303 {
            assert!(matches!(answer.status, 400 | 422), "{next:?}: {}", answer.status);
            continue;
        }
        assert_local(&base, &next, answer.location());
        assert!(answer.set_cookies().iter().all(|cookie| !cookie.starts_with("a=")));
    }
}

async fn log_in_towards(app: &App, person: &Person, next: &str) -> Answer {
    let mut fields = person.credentials().to_vec();
    fields.push(("next", next));
    post_login(&Browser::new(app), &fields).await
}

#[track_caller]
fn assert_local(base: &url::Url, next: &str, location: &str) {
    let target = base.join(location).expect("a location");
    assert_eq!(target.origin(), base.origin(), "{next:?} led to {location}");
    assert!(location.starts_with('/'), "{next:?} led to {location}");
    assert!(!location.starts_with("//") && !location.contains('\\'), "{next:?} led to {location}");
}

fn encoded(fields: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

#[tokio::test]
async fn a_password_valid_in_two_tenants_offers_a_choice() {
    let app = spawn_app().await;
    let person = Person::founder(&app).await;
    let namesake = person.namesake(&app, &unique("Second ")).await;
    let browser = Browser::new(&app);
    let mut fields = person.credentials().to_vec();
    fields.push(("next", "/notes"));
    let answer = post_login(&browser, &fields).await.expect(200);
    let page = Page::parse(&answer.text());
    assert!(!answer.text().contains(&person.password));
    let text = page.text();
    assert!(text.contains(&namesake.tenant_name) && text.contains(&person.tenant_name));
    assert!(!browser.is_logged_in().await, "logged in before choosing");
    let ticket = page.value("ticket");
    for bad in ["7", "-1", "x", ""] {
        let fields = [("ticket", ticket.as_str()), ("choice", bad), ("next", "/notes")];
        let answer = browser.post("/login", &fields).await;
        assert!((400..500).contains(&answer.status), "{bad}: {}", answer.status);
    }
    for forged in ["x".to_owned(), String::new(), format!("{ticket}x"), ticket[1..].to_owned()] {
        let fields = [("ticket", forged.as_str()), ("choice", "0")];
        let answer = browser.post("/login", &fields).await;
        assert!((400..500).contains(&answer.status), "{forged}: {}", answer.status);
        assert!(!browser.is_logged_in().await);
    }
    let choice = choice_of(&page, &namesake.tenant_name);
    let fields = [("ticket", ticket.as_str()), ("choice", choice.as_str()), ("next", "/notes")];
    browser.post("/login", &fields).await.expect_see_other("/notes");
    let account = browser.page("/account").await.text();
    assert!(account.contains(&namesake.tenant_name), "the other tenant was entered");
}

#[tokio::test]
async fn a_choice_made_before_a_password_change_is_refused() {
    let app = spawn_app().await;
    let person = Person::founder(&app).await;
    let namesake = person.namesake(&app, &unique("Second ")).await;
    let ask = async || {
        let browser = Browser::new(&app);
        let answer = post_login(&browser, &person.credentials()).await.expect(200);
        (browser, Page::parse(&answer.text()))
    };
    let enter = async |(browser, asked): &(Browser, Page), name: &str| {
        let fields = choice_fields(asked, name);
        let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        browser.post("/login", &fields).await
    };
    let (insider, late, other) = (ask().await, ask().await, ask().await);
    enter(&insider, &namesake.tenant_name).await.expect_see_other("/dashboard");
    let passwords = [("current_password", person.password.as_str()), ("password", "another password")];
    let mut changed = insider.0.post("/account/password", &passwords).await;
    while changed.status == 503 {
        changed = insider.0.post("/account/password", &passwords).await;
    }
    changed.expect_see_other("/account");
    let answer = enter(&late, &namesake.tenant_name).await;
    assert!((400..500).contains(&answer.status), "{}", answer.status);
    assert!(!late.0.is_logged_in().await);
    // The password of the other account has not changed. That login does not include the account whose
    // password changed.
    enter(&other, &person.tenant_name).await.expect_see_other("/dashboard");
    other.0.post(&format!("/tenants/{}/activation", namesake.tenant_id), &[]).await.expect(404);
}

#[tokio::test]
async fn a_choice_is_made_once_and_in_the_browser_that_was_asked() {
    let app = spawn_app().await;
    let other = ServerBuilder::new().start_async().await;
    let other_process = App::of(&other);
    let person = Person::founder(&app).await;
    let namesake = person.namesake(&app, &unique("Second ")).await;
    let browser = Browser::new(&app);
    let asked = Page::parse(&post_login(&browser, &person.credentials()).await.expect(200).text());
    let fields = choice_fields(&asked, &person.tenant_name);
    let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let refused = async |browser: &Browser| {
        let answer = browser.post("/login", &fields).await.expect(422);
        assert!(answer.text().contains("log in once more"), "{}", answer.text());
    };
    let stranger = Browser::new(&app);
    refused(&stranger).await;
    post_login(&stranger, &person.credentials()).await.expect(200);
    refused(&stranger).await;
    let copies = [browser.copy(), browser.copy_at(&other_process)];
    browser.post("/login", &fields).await.expect_see_other("/dashboard");
    for copy in &copies {
        refused(copy).await;
        let fields = choice_fields(&asked, &namesake.tenant_name);
        let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        copy.post("/login", &fields).await.expect(422);
        assert!(!copy.is_logged_in().await);
    }
    refused(&browser).await;
    assert!(browser.is_logged_in().await);
    browser.post("/logout", &[]).await;
    refused(&browser).await;
}

/// The fields of the form that chooses the tenant of this name.
fn choice_fields(asked: &Page, tenant_name: &str) -> [(&'static str, String); 2] {
    [("ticket", asked.value("ticket")), ("choice", choice_of(asked, tenant_name))]
}

/// The value of the choice whose label, button or row contains the tenant's name.
fn choice_of(page: &Page, tenant_name: &str) -> String {
    for choice in page.all("[name='choice']") {
        let around: Vec<String> = choice
            .ancestors()
            .take(2)
            .filter_map(scraper::ElementRef::wrap)
            .map(|element| element.text().collect())
            .collect();
        let own: String = choice.text().collect();
        let label = choice.value().attr("id").map_or(String::new(), |id| {
            let labels = page.all(&format!("label[for='{id}']"));
            labels.iter().flat_map(|label| label.text()).collect()
        });
        let nearest = if !own.trim().is_empty() {
            own
        } else if !label.trim().is_empty() {
            label
        } else {
            around.first().cloned().unwrap_or_default()
        };
        if nearest.contains(tenant_name) {
            return choice.value().attr("value").expect("a value").to_owned();
        }
    }
    panic!("no choice for {tenant_name}");
}

#[tokio::test]
async fn the_login_form_finds_the_sixth_account_of_a_name_by_its_organization() {
    let app = spawn_app().await;
    let person = Person::founder(&app).await;
    let mut last = person.clone();
    for number in 0..5 {
        let password = format!("another password {number}");
        last = Person { password, ..person.clone() }.namesake(&app, &unique("Second ")).await;
    }
    post_login(&Browser::new(&app), &person.credentials()).await.expect_see_other("/dashboard");
    let browser = Browser::new(&app);
    let answer = post_login(&browser, &last.credentials()).await.expect(401);
    let page = Page::parse(&answer.text());
    assert_eq!(page.value("email"), person.email);
    let mut fields = last.credentials().to_vec();
    fields.push(("tenant_name", &last.tenant_name));
    post_login(&browser, &fields).await.expect_see_other("/dashboard");
    // This browser is known from now on, and need not name the organization.
    browser.post("/logout", &[]).await;
    post_login(&browser, &last.credentials()).await.expect_see_other("/dashboard");
}
