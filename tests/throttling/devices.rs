//! A browser that logged in before is let in, whatever others guess.

use super::{Sender, admitted, assert_throttled, login, new_address, server_with_limits, until_throttled};
use crate::support::{App, Browser, Call, Person, spawn_app};

fn form(person: &Person, password: &str) -> Call {
    let fields =
        [("email", person.username.as_str()), ("password", password), ("tenant_name", &person.tenant_name)];
    Call::new("POST", "/login").form(&fields)
}

/// A browser that has logged in and out.
pub(super) async fn known_browser(app: &App, person: &Person) -> Browser {
    let browser = Browser::new(app);
    let call = form(person, &person.password).sent_from(&new_address());
    let answer = browser.answer(call).await.expect(303);
    let device = answer.set_cookies().into_iter().find(|cookie| cookie.starts_with("pigeonhole-device="));
    let device = device.expect("a device cookie");
    assert!(!device.contains(&person.username) && !device.contains(&person.user_id.to_string()), "{device}");
    browser.post("/logout", &[]).await.expect_see_other("/login");
    assert!(browser.cookie_header().contains("pigeonhole-device="), "the logout took the device cookie");
    browser
}

/// Wrong passwords from eleven addresses, until the limit of the name refuses them.
async fn guess(app: &App, person: &Person) {
    for _ in 0..11 {
        let address = new_address();
        for _ in 0..10 {
            let answer = admitted(app, form(person, "wrong password").sent_from(&address)).await;
            assert!(matches!(answer.status, 401 | 429), "{}", answer.status);
        }
    }
}

#[tokio::test]
async fn after_many_failures_only_a_browser_that_is_known_is_let_in_at_once() {
    let (_server, app, _) = server_with_limits().await;
    let person = Person::founder(&spawn_app().await).await;
    let browser = known_browser(&app, &person).await;
    guess(&app, &person).await;
    let here = new_address();
    assert_throttled(&app.answer(form(&person, &person.password).sent_from(&here)).await);
    // Another person's device cookie is worth nothing here.
    let stranger = known_browser(&app, &Person::founder(&spawn_app().await).await).await;
    assert_throttled(&stranger.answer(form(&person, &person.password).sent_from(&here)).await);
    browser.answer(form(&person, &person.password).sent_from(&here)).await.expect_see_other("/dashboard");
    // The right password has given none of the failures back.
    assert_throttled(&app.answer(form(&person, &person.password).sent_from(&here)).await);
}

#[tokio::test]
async fn ten_failures_make_a_device_cookie_worthless_for_the_name() {
    let (_server, app, _) = server_with_limits().await;
    let person = Person::founder(&spawn_app().await).await;
    let browser = known_browser(&app, &person).await;
    for _ in 0..10 {
        browser.answer(form(&person, "wrong password").sent_from(&new_address())).await.expect(401);
    }
    guess(&app, &person).await;
    assert_throttled(&browser.answer(form(&person, &person.password).sent_from(&new_address())).await);
}

#[tokio::test]
async fn a_forged_device_cookie_is_none() {
    let (_server, app, _) = server_with_limits().await;
    let person = Person::founder(&spawn_app().await).await;
    let browser = known_browser(&app, &person).await;
    let cookie = browser.cookie_header();
    let here = new_address();
    let wrong = |_| login(&person.username, "wrong password", person.tenant_id).sent_from(&here);
    until_throttled(&app, 10, 401, wrong).await;
    let (name, value) = cookie.split_once("pigeonhole-device=").expect("a device cookie");
    let flipped =
        value.strip_prefix('A').map_or_else(|| format!("A{}", &value[1..]), |rest| format!("B{rest}"));
    for forged in [
        format!("pigeonhole-device={flipped}"),
        "pigeonhole-device=".to_owned(),
        "pigeonhole-device=x".to_owned(),
        format!("pigeonhole-device={value}; pigeonhole-device={value}"),
    ] {
        let call = form(&person, &person.password).header("cookie", &forged).sent_from(&here);
        assert_throttled(&app.answer(call).await);
    }
    let call = form(&person, &person.password).header("cookie", &cookie).sent_from(&here);
    app.answer(call).await.expect(303);
    assert!(name.len() < cookie.len());
}
