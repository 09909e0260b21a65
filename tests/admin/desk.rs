//! A server with a console.

use reqwest::Client;

use crate::support::database::OwnDatabase;
use crate::support::postgres::free_port;
use crate::support::server::{Server, ServerBuilder};
use crate::support::{Answer, App, Call};

pub struct Desk {
    pub app: App,
    _server: Server,
    console: String,
    http: Client,
}

impl Desk {
    /// With a database of its own.
    pub async fn open() -> (Self, OwnDatabase) {
        let database = OwnDatabase::create().await;
        (Self::on(&database.url).await, database)
    }

    pub async fn on(url: &str) -> Self {
        let console = format!("127.0.0.1:{}", free_port());
        let builder = ServerBuilder::new().set("DATABASE_URL", url).set("ADMIN_BIND", &console);
        let server = tokio::task::spawn_blocking(|| builder.start()).await.expect("a server");
        let app = App::of(&server);
        let http = app.http.clone();
        Self { app, _server: server, console: format!("http://{console}"), http }
    }

    /// Asks the console.
    pub async fn get(&self, path: &str) -> Answer {
        Call::new("GET", path).send(&self.http, &self.console).await
    }

    /// Sends the console a form.
    pub async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        Call::new("POST", path).form(fields).send(&self.http, &self.console).await
    }
}
