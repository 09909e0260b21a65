//! A server with a console, for tests that need a database or settings of their own.

use crate::support::database::OwnDatabase;
use crate::support::server::{Server, ServerBuilder};
use crate::support::{Answer, App};

pub struct ConsoleServer {
    pub app: App,
    console: App,
    _server: Server,
}

impl ConsoleServer {
    pub async fn start() -> (Self, OwnDatabase) {
        let database = OwnDatabase::create().await;
        let builder = ServerBuilder::new().set("DATABASE_URL", &database.url);
        (Self::start_with(builder).await, database)
    }

    pub async fn start_with(builder: ServerBuilder) -> Self {
        let server = builder.with_console().start_async().await;
        Self { app: App::of(&server), console: App::console_of(&server), _server: server }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.console.get(path).await
    }

    /// Posts a form to the console.
    pub async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.console.post_form(path, fields).await
    }
}
