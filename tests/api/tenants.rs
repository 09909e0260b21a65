//! Creating and joining tenants, and one user in several of them.

use serde_json::json;

use crate::support::{App, Call, Person, database, spawn_app, unique};

async fn register(app: &App, body: serde_json::Value) -> crate::support::Answer {
    app.answer_retrying(Call::new("POST", "/api/register").json(&body)).await
}

async fn login(app: &App, body: serde_json::Value) -> crate::support::Answer {
    app.answer_retrying(Call::new("POST", "/api/login").json(&body)).await
}

#[tokio::test]
async fn a_tenant_by_invitation_is_not_joined_by_name_or_number() {
    let app = spawn_app().await;
    let founder = Person::founder(&app).await;
    for tenant in [
        json!({"tenant_name": founder.tenant_name}),
        json!({"tenant_name": founder.tenant_name.to_uppercase()}),
        json!({"tenant_name": format!("  {} ", founder.tenant_name)}),
        json!({"tenant_id": founder.tenant_id}),
    ] {
        let mut body = json!({"username": unique("intruder"), "password": "testpass"});
        body.as_object_mut().expect("an object").extend(tenant.as_object().expect("an object").clone());
        let refused = register(&app, body).await;
        assert!(matches!(refused.status, 403 | 409 | 422), "{tenant}: {} {}", refused.status, refused.text());
    }
    assert_eq!(database::user_count(founder.tenant_id).await, 1);
}

#[tokio::test]
async fn an_open_tenant_is_joined_as_a_member() {
    let app = spawn_app().await;
    let founder = Person::founder(&app).await;
    let member = founder.colleague(&app).await;
    assert_eq!(member.tenant_id, founder.tenant_id);
    let roles = database::admin()
        .await
        .query("SELECT role FROM shared.users WHERE tenant_id = $1 ORDER BY id", &[&founder.tenant_id])
        .await
        .expect("roles");
    let roles: Vec<String> = roles.iter().map(|row| row.get(0)).collect();
    assert_eq!(roles, ["owner", "member"]);
}

#[tokio::test]
async fn joining_an_unknown_tenant_number_is_refused() {
    let app = spawn_app().await;
    for tenant_id in [999_999_999_i64, i64::MAX, 0, -1] {
        let body = json!({
            "username": unique("user"), "password": "testpass", "tenant_id": tenant_id,
        });
        let refused = register(&app, body).await;
        assert!((400..500).contains(&refused.status), "{tenant_id}: {}", refused.status);
    }
}

#[tokio::test]
async fn names_and_emails_are_unique_in_a_tenant_in_any_case() {
    let app = spawn_app().await;
    let founder = Person::founder(&app).await;
    database::open_tenant(founder.tenant_id).await;
    let tenant = &founder.tenant_name;
    let same_name = json!({
        "username": founder.username.to_uppercase(), "password": "testpass", "tenant_name": tenant,
    });
    let name_taken = register(&app, same_name).await;
    let same_email = json!({
        "username": unique("user"), "email": founder.email.to_uppercase(),
        "password": "testpass", "tenant_name": tenant,
    });
    let email_taken = register(&app, same_email).await;
    // Both get the same answer, so that nobody learns whose e-mail is registered.
    assert_eq!(name_taken.without_request_id(), email_taken.without_request_id());
    name_taken.expect_field_problem(409, "username");
    assert_eq!(database::user_count(founder.tenant_id).await, 1);
}

#[tokio::test]
async fn of_two_concurrent_sign_ups_with_one_name_one_succeeds() {
    let app = spawn_app().await;
    let founder = Person::founder(&app).await;
    database::open_tenant(founder.tenant_id).await;
    let name = unique("same");
    let body = |name: &str| json!({"username": name, "password": "testpass", "tenant_id": founder.tenant_id});
    let (first, second) =
        tokio::join!(register(&app, body(&name)), register(&app, body(&name.to_uppercase())));
    let mut statuses = [first.status, second.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409], "{} {}", first.text(), second.text());
    assert_eq!(database::user_count(founder.tenant_id).await, 2);
}

#[tokio::test]
async fn of_two_concurrent_sign_ups_with_one_new_tenant_one_succeeds() {
    let app = spawn_app().await;
    let tenant = unique("Race ");
    let body = |user: String| json!({"username": user, "password": "testpass", "tenant_name": tenant});
    let (first, second) =
        tokio::join!(register(&app, body(unique("user"))), register(&app, body(unique("user"))));
    let statuses = [first.status, second.status];
    assert_eq!(
        statuses.iter().filter(|status| **status == 201).count(),
        1,
        "{statuses:?} {} {}",
        first.text(),
        second.text()
    );
    let loser = if first.status == 201 { second } else { first };
    loser.expect_field_problem(409, "tenant_name");
    let id = database::tenant_named(&tenant).await.expect("the tenant");
    assert_eq!(database::user_count(id).await, 1);
}

#[tokio::test]
async fn a_refused_sign_up_leaves_no_tenant_behind() {
    let app = spawn_app().await;
    let tenant = unique("Nothing ");
    let body = json!({"username": unique("user"), "password": "short", "tenant_name": tenant});
    register(&app, body).await.expect_field_problem(422, "password");
    assert_eq!(database::tenant_named(&tenant).await, None);
}

async fn namesake(app: &App, person: &Person, password: &str) -> Person {
    let with_password = Person { password: password.to_owned(), ..person.clone() };
    with_password.namesake(app, &unique("Second ")).await
}

#[tokio::test]
async fn a_user_of_two_tenants_is_matched_by_the_password() {
    let app = spawn_app().await;
    let person = Person::founder(&app).await;
    let second = namesake(&app, &person, "another password").await;
    for (password, tenant) in
        [(person.password.as_str(), person.tenant_id), ("another password", second.tenant_id)]
    {
        let body = json!({"username": person.email, "password": password});
        let token = login(&app, body).await.expect(200).json();
        let token = token["token"].as_str().expect("a token");
        assert!(token.starts_with(&format!("ph_{tenant}_")), "{token} for {tenant}");
    }
}

#[tokio::test]
async fn the_same_password_in_two_tenants_requires_the_tenant() {
    let app = spawn_app().await;
    let person = Person::founder(&app).await;
    let second = namesake(&app, &person, &person.password).await;
    let body = json!({"username": person.username, "password": person.password});
    login(&app, body).await.expect_field_problem(422, "tenant_name");
    for tenant in
        [json!({"tenant_name": second.tenant_name.to_uppercase()}), json!({"tenant_id": second.tenant_id})]
    {
        let mut body = json!({"username": person.username, "password": person.password});
        body.as_object_mut().expect("an object").extend(tenant.as_object().expect("an object").clone());
        let token = login(&app, body).await.expect(200).json();
        let token = token["token"].as_str().expect("a token");
        assert!(token.starts_with(&format!("ph_{}_", second.tenant_id)));
    }
}

#[tokio::test]
async fn a_name_in_many_tenants_finds_the_oldest_account_and_others_by_their_tenant() {
    let app = spawn_app().await;
    let person = Person::founder(&app).await;
    let mut last = person.clone();
    for number in 0..5 {
        last = namesake(&app, &person, &format!("another password {number}")).await;
    }
    for (password, status) in
        [(&person.password, 200), (&"wrong password".to_owned(), 401), (&last.password, 401)]
    {
        login(&app, json!({"username": person.email, "password": password})).await.expect(status);
    }
    let body = json!({
        "username": person.email, "password": last.password, "tenant_name": last.tenant_name,
    });
    login(&app, body).await.expect(200);
    let body = json!({
        "username": person.email, "password": person.password, "tenant_name": person.tenant_name,
    });
    login(&app, body).await.expect(200);
}

#[tokio::test]
async fn names_that_look_alike_in_unicode_are_equal_or_refused() {
    let app = spawn_app().await;
    let founder = Person::founder(&app).await;
    database::open_tenant(founder.tenant_id).await;
    let tail = unique("");
    for (plain, lookalike) in [
        ("big", "ᴮᴵᴳ"),
        ("fi", "ﬁ"),
        ("s", "ſ"),
        ("k", "\u{212a}"),
        ("abc", "ａｂｃ"),
        ("é", "e\u{301}"),
        ("x", "x\u{200d}"),
        ("y", "\u{202e}y"),
    ] {
        let name = format!("{plain}{tail}");
        let body = json!({"username": name, "password": "testpass", "tenant_id": founder.tenant_id});
        let first = register(&app, body).await.status;
        let name = format!("{lookalike}{tail}");
        let body = json!({"username": name, "password": "testpass", "tenant_id": founder.tenant_id});
        let second = register(&app, body).await;
        assert!(matches!(first, 201 | 422), "{plain}: {first}");
        assert!(
            matches!(second.status, 409 | 422),
            "{lookalike} beside {plain}: {} {}",
            second.status,
            second.text()
        );
    }
}
