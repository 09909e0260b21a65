//! Ticking tasks in Chromium, with JavaScript and without.

use super::user_journey::log_in;
use super::webdriver::Chromium;
use crate::support::{Person, spawn_app};

async fn tick(javascript: bool) {
    let app = spawn_app().await;
    let Some(chromium) = Chromium::start(&app.base, javascript).await else { return };
    let person = Person::founder(&app).await;
    let script = person.script(&app).await;
    let id = script.note("Shopping\n\n- [ ] milk\n- [ ] eggs\n\n```rust\nfn main() {}\n```\n").await;
    let path = format!("/notes/{id}");
    chromium.open("/login").await;
    log_in(&chromium, &person).await;
    chromium.open(&path).await;
    chromium.click_and_expect("#task-1 > button", &format!("{path}#task-1")).await;
    assert!(chromium.has("#task-1 > button[aria-checked='true']").await);
    assert_eq!(script.read(id).await["content"].as_str().map(|text| text.contains("- [x] eggs")), Some(true));
    let errors = chromium.browser_errors().await;
    assert!(errors.is_empty(), "{errors:#?}");
}

#[tokio::test]
async fn a_task_is_ticked_with_javascript() {
    tick(true).await;
}

#[tokio::test]
async fn a_task_is_ticked_without_javascript() {
    tick(false).await;
}
