//! Sign-ups, tokens, invitations and the current password.

use serde_json::json;

use super::{Sender, admitted, assert_throttled, new_address, server_with_limits, until_throttled};
use crate::support::{Call, Page, Person, spawn_app, unique};

#[tokio::test]
async fn ten_sign_ups_from_one_address_are_followed_by_429_with_the_form_filled() {
    let (_server, app, _) = server_with_limits().await;
    let here = new_address();
    let taken = Person::founder(&spawn_app().await).await;
    for number in 0..10 {
        // A taken name counts as well, and its answer does not name the e-mail.
        let name = if number == 0 { taken.username.clone() } else { unique("user") };
        let organization = if number == 0 { taken.tenant_name.clone() } else { unique("Org ") };
        let body = json!({"username": name, "password": "a good password", "tenant_name": organization});
        let call = Call::new("POST", "/api/register").json(&body).sent_from(&here);
        let answer = admitted(&app, call).await.expect(if number == 0 { 409 } else { 201 });
        assert!(!answer.text().contains(&taken.email));
    }
    let (name, organization) = (unique("user"), unique("Org "));
    let fields =
        [("username", name.as_str()), ("password", "a good password"), ("tenant_name", &organization)];
    let refused = app.answer(Call::new("POST", "/register").form(&fields).sent_from(&here)).await;
    assert_throttled(&refused);
    let page = Page::parse(&refused.text());
    assert_eq!((page.value("username"), page.value("tenant_name")), (name.clone(), organization.clone()));
    assert!(!refused.text().contains("a good password"));
    let body = json!({"username": name, "password": "a good password", "tenant_name": organization});
    let call = Call::new("POST", "/api/register").json(&body);
    app.answer(call.clone().sent_from(&here)).await.expect_problem(429);
    admitted(&app, call.sent_from(&new_address())).await.expect(201);
}

#[tokio::test]
async fn a_repeated_sign_up_tries_a_password_as_a_login_does() {
    let (_server, app, _) = server_with_limits().await;
    let (name, organization, key) = (unique("user"), unique("Org "), unique("key-"));
    let sign_up = |password: &str, address: &str| {
        let body = json!({"username": name, "password": password, "tenant_name": organization});
        let call = Call::new("POST", "/api/register").json(&body).header("idempotency-key", &key);
        call.sent_from(address)
    };
    let password = "a good password";
    let made = admitted(&app, sign_up(password, &new_address())).await.expect(201).json();
    // A right password uses nothing up.
    admitted(&app, sign_up(password, &new_address())).await.expect(201);
    let here = new_address();
    for _ in 0..10 {
        admitted(&app, sign_up("another password", &here)).await.expect(409);
    }
    let tenant = made["tenant_id"].as_i64().expect("a tenant");
    let right = super::login(&name, password, tenant);
    assert_throttled(&app.answer(right.clone().sent_from(&here)).await);
    admitted(&app, right.sent_from(&new_address())).await.expect(200);
    // And the other way round.
    let there = new_address();
    until_throttled(&app, 10, 401, |_| super::login(&name, "wrong password", tenant).sent_from(&there)).await;
    assert_throttled(&app.answer(sign_up(password, &there)).await);
}

#[tokio::test]
async fn made_up_tokens_are_429_and_a_right_one_from_there_is_let_in() {
    let (_server, app, _) = server_with_limits().await;
    let person = Person::founder(&spawn_app().await).await;
    let script = person.script(&spawn_app().await).await;
    let here = new_address();
    let guess = |_| {
        let secret: String = std::iter::repeat_with(fastrand::alphanumeric).take(43).collect();
        Call::new("GET", "/api/me").bearer(&format!("ph_{}_{secret}", person.tenant_id)).sent_from(&here)
    };
    until_throttled(&app, 30, 401, guess).await.expect_problem(429);
    app.answer(Call::new("GET", "/api/me").bearer(&script.token).sent_from(&here)).await.expect(200);
}

#[tokio::test]
async fn made_up_invitations_are_429_and_a_right_one_from_there_opens() {
    let (_server, app, _) = server_with_limits().await;
    let person = Person::founder(&spawn_app().await).await;
    let script = person.script(&spawn_app().await).await;
    let made = script.post("/api/invitations", &json!({})).await.expect(201).json();
    let token = made["token"].as_str().expect("a token");
    let here = new_address();
    let guess = |_| {
        let secret: String = std::iter::repeat_with(fastrand::alphanumeric).take(43).collect();
        Call::new("GET", &format!("/invitations/phi_{}_{secret}", person.tenant_id)).sent_from(&here)
    };
    until_throttled(&app, 30, 404, guess).await;
    app.answer(Call::new("GET", &format!("/invitations/{token}")).sent_from(&here)).await.expect(200);
}

#[tokio::test]
async fn ten_wrong_current_passwords_are_followed_by_429() {
    let app = spawn_app().await;
    let person = Person::founder(&app).await;
    let browser = person.browser(&app).await;
    let change = |current: &str| {
        let fields = [("current_password", current.to_owned()), ("password", "another password".to_owned())];
        let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        Call::new("POST", "/account/password").form(&fields)
    };
    let mut wrong = 0;
    while wrong < 10 {
        let answer = browser.answer(change("wrong password")).await;
        assert!(matches!(answer.status, 422 | 503), "{}", answer.status);
        wrong += usize::from(answer.status == 422);
    }
    for current in ["wrong password", &person.password] {
        let refused = browser.answer(change(current)).await;
        assert_throttled(&refused);
        assert!(Page::parse(&refused.text()).field_error("current_password").contains("Too many attempts"));
    }
    // Logging in is another matter, and needs no waiting.
    person.browser(&app).await;
}

#[tokio::test]
async fn more_than_sixty_invitations_at_once_are_429() {
    let app = spawn_app().await;
    let script = Person::founder(&app).await.script(&app).await;
    for made in 0..200 {
        let answer = script.post("/api/invitations", &json!({})).await;
        if answer.status != 201 {
            assert!(made >= 60, "refused after {made}");
            return assert_throttled(&answer);
        }
    }
    panic!("two hundred invitations were made");
}
