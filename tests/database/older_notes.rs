//! Notes that were written by a program without searches by parts of words.

use serde_json::json;

use crate::support::database::OwnDatabase;
use crate::support::server::ServerBuilder;
use crate::support::{App, Person, run_blocking, spawn_app};

#[tokio::test]
async fn older_notes_are_found_once_the_schema_is_up_to_date() {
    spawn_app().await;
    let own = OwnDatabase::create().await;
    let builder = ServerBuilder::new().set("DATABASE_URL", &own.url);
    let server = builder.clone().start_async().await;
    let app = App::of(&server);
    let client = own.client().await;
    let (first, second) = (Person::founder(&app).await, Person::founder(&app).await);
    let scripts = [first.script(&app).await, second.script(&app).await];
    for script in &scripts {
        for number in 0..150 {
            script.note(&format!("an antique chronometer, number {number}")).await;
        }
    }
    let found = async || {
        let mut found = Vec::new();
        for script in &scripts {
            found.push(script.get("/api/search?q=ronometer").await.expect(200).json()["total"].clone());
        }
        found
    };
    assert_eq!(found().await, [json!(150), json!(150)]);
    let forget = "UPDATE notes SET search_text = NULL, search_keys = NULL";
    client.batch_execute(forget).await.expect("older notes");
    assert_eq!(found().await, [json!(0), json!(0)]);
    let migrated = run_blocking(move || builder.run("migrate")).await;
    assert_eq!(migrated.code, Some(0), "{}", migrated.output);
    assert_eq!(found().await, [json!(150), json!(150)]);
}
