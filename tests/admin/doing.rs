//! Actions of the console: who may not, what is asked first, and what is written down.

use crate::support::{Call, spawn_console};

#[tokio::test]
async fn the_console_does_nothing_for_a_page_of_another_origin() {
    let console = spawn_console().await;
    let call = Call::new("POST", "/logout").header("origin", "https://elsewhere.example").form(&[]);
    console.answer(call).await.expect(403);
}
