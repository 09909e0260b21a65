//! Search while typing in Chromium, and with the button alone.

use super::user_journey::log_in;
use super::webdriver::Chromium;
use crate::support::{Person, eventually, spawn_app};

#[tokio::test]
async fn results_appear_while_typing_and_the_list_comes_back() {
    let app = spawn_app().await;
    let Some(chromium) = Chromium::start(&app.base, true).await else { return };
    let person = Person::founder(&app).await;
    let script = person.script(&app).await;
    let (found, other) = (script.note("# Café\n\nthe printers").await, script.note("something else").await);
    chromium.open("/login").await;
    log_in(&chromium, &person).await;
    chromium.open("/notes").await;
    assert!(chromium.has(&format!("#results a[href='/notes/{other}']")).await);
    chromium.press("body", "/").await;
    assert_eq!(chromium.run("return document.activeElement.id").await, "q");
    assert_eq!(chromium.value("#q").await, "", "the key is not typed");
    chromium.press("#q", "cafe rinter").await;
    eventually("the results", async || {
        chromium.has(&format!("#results .result[data-note='{found}'] mark")).await
            && !chromium.has(&format!("#results a[href='/notes/{other}']")).await
    })
    .await;
    let address = "return location.pathname + location.search";
    assert_eq!(chromium.run(address).await, "/search?q=cafe+rinter");
    assert_eq!(chromium.run("return document.activeElement.id").await, "q", "one goes on typing");
    chromium.set_value("#q", "").await;
    eventually("the list again", async || chromium.has(&format!("#results a[href='/notes/{other}']")).await)
        .await;
    assert_eq!(chromium.path().await, "/notes");
    let errors = chromium.browser_errors().await;
    assert!(errors.is_empty(), "{errors:#?}");
}

#[tokio::test]
async fn the_button_searches_without_javascript() {
    let app = spawn_app().await;
    let Some(chromium) = Chromium::start(&app.base, false).await else { return };
    let person = Person::founder(&app).await;
    let found = person.script(&app).await.note("the printers").await;
    chromium.open("/login").await;
    log_in(&chromium, &person).await;
    chromium.open("/notes").await;
    chromium.fill("#q", "rinter").await;
    chromium.click_and_wait("form[role='search'] button").await;
    assert!(chromium.has(&format!(".result[data-note='{found}']")).await);
}
