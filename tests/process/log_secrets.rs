//! No secret is in any log: every kind of secret is sent in every place of a request, to routes that answer,
//! refuse and fail, of every server, with the log at its most verbose.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use futures_util::StreamExt;
use serde_json::json;

use crate::support::{
    App, Browser, Call, Page, Person,
    database::OwnDatabase,
    names,
    postgres::free_port,
    raw_http,
    routes::{self, RouteEntry},
    server::{Server, ServerBuilder},
    unique,
};

const CONSOLE_TOKEN: &str = "console-secret-0123456789-abcdefghij";
const DATABASE_PASSWORD: &str = "database-secret-0123456789-abcdef";
const BROKER_PASSWORD: &str = "broker-secret-0123456789-abcdefgh";

/// A kind of secret with one of its kind.
type Secret = (&'static str, String);

/// Searched for in a log: a part of the secret as it is, encoded for a URL, in base64 and in hexadecimal.
fn traces(secret: &str) -> Vec<String> {
    // The middle, so that a secret that was cut at either end is found.
    let characters: Vec<char> = secret.chars().collect();
    let middle = characters.len() / 2;
    let (start, end) = (middle.saturating_sub(10), (middle + 10).min(characters.len()));
    let part: String = characters[start..end].iter().collect();
    let mut traces = vec![form_urlencoded::byte_serialize(part.as_bytes()).collect::<String>()];
    traces.push(part.bytes().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "%{byte:02X}");
        text
    }));
    traces.push(part.bytes().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    }));
    // Base64 depends on where the secret begins in what was encoded.
    for shift in 0..3 {
        for engine in [&STANDARD, &URL_SAFE_NO_PAD] {
            let encoded = engine.encode(format!("{}{part}", "x".repeat(shift)));
            traces.push(encoded[4..encoded.len() - 4].to_owned());
        }
    }
    traces.push(part);
    traces
}

#[track_caller]
fn assert_no_trace(log: &str, server: &str, secrets: &[Secret]) {
    assert!(!log.is_empty(), "{server} has no log");
    for (kind, secret) in secrets {
        for trace in traces(secret) {
            if let Some(line) = log.lines().find(|line| line.contains(&trace)) {
                panic!("{server}: {kind} in the log, as {trace}: {line}");
            }
        }
    }
}

/// Routes that end the login of the requests that follow.
fn ends_the_login(route: &RouteEntry) -> bool {
    ["/logout", "/api/logout", "/membership/removal", "/account/sessions/revocation", "/jobs/rebalance"]
        .contains(&route.path.as_str())
        || route.path.starts_with("/nodes/")
}

fn encoded(secret: &str) -> String {
    form_urlencoded::byte_serialize(secret.as_bytes()).collect()
}

/// The bodies of the kinds that routes read, with secrets as values and as names.
fn bodies(call: &Call, one: &str, other: &str, third: &str) -> Vec<Call> {
    // The name that is typed at a login is in the log on purpose.
    let names =
        ["password", "current_password", "username", "content", "token", "tenant_name", "next", "draft"];
    let mut form: Vec<(&str, &str)> = names.iter().map(|name| (*name, one)).collect();
    form.extend([("email", "a.stranger@notes.test"), (other, third), ("version", third), ("role", other)]);
    let mut ticket = form.clone();
    ticket.extend([("ticket", other), ("choice", third)]);
    let json = json!({"username": "a.stranger", "password": one, "content": other, "email": third});
    let part = format!(
        "--xyz\r\ncontent-disposition: form-data; name=\"file\"; filename=\"{}\"\r\n\r\n\
         {other}\r\n--xyz--\r\n",
        encoded(one)
    );
    vec![
        call.clone().form(&form),
        call.clone().form(&ticket),
        call.clone().json(&json),
        call.clone().json(&json!({ one: other })),
        call.clone().body("application/json", format!("{{\"{third}\": ")),
        call.clone().body("multipart/form-data; boundary=xyz", part),
        call.clone().body("application/zip", one),
    ]
}

/// Requests to a route that have the secrets in every place, each in another one with each `turn`.
fn calls_to(route: &RouteEntry, secrets: &[Secret], turn: usize) -> Vec<Call> {
    let secret = |place: usize| secrets[(turn + place) % secrets.len()].1.as_str();
    let percent: String = secret(0).bytes().map(|byte| format!("%{byte:02X}")).collect();
    let parameter = if turn.is_multiple_of(2) { encoded(secret(0)) } else { percent };
    let path: Vec<&str> =
        route.path.split('/').map(|part| if part.starts_with('{') { &*parameter } else { part }).collect();
    let path = format!("{}?q={}&{}", path.join("/"), encoded(secret(1)), encoded(secret(2)));
    let call = Call::new(&route.method, &path)
        .header("referer", secret(3))
        .header("user-agent", secret(4))
        .header("x-token", secret(5))
        .header("idempotency-key", secret(6))
        .header("if-match", secret(7));
    let mut calls = vec![
        call.clone(),
        call.clone().bearer(secret(8)),
        call.clone().header("authorization", secret(9)),
        call.clone().header("cookie", format!("pigeonhole={}; a={}", encoded(secret(9)), secret(10))),
        call.clone().header("cookie", format!("pigeonhole-console={}", encoded(secret(9)))),
        call.clone().header("host", format!("{}.test", encoded(secret(11)))),
        call.clone().header("sec-fetch-site", "cross-site").header("origin", secret(11)),
        Call::new("POST", &format!("/unknown/{}", encoded(secret(11)))),
    ];
    if route.is_unsafe() {
        calls.extend(bodies(&call, secret(12), secret(13), secret(14)));
    }
    calls
}

/// Sends everything to a server, without a login and with each of these headers.
async fn send_all(app: &App, routes: &[RouteEntry], secrets: &[Secret], logins: &[(&'static str, String)]) {
    let mut calls = Vec::new();
    // Each route gets three turns, so that all routes together get all turns many times.
    for (number, route) in routes.iter().filter(|route| !ends_the_login(route)).enumerate() {
        for turn in 3 * number..3 * number + 3 {
            for (index, call) in calls_to(route, secrets, turn).into_iter().enumerate() {
                // The login that a request has goes round, so that each place is sent with each.
                let login = (index + turn) % (logins.len() + 1);
                calls.push(match logins.get(login) {
                    Some((name, value)) if !call.headers.iter().any(|(given, _)| given == name) => {
                        call.header(name, value)
                    }
                    _ => call,
                });
            }
        }
    }
    futures_util::stream::iter(calls)
        .for_each_concurrent(8, async |call| {
            // A refused upload may close the connection before it was read.
            let _ = call.try_send(&app.http, &app.base).await;
        })
        .await;
    for (_, secret) in secrets {
        let word: String = secret.chars().filter(char::is_ascii_alphanumeric).collect();
        raw_http::request(app, &format!("{word} /login"), "").await;
        raw_http::request(app, &format!("GET http://{word}.test/"), "").await;
        raw_http::exchange(app, format!("GET /{secret} {secret}\r\n\r\n").as_bytes()).await;
    }
}

/// One secret of each kind, of a person who can use them.
async fn secrets_of(app: &App, person: &Person) -> (Vec<Secret>, Vec<(&'static str, String)>) {
    person.namesake(app, &unique("Second ")).await;
    let chooser = Browser::new(app);
    let choice = chooser.post_retrying("/login", &person.credentials()).await.expect(200);
    let ticket = Page::parse(&choice.text()).value("ticket");
    let fields = [("ticket", ticket.as_str()), ("choice", "0")];
    chooser.post("/login", &fields).await.expect(303);
    let script = person.script(app).await;
    let invited = script.post("/api/invitations", &json!({"role": "member"})).await.expect(201).json();
    let link = invited["link"].as_str().or(invited["url"].as_str()).expect("a link").to_owned();
    let invitation = link.rsplit('/').next().expect("a token").to_owned();
    let cookie = chooser.cookie_header();
    let logins = vec![("cookie", cookie.clone()), ("authorization", format!("Bearer {}", script.token))];
    let secrets = vec![
        ("a session's cookie", cookie.split_once('=').expect("a cookie").1.to_owned()),
        ("a bearer token", script.token),
        ("an invitation's token", invitation),
        ("a ticket of a login", ticket),
        ("a password", person.password.clone()),
        ("a key of a request", format!("key-{}", unique("0123456789abcdef"))),
        ("a token of the console", CONSOLE_TOKEN.to_owned()),
        ("a text of a note", format!("text of a note {}", unique("0123456789"))),
    ];
    (secrets, logins)
}

struct Servers {
    web: Server,
    worker: Server,
    worker_address: App,
    database: OwnDatabase,
    key: String,
}

impl Servers {
    async fn start() -> Self {
        let database = OwnDatabase::create().await;
        let mut url = url::Url::parse(&database.url).expect("a URL");
        url.set_password(Some(DATABASE_PASSWORD)).expect("a password");
        let key = names::secret_key();
        let builder = ServerBuilder::new()
            .set("DATABASE_URL", url.as_str())
            .set("SECRET_KEY", &key)
            .set("RUST_LOG", "trace,tokio_postgres=trace,actix_http::h1=trace,lapin=trace")
            .set("ADMIN_TOKEN", CONSOLE_TOKEN)
            .set("AMQP_URL", format!("amqp://pigeonhole:{BROKER_PASSWORD}@127.0.0.1:{}/%2f", free_port()));
        let web = builder.clone().with_console().start_async().await;
        let port = free_port();
        let worker = builder.set("ADMIN_BIND", format!("127.0.0.1:{port}")).worker().start_async().await;
        let address = ([127, 0, 0, 1], port).into();
        let base = format!("http://127.0.0.1:{port}");
        let worker_address = App { base, address, ..App::of(&web) };
        Self { web, worker, worker_address, database, key }
    }

    /// The console's cookie.
    async fn console_cookie(&self) -> String {
        let browser = Browser::new(&App::console_of(&self.web));
        browser.post("/login", &[("token", CONSOLE_TOKEN)]).await.expect(303);
        browser.cookie_header()
    }

    async fn send_all(&self, secrets: &[Secret], logins: &[(&'static str, String)], console: &str) {
        let operator = [("cookie", console.to_owned()), ("authorization", format!("Bearer {CONSOLE_TOKEN}"))];
        send_all(&App::of(&self.web), &routes::all(), secrets, logins).await;
        send_all(&App::console_of(&self.web), &routes::console(), secrets, &operator).await;
        let of_worker: Vec<_> = routes::console()
            .into_iter()
            .filter(|route| ["/livez", "/metrics", "/jobs/{id}/cancellation"].contains(&route.path.as_str()))
            .collect();
        send_all(&self.worker_address, &of_worker, secrets, &operator[1..]).await;
    }
}

#[tokio::test]
async fn no_log_has_a_secret_of_any_kind_from_any_place_of_a_request() {
    let servers = Servers::start().await;
    let app = App::of(&servers.web);
    let person = Person::founder(&app).await;
    let (mut secrets, logins) = secrets_of(&app, &person).await;
    let console = servers.console_cookie().await;
    secrets.push(("a cookie of the console", console.split_once('=').expect("a cookie").1.to_owned()));
    servers.send_all(&secrets, &logins, &console).await;

    // From now on statements fail.
    let admin = servers.database.client().await;
    for (number, table) in ["notes", "invitations", "shared.users", "outbox"].into_iter().enumerate() {
        let statement = format!("ALTER TABLE {table} RENAME TO hidden_{number}");
        admin.batch_execute(&statement).await.expect(table);
    }
    servers.send_all(&secrets, &logins, &console).await;
    let log = servers.web.log();
    for part in
        ["answered 500 to", "a.stranger@notes.test", "token refused", "host refused", "origin refused"]
    {
        assert!(log.contains(part), "no line {part:?}");
    }

    secrets.push(("the database's password", DATABASE_PASSWORD.to_owned()));
    secrets.push(("the broker's password", BROKER_PASSWORD.to_owned()));
    secrets.push(("the secret key", servers.key.clone()));
    assert_no_trace(&log, "serve", &secrets);
    assert_no_trace(&servers.worker.log(), "worker", &secrets);
}

#[test]
fn a_secret_is_found_in_a_line_in_each_encoding() {
    let secret = "phi_7_Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4";
    let mut lines = vec![
        format!("GET /invitations/{secret}"),
        format!("Bearer%20{}", encoded(secret)),
        secret.bytes().map(|byte| format!("%{byte:02X}")).collect(),
        secret.bytes().map(|byte| format!("{byte:02x}")).collect(),
        // Cut at both ends.
        secret[6..34].to_owned(),
    ];
    for before in ["", "x", "xx"] {
        lines.push(STANDARD.encode(format!("{before}{secret}")));
        lines.push(URL_SAFE_NO_PAD.encode(format!("{before}{secret}!")));
    }
    for line in lines {
        assert!(traces(secret).iter().any(|trace| line.contains(trace)), "{line}");
    }
    assert!(!traces(secret).iter().any(|trace| "GET /invitations/{token}".contains(trace)));
}
