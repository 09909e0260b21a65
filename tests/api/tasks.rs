//! Tasks over the API.

use serde_json::json;

use crate::support::{Person, spawn_app};

#[tokio::test]
async fn a_script_ticks_a_task() {
    let app = spawn_app().await;
    let script = Person::founder(&app).await.script(&app).await;
    let id = script.note("- [ ] milk\n- [ ] eggs\n").await;
    let path = format!("/api/notes/{id}/tasks");
    let ticked = script.put(&format!("{path}/1"), &json!({"done": true})).await.expect(200);
    assert_eq!(ticked.header("etag"), "\"2\"");
    assert_eq!(ticked.json()["content"], "- [ ] milk\n- [x] eggs\n");
    let old = json!({"done": true, "version": 1});
    let merged = script.put(&format!("{path}/0"), &old).await.expect(200).json();
    assert_eq!((&merged["content"], &merged["version"]), (&json!("- [x] milk\n- [x] eggs\n"), &json!(3)));
    script.put(&format!("{path}/2"), &json!({"done": true})).await.expect_problem(404);
    script.put(&format!("{path}/0"), &json!({"done": true, "version": 9})).await.expect_problem(404);
    script.put(&format!("/api/notes/{}/tasks/0", id + 1), &json!({"done": true})).await.expect_problem(404);
    script.put(&format!("{path}/0"), &json!({})).await.expect_field_problem(422, "done");
    script.put(&format!("{path}/-1"), &json!({"done": true})).await.expect_problem(404);
    script
        .put(&format!("/api/notes/{id}"), &json!({"content": "- [ ] soap\n- [x] eggs\n"}))
        .await
        .expect(200);
    let gone = json!({"done": false, "version": 3});
    let answer = script.put(&format!("{path}/0"), &gone).await;
    assert_eq!((answer.status, answer.header("etag")), (412, "\"4\""));
}
