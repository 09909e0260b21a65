//! `bin/bench --timing`: whether response times reveal what the responses hide (login failures, foreign ids),
//! and how much memory request bodies take.

#[allow(
    clippy::disallowed_methods,
    reason = "the benchmark uses the database and the environment without the application"
)]
#[allow(unused_imports, reason = "the tests use more of the module")]
#[path = "../tests/support/mod.rs"]
mod support;

use std::time::{Duration, Instant};

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use support::server::{Server, ServerBuilder};
use support::{App, Browser, Call, Person, Script, unique};

/// An id that no note has: the sequence is far below it.
const UNUSED_ID: i64 = 4_000_000_000_000;
/// How many times more 404s than logins are measured: a 404 takes a hundredth of the time.
const TRIES_FACTOR: usize = 10;
const BODIES: usize = 8;
const MEBIBYTE: usize = 1 << 20;

/// Requests whose responses should take equally long.
struct Comparison {
    what: String,
    cases: Vec<(&'static str, Call)>,
    status: u16,
    tries: usize,
}

fn main() {
    let mut tries = 200;
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--tries" => {
                tries = arguments.next().and_then(|value| value.parse().ok()).expect("--tries needs a number")
            }
            // `cargo bench` adds it.
            "--bench" => {}
            _ => panic!("unknown argument {argument} (see bin/bench --help)"),
        }
    }
    let builder = ServerBuilder::new().set("RUST_LOG", "warn");
    let migrated = builder.run("migrate");
    assert_eq!(migrated.code, Some(0), "migrate: {}", migrated.output);
    let server = builder.start();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(measure(&server, tries));
    server.stop();
}

async fn measure(server: &Server, tries: usize) {
    let app = App::of(server);
    let person = Person::founder(&app).await;
    let colleague = person.colleague(&app).await;
    let foreigner = Person::founder(&app).await;
    let (script, browser) = (person.script(&app).await, person.browser(&app).await);
    let removed = person.colleague(&app).await;
    script.delete(&format!("/api/members/{}", removed.user_id)).await;

    println!();
    println!(
        "| times in turn, one at a time            | case                    |  tries | median ms | to the \
         first |"
    );
    println!(
        "| --------------------------------------- | ----------------------- | -----: | --------: | \
         -----------: |"
    );
    for comparison in logins(&person, &removed, tries) {
        time(&app, comparison).await;
    }
    for comparison in squatted_logins(&app, tries).await {
        time(&app, comparison).await;
    }
    let colleagues = colleague.script(&app).await.note("a colleague's").await;
    let foreign = foreigner.script(&app).await.note("another tenant's").await;
    let notes = [UNUSED_ID, colleagues, foreign];
    for comparison in missing_notes(&script, &browser, notes, tries * TRIES_FACTOR) {
        time(&app, comparison).await;
    }
    println!();
    println!("| {BODIES} bodies at once              | answers | bytes taken, MiB | memory at most, MiB |");
    println!("| ------------------------------- | ------- | ---------------: | ------------------: |");
    bodies(server, &app, &script).await;
}

/// A failed login has the same response and takes the same time, whatever is wrong (acceptance A6).
fn logins(person: &Person, removed: &Person, tries: usize) -> Vec<Comparison> {
    let (unknown_user, unknown_tenant) = (unique("unknown"), unique("Nowhere "));
    let cases = [
        ("wrong password", [&person.username, "a wrong password", &person.tenant_name]),
        ("unknown user", [&unknown_user, "a wrong password", &person.tenant_name]),
        ("unknown organization", [&person.username, "a wrong password", &unknown_tenant]),
        ("removed user", [&removed.username, &removed.password, &removed.tenant_name]),
    ];
    let api = cases.map(|(case, [username, password, tenant])| {
        let body = json!({"username": username, "password": password, "tenant_name": tenant});
        (case, Call::new("POST", "/api/login").json(&body))
    });
    let form = cases.map(|(case, [username, password, tenant])| {
        (
            case,
            Call::new("POST", "/login").form(&[
                ("email", username),
                ("password", password),
                ("tenant_name", tenant),
            ]),
        )
    });
    vec![
        Comparison { what: "POST /api/login".to_owned(), cases: api.into(), status: 401, tries },
        Comparison { what: "POST /login".to_owned(), cases: form.into(), status: 401, tries },
    ]
}

/// A failed login without an organization takes the same time whatever accounts have the name: none, one
/// person, and both with five squats, accounts that a stranger made with the same name (acceptance L75).
async fn squatted_logins(app: &App, tries: usize) -> Vec<Comparison> {
    let (alone, victim) = (Person::founder(app).await, Person::founder(app).await);
    let without_account =
        Person { username: unique("user"), email: unique("user") + "@example.test", ..alone.clone() };
    for number in 0..5 {
        for squatted in [&victim, &without_account] {
            let squatter = Person { password: format!("a squatter's {number}"), ..squatted.clone() };
            squatter.namesake(app, &unique("Squat ")).await;
        }
    }
    let unknown = unique("unknown") + "@example.test";
    let names = [
        ("unknown e-mail", unknown.as_str()),
        ("a person's e-mail", alone.email.as_str()),
        ("unknown and five squats", without_account.email.as_str()),
        ("person and five squats", victim.email.as_str()),
    ];
    let api = names.map(|(case, name)| {
        let body = json!({"username": name, "password": "a wrong password"});
        (case, Call::new("POST", "/api/login").json(&body))
    });
    let form = names.map(|(case, name)| {
        (case, Call::new("POST", "/login").form(&[("email", name), ("password", "a wrong password")]))
    });
    vec![
        Comparison { what: "POST /api/login, no organization".into(), cases: api.into(), status: 401, tries },
        Comparison { what: "POST /login, no organization".into(), cases: form.into(), status: 401, tries },
    ]
}

/// Lets every login in: the measurement is of what a login costs and not of its limits.
async fn empty_throttles() {
    let emptied = support::database::admin().await.execute("DELETE FROM throttles", &[]).await;
    emptied.expect("empty throttles");
}

/// A request for another user's note takes as long as one for a note that does not exist (acceptance D27).
fn missing_notes(script: &Script, browser: &Browser, notes: [i64; 3], tries: usize) -> Vec<Comparison> {
    let cases = |method: &'static str, path: &dyn Fn(i64) -> String, authenticate: &dyn Fn(Call) -> Call| {
        let names = ["never a note", "a colleague's note", "another tenant's note"];
        let cases = names
            .into_iter()
            .zip(notes)
            .map(|(name, id)| (name, authenticate(Call::new(method, &path(id)))))
            .collect();
        Comparison { what: format!("{method} {}", path(0).replace('0', "{id}")), cases, status: 404, tries }
    };
    let api = |id: i64| format!("/api/notes/{id}");
    let page = |id: i64| format!("/notes/{id}");
    let edit = |id: i64| format!("/notes/{id}/edit");
    let token = |call: Call| call.bearer(&script.token);
    let cookie = |call: Call| call.header("cookie", browser.cookie_header());
    vec![
        cases("GET", &api, &token),
        cases("PUT", &api, &|call| token(call.json(&json!({"content": "mine", "version": 1})))),
        cases("DELETE", &api, &token),
        cases("GET", &page, &cookie),
        cases("GET", &edit, &cookie),
    ]
}

async fn time(app: &App, comparison: Comparison) {
    let mut times = vec![Vec::with_capacity(comparison.tries); comparison.cases.len()];
    for turn in 0..comparison.tries {
        if comparison.status == 401 {
            empty_throttles().await;
        }
        // Each case runs equally often at each position, since the request before it leaves traces in caches.
        for position in 0..comparison.cases.len() {
            let index = (turn + position) % comparison.cases.len();
            let (case, call) = &comparison.cases[index];
            let started = Instant::now();
            let answer = app.answer(call.clone()).await;
            times[index].push(started.elapsed());
            assert_eq!(answer.status, comparison.status, "{} of {case}: {}", comparison.what, answer.text());
        }
    }
    let medians: Vec<f64> = times.iter_mut().map(|times| median(times)).collect();
    for ((case, _), found) in comparison.cases.iter().zip(&medians) {
        println!(
            "| {:<39} | {case:<23} | {:>6} | {found:>9.3} | {:>12.3} |",
            comparison.what,
            comparison.tries,
            found / medians[0]
        );
    }
}

/// The median in milliseconds.
fn median(times: &mut [Duration]) -> f64 {
    times.sort_unstable();
    times[times.len() / 2].as_secs_f64() * 1000.0
}

/// No request body fills the memory, whatever its length and its headers (acceptance E41).
async fn bodies(server: &Server, app: &App, script: &Script) {
    let full = json!({"content": "\u{1f54a}".repeat(64 * 1024)}).to_string().into_bytes();
    let endless = vec![b'x'; 64 * MEBIBYTE];
    let mut chunked = Vec::new();
    for chunk in endless.chunks(MEBIBYTE / 16) {
        chunked.extend(format!("{:x}\r\n", chunk.len()).bytes());
        chunked.extend(chunk);
        chunked.extend(b"\r\n");
    }
    chunked.extend(b"0\r\n\r\n");
    let bomb = bomb();
    let length = |body: &[u8]| format!("Content-Length: {}\r\n", body.len());
    for (what, headers, body) in [
        ("256 KiB of four-byte characters", length(&full), &full),
        ("64 MiB", length(&endless), &endless),
        ("64 MiB without a length", "Transfer-Encoding: chunked\r\n".to_owned(), &chunked),
        ("64 MiB that say they are 1 KiB", "Content-Length: 1024\r\n".to_owned(), &endless),
        ("1 GiB in a gzip of 1 MiB", format!("{}Content-Encoding: gzip\r\n", length(&bomb)), &bomb),
    ] {
        let before = memory(server, "VmRSS");
        // Resets VmHWM, the highest VmRSS: proc(5), clear_refs.
        std::fs::write(format!("/proc/{}/clear_refs", server.pid), "5").expect("a reset of VmHWM");
        let sent = (0..BODIES).map(|_| send(app, script, &headers, body));
        let ended = futures_util::future::join_all(sent).await;
        let (mut answers, taken): (Vec<u16>, Vec<usize>) = ended.into_iter().unzip();
        answers.sort_unstable();
        answers.dedup();
        let answers = answers.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let grown = memory(server, "VmHWM").saturating_sub(before) as f64 / 1024.0;
        let taken = taken.iter().sum::<usize>() as f64 / MEBIBYTE as f64;
        println!("| {what:<31} | {answers:<7} | {taken:>16.1} | {:>19} |", format!("+{grown:.1}"));
    }
}

/// The response's status, or 0 if the connection was closed without one, and the bytes of the body that were
/// sent.
async fn send(app: &App, script: &Script, headers: &str, body: &[u8]) -> (u16, usize) {
    let stream = TcpStream::connect(app.address).await.expect("a connection");
    let (mut reading, mut writing) = stream.into_split();
    let host = app.base.trim_start_matches("http://");
    let head = format!(
        "POST /api/notes HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {}\r\nContent-Type: \
         application/json\r\n{headers}\r\n",
        script.token
    );
    let mut taken = 0;
    let write = async {
        if writing.write_all(head.as_bytes()).await.is_ok() {
            for piece in body.chunks(MEBIBYTE / 64) {
                if writing.write_all(piece).await.is_err() {
                    break;
                }
                taken += piece.len();
            }
        }
        // Gives the response time to arrive.
        tokio::time::sleep(Duration::from_secs(5)).await;
    };
    let read = async {
        let mut start = [0; 12];
        match reading.read_exact(&mut start).await {
            Ok(_) => {
                std::str::from_utf8(&start[9..]).ok().and_then(|status| status.parse().ok()).unwrap_or(0)
            }
            Err(_) => 0,
        }
    };
    let status = tokio::select! { status = read => status, () = write => 0 };
    (status, taken)
}

/// A JSON text of 1 GiB, compressed with gzip -9.
fn bomb() -> Vec<u8> {
    use std::process::{Command, Stdio};
    let made = Command::new("sh")
        .args([
            "-c",
            "{ printf '{\"content\":\"'; head -c 1073741824 /dev/zero | tr '\\0' x; printf '\"}'; \
            } | gzip -9",
        ])
        .stdin(Stdio::null())
        .output()
        .expect("gzip");
    assert!(made.status.success(), "gzip failed");
    made.stdout
}

/// A line of /proc/PID/status, in KiB.
fn memory(server: &Server, line: &str) -> usize {
    let status =
        std::fs::read_to_string(format!("/proc/{}/status", server.pid)).expect("the server's status");
    let found =
        status.lines().find(|text| text.starts_with(line)).and_then(|text| text.split_whitespace().nth(1));
    found.and_then(|text| text.parse().ok()).expect("a size")
}
