//! The server that most tests share, and its client.

use std::{path::PathBuf, sync::OnceLock, time::Duration};

use reqwest::Client;

use super::{
    Answer, Call, database, environment, http, retry_until_ok,
    server::{Server, ServerBuilder},
};

static SHARED: OnceLock<Server> = OnceLock::new();
static CONSOLE: OnceLock<Server> = OnceLock::new();

/// A running application with an HTTP client of this test.
#[derive(Clone)]
pub struct App {
    pub base: String,
    pub address: std::net::SocketAddr,
    pub http: Client,
    pub log: PathBuf,
}

/// The shared application. The first caller starts it.
pub async fn spawn_app() -> App {
    let shared = SHARED.get_or_init(|| {
        // In a separate thread, because a runtime cannot block inside another one.
        std::thread::spawn(|| {
            let builder = ServerBuilder::new();
            let migrated = builder.run("migrate");
            assert_eq!(migrated.code, Some(0), "migrate: {}", migrated.output);
            let runtime = tokio::runtime::Runtime::new().expect("a runtime");
            runtime.block_on(database::set_sequences_far_apart());
            builder.set("DATABASE_URL", url_refusing_multi_shard()).start()
        })
        .join()
        .expect("the shared server")
    });
    App::of(shared)
}

/// The operator's console of a second server on the shared database. The first caller starts it.
pub async fn spawn_console() -> App {
    spawn_app().await;
    let start = || {
        std::thread::spawn(|| ServerBuilder::new().with_console().start())
            .join()
            .expect("a server with a console")
    };
    App::console_of(CONSOLE.get_or_init(start))
}

/// The application of the server that `spawn_console` starts.
pub async fn spawn_app_of_console() -> App {
    spawn_console().await;
    App::of(CONSOLE.get().expect("a server with a console"))
}

/// The database URL with a setting that makes multi-shard statements fail, as they have forgotten their
/// tenant.
pub fn url_refusing_multi_shard() -> String {
    let mut url = url::Url::parse(&environment::database_url()).expect("a URL");
    if environment::on_citus() {
        url.query_pairs_mut().append_pair("options", "-c citus.multi_task_query_log_level=error");
    }
    url.as_str().replace("options=-c+", "options=-c%20")
}

impl App {
    pub fn of(server: &Server) -> Self {
        let http = http::client()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(Duration::from_secs(240))
            .build()
            .expect("an HTTP client");
        Self { base: server.base.clone(), address: server.address(), http, log: server.log_path().to_owned() }
    }

    pub fn console_of(server: &Server) -> Self {
        let port = server.console.rsplit(':').next().expect("a port");
        let address = format!("127.0.0.1:{port}").parse().expect("an address");
        Self { base: server.console.clone(), address, ..Self::of(server) }
    }

    pub async fn answer(&self, call: Call) -> Answer {
        call.send(&self.http, &self.base).await
    }

    /// The same for closures, which cannot borrow the call that they build.
    pub fn answer_owned(&self, call: Call) -> impl Future<Output = Answer> {
        let app = self.clone();
        async move { app.answer(call).await }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.answer(Call::new("GET", path)).await
    }

    /// A count that a console's `/metrics` has, by its name with its labels.
    pub async fn metric(&self, series: &str) -> u64 {
        let text = self.get("/metrics").await.expect(200).text();
        let value = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        value.unwrap_or_else(|| panic!("no {series} in {text}")).trim().parse().expect("a count")
    }

    pub async fn post_json(&self, path: &str, body: &serde_json::Value) -> Answer {
        self.answer(Call::new("POST", path).json(body)).await
    }

    pub async fn post_form(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.answer(Call::new("POST", path).form(fields)).await
    }

    /// Repeats the call while it is answered 503 or 429, since other tests may fill the queue of password
    /// hashes.
    pub async fn answer_retrying(&self, call: Call) -> Answer {
        retry_until_ok(async || {
            let answer = self.answer(call.clone()).await;
            let busy = matches!(answer.status, 503 | 429);
            if busy { Err(format!("{} {} stays busy", call.method, call.path)) } else { Ok(answer) }
        })
        .await
    }

    pub fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.log).expect("the log")).into_owned()
    }
}
