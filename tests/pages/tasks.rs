//! Tasks are ticked on the page of a note.

use serde_json::json;

use crate::support::sharing::insert_delivery;
use crate::support::{Browser, Page, Person, spawn_app};

const LIST: &str = "# Errands\n\n- [ ] milk\n- [x] eggs\n  - [ ] brown ones\n\n```\n- [ ] no task\n```\n";

async fn tick(browser: &Browser, path: &str, task: &str, version: &str) -> String {
    let fields = [("task", task), ("version", version)];
    browser.post(&format!("{path}/tasks"), &fields).await.expect(303).location().to_owned()
}

#[tokio::test]
async fn a_task_is_ticked_and_opened_again() {
    let app = spawn_app().await;
    let person = Person::founder(&app).await;
    let (browser, script) = (person.browser(&app).await, person.script(&app).await);
    let id = script.note(LIST).await;
    let path = format!("/notes/{id}");
    let page = browser.page(&path).await;
    assert_eq!(page.all(".prose button[name='task']").len(), 3);
    assert!(page.text().contains("1 of 3 tasks done"), "{}", page.text());
    assert_eq!(page.value("version"), "1");
    assert_eq!(tick(&browser, &path, "2-done", "1").await, format!("{path}#task-2"));
    assert_eq!(tick(&browser, &path, "1-open", "2").await, format!("{path}#task-1"));
    let note = script.read(id).await;
    assert_eq!(note["content"], LIST.replace("[ ] brown", "[x] brown").replace("[x] eggs", "[ ] eggs"));
    assert_eq!(note["version"], 3);
    assert_eq!(browser.page(&path).await.all("#task-2 > button[aria-checked='true']").len(), 1);
    // A second click on an old page changes nothing more.
    tick(&browser, &path, "1-open", "3").await;
    assert_eq!(script.read(id).await["version"], 3);
}

#[tokio::test]
async fn a_task_on_an_old_page_is_merged_with_what_was_saved_since() {
    let app = spawn_app().await;
    let person = Person::founder(&app).await;
    let (browser, script) = (person.browser(&app).await, person.script(&app).await);
    let id = script.note(LIST).await;
    let path = format!("/notes/{id}");
    let longer = format!("- [ ] new at the top\n\n{LIST}");
    script.put(&format!("/api{path}"), &json!({"content": longer})).await.expect(200);
    assert_eq!(tick(&browser, &path, "0-done", "1").await, format!("{path}#task-1"));
    assert_eq!(script.read(id).await["content"], longer.replace("[ ] milk", "[x] milk"));
    let gone = LIST.replace("- [ ] milk\n", "");
    script.put(&format!("/api{path}"), &json!({"content": gone})).await.expect(200);
    for (task, version) in [("0-done", "1"), ("9-done", "3"), ("0-done", "99"), ("0-done", "-1")] {
        assert_eq!(tick(&browser, &path, task, version).await, path, "{task} of {version}");
        assert!(browser.page(&path).await.text().contains("Try again"), "{task} of {version}");
        assert_eq!(script.read(id).await["content"], gone, "{task} of {version}");
    }
    for (task, version) in [("x-done", "1"), ("0", "1"), ("0-maybe", "1"), ("0-done", "x")] {
        let fields = [("task", task), ("version", version)];
        browser.post(&format!("{path}/tasks"), &fields).await.expect(400);
    }
}

#[tokio::test]
async fn readers_see_marks_and_editors_tick() {
    let app = spawn_app().await;
    let author = Person::founder(&app).await;
    let script = author.script(&app).await;
    let id = script.note(LIST).await;
    let path = format!("/notes/{id}");
    for (access, buttons, status) in [("read", 0, 403), ("edit", 3, 303)] {
        let colleague = author.colleague(&app).await;
        insert_delivery(&author, id, &colleague, access).await;
        let browser = colleague.browser(&app).await;
        let page: Page = browser.page(&path).await;
        assert_eq!(page.all(".prose button[name='task']").len(), buttons, "{access}");
        assert_eq!(page.all(".prose .task").len(), 3, "{access}");
        let fields = [("task", "0-done"), ("version", "1")];
        browser.post(&format!("{path}/tasks"), &fields).await.expect(status);
    }
    assert_eq!(script.read(id).await["content"], LIST.replace("[ ] milk", "[x] milk"));
}
