//! The sign-up form.

use serde_json::json;

use crate::support::{Browser, Call, Page, Person, database, spawn_app, unique};

#[tokio::test]
async fn a_founder_signs_up_logs_in_and_sees_the_dashboard() {
    let app = spawn_app().await;
    let browser = Browser::new(&app);
    let (username, tenant) = (unique("user"), unique("Org "));
    let email = format!("{username}@example.test");
    let fields = [
        ("username", username.as_str()),
        ("email", email.as_str()),
        ("password", "testpass"),
        ("tenant_name", tenant.as_str()),
    ];
    let answer = browser.post_retrying("/register", &fields).await.expect(303);
    let page = browser.page(answer.location()).await;
    assert!(page.has("main [role='status']"), "no flash after signing up");
    // Older scripts log in after the sign-up, although it has logged them in.
    let login = [("email", email.as_str()), ("password", "testpass")];
    browser.post_retrying("/login", &login).await.expect_see_other("/dashboard");
    let dashboard = browser.page("/dashboard").await.text();
    assert!(dashboard.contains(&username));
    assert!(dashboard.contains(&tenant));
}

#[tokio::test]
async fn the_email_is_optional() {
    let app = spawn_app().await;
    for email in [None, Some("")] {
        let browser = Browser::new(&app);
        let (username, tenant) = (unique("user"), unique("Org "));
        let mut fields =
            vec![("username", username.as_str()), ("password", "testpass"), ("tenant_name", tenant.as_str())];
        fields.extend(email.map(|email| ("email", email)));
        browser.post_retrying("/register", &fields).await.expect(303);
    }
}

#[tokio::test]
async fn a_refused_form_keeps_every_field_but_the_password() {
    let app = spawn_app().await;
    let browser = Browser::new(&app);
    let tenant = unique("Org ");
    let fields = [
        ("username", "a name that stays"),
        ("email", "no address"),
        ("password", "short"),
        ("tenant_name", tenant.as_str()),
    ];
    let answer = browser.post_retrying("/register", &fields).await.expect(422);
    assert!(!answer.text().contains("short\""), "the password is in the page");
    let page = Page::parse(&answer.text());
    assert_eq!(page.value("username"), "a name that stays");
    assert_eq!(page.value("email"), "no address");
    assert_eq!(page.value("tenant_name"), tenant);
    assert_eq!(page.value("password"), "");
    page.field_error("email");
    page.field_error("password");
    assert_eq!(database::tenant_named(&tenant).await, None);
}

#[tokio::test]
async fn every_missing_field_shows_a_message() {
    let app = spawn_app().await;
    let browser = Browser::new(&app);
    let answer = browser.post_retrying("/register", &[]).await.expect(422);
    let page = Page::parse(&answer.text());
    for field in ["username", "password", "tenant_name"] {
        page.field_error(field);
    }
}

#[tokio::test]
async fn a_taken_name_is_409_with_the_form_filled() {
    let app = spawn_app().await;
    let founder = Person::founder(&app).await;
    database::open_tenant(founder.tenant_id).await;
    let browser = Browser::new(&app);
    let fields = [
        ("username", founder.username.as_str()),
        ("email", ""),
        ("password", "testpass"),
        ("tenant_name", founder.tenant_name.as_str()),
    ];
    let answer = browser.post_retrying("/register", &fields).await.expect(409);
    assert!(!answer.text().contains(&founder.email), "the e-mail is revealed");
    let page = Page::parse(&answer.text());
    assert_eq!(page.value("username"), founder.username);
    page.field_error("username");
}

#[tokio::test]
async fn a_tenant_by_invitation_is_not_joined_by_the_form() {
    let app = spawn_app().await;
    let founder = Person::founder(&app).await;
    let browser = Browser::new(&app);
    let username = unique("intruder");
    let fields = [
        ("username", username.as_str()),
        ("password", "testpass"),
        ("tenant_name", founder.tenant_name.as_str()),
    ];
    let answer = browser.post_retrying("/register", &fields).await;
    assert!(matches!(answer.status, 403 | 409 | 422), "{}", answer.status);
    let page = Page::parse(&answer.text());
    page.field_error("tenant_name");
    assert_eq!(database::user_count(founder.tenant_id).await, 1);
}

#[tokio::test]
async fn password_fields_support_password_managers() {
    let app = spawn_app().await;
    let browser = Browser::new(&app);
    for (path, autocomplete) in [("/register", "new-password"), ("/login", "current-password")] {
        let page = browser.page(path).await;
        let field = page.one("input[name='password']").value();
        assert_eq!(field.attr("type"), Some("password"), "{path}");
        assert_eq!(field.attr("autocomplete"), Some(autocomplete), "{path}");
        assert_eq!(field.attr("maxlength"), None, "{path}: pasted passwords would be cut");
    }
}

#[tokio::test]
async fn every_field_has_a_label() {
    let app = spawn_app().await;
    let person = Person::founder(&app).await;
    let browser = person.browser(&app).await;
    let id = browser.note("text").await;
    let anonymous = Browser::new(&app);
    let mut pages = Vec::new();
    for path in ["/register", "/login"] {
        pages.push((path.to_owned(), anonymous.page(path).await));
    }
    for path in ["/dashboard", "/notes", "/account", &format!("/notes/{id}/edit")] {
        pages.push((path.to_owned(), browser.page(path).await));
    }
    for (path, page) in pages {
        for field in page.all("input:not([type=hidden]):not([type=submit]), textarea, select") {
            let id = field.value().attr("id").unwrap_or_default();
            let labelled = field.value().attr("aria-label").is_some()
                || page.has(&format!("label[for='{id}']"))
                || field
                    .ancestors()
                    .any(|node| node.value().as_element().is_some_and(|element| element.name() == "label"));
            assert!(labelled, "{path}: {}", field.html());
        }
        assert!(page.has("html[lang]"), "{path} has no language");
        assert_eq!(page.all("h1").len(), 1, "{path} needs one heading");
    }
}

#[tokio::test]
async fn a_name_or_an_address_with_a_character_that_cannot_be_seen_is_refused() {
    let app = spawn_app().await;
    let (name, organization) = (unique("ada"), unique("Org "));
    let body = |username: &str, email: &str, tenant: &str| {
        let password = "a good one 7";
        json!({"username": username, "email": email, "password": password, "tenant_name": tenant})
    };
    let register = async |body: serde_json::Value| {
        app.answer_retrying(Call::new("POST", "/api/register").json(&body)).await
    };
    let address = format!("{name}@example.test");
    register(body(&name, &address, &organization)).await.expect(201);
    for hidden in [
        "\u{1d173}",
        "\u{1bca0}",
        "\u{13430}",
        "\u{110bd}",
        "\u{600}",
        "\u{8e2}",
        "\u{e000}",
        "\u{f0000}",
        "\u{378}",
        "\u{e01ef}",
        "\u{10ffff}",
        "\u{200b}",
        "\u{2065}",
        "\u{1d17a}",
    ] {
        for (sent, field) in [
            (body(&format!("{name}{hidden}"), &address, &organization), "username"),
            (body(hidden, &address, &organization), "username"),
            (body(&name, &format!("{name}{hidden}@example.test"), &organization), "email"),
            (body(&name, &format!("{name}@exam{hidden}ple.test"), &organization), "email"),
            (body(&name, &address, &format!("{organization}{hidden}")), "tenant_name"),
        ] {
            let refused = register(sent).await;
            refused.expect_field_problem(422, field);
        }
    }
}
