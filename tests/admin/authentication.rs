//! Access to the console: the token, the login page, the rate limit, and the checks of Host and Origin.

use crate::support::raw_http::{self, UnfinishedRequest};
use crate::support::server::{Server, ServerBuilder};
use crate::support::{App, Call, Page, routes, spawn_console};

const TOKEN: &str = "0123456789abcdef-0123456789abcdef";

async fn console_with_token() -> (Server, App) {
    let builder = ServerBuilder::new().set("ADMIN_TOKEN", TOKEN).with_console();
    let server = builder.start_async().await;
    let console = App::console_of(&server);
    (server, console)
}

fn with_token(path: &str, token: &str) -> Call {
    Call::new("GET", path).bearer(token)
}

#[tokio::test]
async fn a_console_with_a_token_refuses_requests_without_it() {
    let (_server, console) = console_with_token().await;
    for path in ["/verdicts.json", "/shards.txt"] {
        let refused = console.get(path).await.expect(401);
        assert_eq!(refused.header("www-authenticate"), "Bearer");
    }
    console.get("/shards?since=7d").await.expect_see_other("/login?next=%2Fshards%3Fsince%3D7d");
    console.answer(with_token("/verdicts.json", TOKEN)).await.expect(200);
    console.answer(with_token("/verdicts.json", &TOKEN.replace('f', "e"))).await.expect(401);
    console
        .answer(Call::new("GET", "/verdicts.json").header("cookie", "pigeonhole-console=9999999999.00"))
        .await
        .expect(401);
    // A token in the URL would be written to access logs.
    console.get(&format!("/verdicts.json?token={TOKEN}")).await.expect(401);
}

#[tokio::test]
async fn a_browser_logs_in_with_the_token_and_logs_out() {
    let (_server, console) = console_with_token().await;
    console.get("/login?next=%2Fshards").await.expect(200);
    let wrong =
        console.post_form("/login", &[("token", "something else"), ("next", "/shards")]).await.expect(422);
    assert!(wrong.text().contains("This is not the token."));
    let opened = console
        .post_form("/login", &[("token", TOKEN), ("next", "/shards")])
        .await
        .expect_see_other("/shards");
    let cookie = opened.set_cookies().pop().expect("a cookie");
    for part in ["HttpOnly", "SameSite=Strict", "Path=/"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert!(!cookie.contains(TOKEN));
    let value = cookie.split(';').next().expect("a value").to_owned();
    let page = console.answer(Call::new("GET", "/verdicts").header("cookie", &value)).await.expect(200);
    assert!(Page::parse(&page.text()).has("form[action='/logout']"));
    let left = console
        .answer(Call::new("POST", "/logout").header("cookie", &value).form(&[]))
        .await
        .expect_see_other("/login");
    assert!(left.set_cookies().pop().expect("a cookie").contains("Max-Age=0"));
    // `next` never redirects to another site.
    console
        .post_form("/login", &[("token", TOKEN), ("next", "//elsewhere.example")])
        .await
        .expect_see_other("/");
}

#[tokio::test]
async fn a_logout_of_the_console_ends_the_cookie_and_no_restart_brings_it_back() {
    let (server, console) = console_with_token().await;
    let log_in = async |console: &App| {
        let opened = console.post_form("/login", &[("token", TOKEN)]).await.expect(303);
        let cookie = opened.set_cookies().pop().expect("a cookie");
        cookie.split(';').next().expect("a value").to_owned()
    };
    let status = async |console: &App, cookie: &str| {
        console.answer(Call::new("GET", "/events").header("cookie", cookie)).await.status
    };
    let (ended, other) = (log_in(&console).await, log_in(&console).await);
    assert_ne!(ended, other);
    assert_eq!(status(&console, &ended).await, 200);
    console.answer(Call::new("POST", "/logout").header("cookie", &ended).form(&[])).await.expect(303);
    assert_eq!(status(&console, &ended).await, 303, "the cookie still opens the console");
    let call = Call::new("GET", "/events.json").header("cookie", &ended);
    console.answer(call).await.expect(401);
    assert_eq!(status(&console, &other).await, 200, "the logout ended the login of another browser");
    drop(server);
    let (_server, console) = console_with_token().await;
    assert_eq!(status(&console, &ended).await, 303, "the restart brought the cookie back");
}

#[tokio::test]
async fn a_form_that_arrives_after_the_logout_from_the_console_does_nothing() {
    let (_server, console) = console_with_token().await;
    let opened = console.post_form("/login", &[("token", TOKEN)]).await.expect(303);
    let cookie = opened.set_cookies().pop().expect("a cookie");
    let cookie = cookie.split(';').next().expect("a value");
    let headers = format!("Cookie: {cookie}\r\nContent-Type: application/x-www-form-urlencoded\r\n");
    let late = UnfinishedRequest::begin(&console, "POST /statements/reset", &headers, b"late=form").await;
    console.answer(Call::new("GET", "/events").header("cookie", cookie)).await.expect(200);
    console.answer(Call::new("POST", "/logout").header("cookie", cookie).form(&[])).await.expect(303);
    let answer = late.finish().await;
    assert_eq!(raw_http::status(&answer), 401, "{answer}");
}

#[tokio::test]
async fn wrong_tokens_are_rate_limited_and_the_right_one_is_let_in() {
    let (_server, console) = console_with_token().await;
    for _ in 0..5 {
        console.answer(with_token("/verdicts.json", "a guess of the token")).await.expect(401);
    }
    let slowed = console.answer(with_token("/verdicts.json", "another guess of the token")).await.expect(429);
    assert_eq!(slowed.header("retry-after"), "60");
    console.post_form("/login", &[("token", "another guess of the token")]).await.expect(429);
    // A right token is let in at once, whatever others send from its address.
    console.answer(with_token("/verdicts.json", TOKEN)).await.expect(200);
    console.post_form("/login", &[("token", TOKEN)]).await.expect_see_other("/");
}

#[tokio::test]
async fn the_console_refuses_foreign_hosts_and_origins() {
    let console = spawn_console().await;
    // DNS rebinding: a foreign host name that resolves to this address.
    console
        .answer(Call::new("GET", "/verdicts.json").header("host", "rebound.example:5001"))
        .await
        .expect(421);
    for foreign in [
        ("origin", "https://elsewhere.example"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
    ] {
        console.answer(Call::new("POST", "/logout").header(foreign.0, foreign.1).form(&[])).await.expect(403);
    }
    // The two route maps do not overlap.
    console.get("/register").await.expect(404);
    crate::support::spawn_app().await.get("/verdicts").await.expect(404);
    let (_server, guarded) = console_with_token().await;
    // A monitoring program may use the IP address, since it sends the token.
    guarded.answer(with_token("/verdicts.json", TOKEN).header("host", "10.1.2.3:5001")).await.expect(200);
}

#[tokio::test]
async fn every_row_that_is_not_public_refuses_a_stranger() {
    let (_server, console) = console_with_token().await;
    for row in routes::console() {
        let path = row.with_ones();
        let shown = format!("{} {path}", row.method);
        let call = Call::new(&row.method, &path);
        let answer = console.answer(if row.is_unsafe() { call.form(&[]) } else { call }).await;
        if row.public {
            assert!(![303, 401].contains(&answer.status), "{shown}: {}", answer.status);
            continue;
        }
        let for_programs = [".json", ".txt", "/metrics"].iter().any(|ending| path.ends_with(ending));
        if row.is_unsafe() || for_programs {
            assert_eq!(answer.status, 401, "{shown}");
            assert_eq!(answer.header("www-authenticate"), "Bearer", "{shown}");
        } else {
            assert_eq!(answer.status, 303, "{shown}");
            assert!(answer.location().starts_with("/login?next="), "{shown}: {}", answer.location());
        }
    }
    console.get("/nothing").await.expect_see_other("/login?next=%2Fnothing");
}

#[tokio::test]
async fn head_and_allow_are_right_on_every_path_of_the_console() {
    let console = spawn_console().await;
    let rows = routes::console();
    for row in &rows {
        let path = row.with_ones();
        let refused = console.answer(Call::new("DELETE", &path)).await.expect(405);
        assert_eq!(refused.header("allow"), routes::allow(&rows, &row.path), "{path}");
        if row.method == "GET" {
            let get = console.get(&path).await;
            let head = console.answer(Call::new("HEAD", &path)).await;
            assert_eq!(head.status, get.status, "{path}");
            assert_eq!(head.header("content-type"), get.header("content-type"), "{path}");
            assert!(head.body.is_empty(), "{path}");
        }
    }
}

#[tokio::test]
async fn head_without_a_login_redirects_as_get_does() {
    let (_server, console) = console_with_token().await;
    console.answer(Call::new("HEAD", "/shards")).await.expect_see_other("/login?next=%2Fshards");
    console.answer(Call::new("HEAD", "/shards.json")).await.expect(401);
}

#[tokio::test]
async fn a_console_on_a_public_address_needs_a_token() {
    for (settings, named) in [
        (vec![("ADMIN_BIND", "0.0.0.0:0")], "ADMIN_TOKEN"),
        (vec![("ADMIN_BIND", "0.0.0.0:0"), ("ADMIN_TOKEN", "short")], "ADMIN_TOKEN is too short"),
        (vec![("ADMIN_BIND", "nonsense")], "ADMIN_BIND"),
        (vec![("ADMIN_ORIGIN", "nonsense"), ("ADMIN_BIND", "127.0.0.1:0")], "ADMIN_ORIGIN"),
    ] {
        let builder =
            settings.iter().fold(ServerBuilder::new(), |builder, (name, value)| builder.set(name, *value));
        let refusal = builder.refusal_async().await;
        assert!(refusal.output.contains(named), "{settings:?}: {}", refusal.output);
        assert_eq!(refusal.output.lines().count(), 1, "{}", refusal.output);
    }
}

#[tokio::test]
async fn a_console_address_in_use_is_named_in_the_error() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    let builder = ServerBuilder::new().set("ADMIN_BIND", &address);
    let refusal = builder.refusal_async().await;
    assert!(refusal.output.contains(&address) && refusal.output.contains("ADMIN_BIND"), "{}", refusal.output);
}
