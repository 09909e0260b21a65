//! Malformed and hostile requests, and their error pages.

use crate::support::{App, Browser, Call, Page, Person, raw_http, routes, server::ServerBuilder, spawn_app};

#[tokio::test]
async fn ambiguous_content_lengths_are_400_and_close_the_connection() {
    let app = spawn_app().await;
    let host = app.base.trim_start_matches("http://").to_owned();
    for headers in [
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "Content-Length: 5\r\nContent-Length: 6\r\n",
        "Content-Length: +5\r\n",
        "Content-Length: -5\r\n",
        "Content-Length: 5, 6\r\n",
        "Transfer-Encoding: chunked, identity\r\n",
        "Transfer-Encoding: xchunked\r\n",
        "Content-Length: 0x5\r\n",
        "Content-Length : 5\r\n",
    ] {
        let request = format!(
            "POST /login HTTP/1.1\r\nHost: {host}\r\n{headers}\r\n0\r\n\r\n\
             GET /livez HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
        );
        let answer = raw_http::exchange(&app, request.as_bytes()).await;
        assert_eq!(raw_http::status(&answer), 400, "{headers}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{headers}: {answer}");
    }
}

#[tokio::test]
async fn a_request_without_exactly_one_host_is_refused() {
    let app = spawn_app().await;
    let host = app.base.trim_start_matches("http://").to_owned();
    for request in [
        "GET / HTTP/1.1\r\nConnection: close\r\n\r\n".to_owned(),
        format!("GET / HTTP/1.1\r\nHost: {host}\r\nHost: evil.test\r\nConnection: close\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nHost: evil.test\r\nHost: {host}\r\nConnection: close\r\n\r\n"),
        "GET / HTTP/1.1\r\nHost: \r\nConnection: close\r\n\r\n".to_owned(),
    ] {
        let answer = raw_http::exchange(&app, request.as_bytes()).await;
        assert!(matches!(raw_http::status(&answer), 400 | 421), "{request}: {answer}");
        assert!(!answer.contains("evil.test"), "{answer}");
    }
}

/// The status of a request with this target and this Host header.
async fn status_at(app: &App, target: &str, host: &str) -> u16 {
    let request = format!("GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    raw_http::status(&raw_http::exchange(app, request.as_bytes()).await)
}

#[tokio::test]
async fn a_host_with_and_without_its_default_port_is_the_same() {
    let console = crate::support::postgres::free_port();
    let server = ServerBuilder::new()
        .set("PUBLIC_ORIGIN", "https://notes.example.test,http://plain.example.test")
        .set("ADMIN_ORIGIN", "https://notes.example.test,http://plain.example.test")
        .set("ADMIN_BIND", format!("127.0.0.1:{console}"))
        .start_async()
        .await;
    let app = App::of(&server);
    let console = App { address: format!("127.0.0.1:{console}").parse().expect("an address"), ..app.clone() };
    for (site, path) in [(&app, "/login"), (&console, "/metrics")] {
        for host in [
            "notes.example.test",
            "notes.example.test:443",
            "notes.example.test:",
            "Notes.EXAMPLE.test:443",
            "plain.example.test:80",
            "plain.example.test:",
            "localhost:",
        ] {
            assert_eq!(status_at(site, path, host).await, 200, "{host}");
            assert_eq!(
                status_at(site, &format!("http://{host}{path}"), host).await,
                200,
                "a whole URL of {host}"
            );
        }
        for host in [
            "notes.example.test:80",
            "notes.example.test:8443",
            "plain.example.test:443",
            "evil.test:443",
            "evil.test:",
            "notes.example.test.evil.test:443",
            "notes.example.test:443:443",
            ":443",
        ] {
            let status = status_at(site, path, host).await;
            assert!(matches!(status, 400 | 421), "{host}: {status}");
            let status = status_at(site, &format!("http://{host}{path}"), "notes.example.test").await;
            assert!(matches!(status, 400 | 421), "a whole URL of {host}: {status}");
        }
    }
}

#[tokio::test]
async fn a_path_with_two_slashes_never_redirects_to_another_site() {
    let app = spawn_app().await;
    for target in [
        "//evil.test/%2e%2e/",
        "//evil.test/..",
        "///evil.test",
        "/\\evil.test",
        "/%5cevil.test",
        "//evil.test/dashboard",
        "http://evil.test/",
        "/%0d%0aLocation:%20http://evil.test",
    ] {
        let answer = raw_http::request(&app, &format!("GET {target}"), "").await;
        let status = raw_http::status(&answer);
        assert!((200..500).contains(&status), "{target}: {answer}");
        let location = raw_http::header(&answer, "location");
        assert!(location.is_empty() || location.starts_with("/login"), "{target}: {location}");
        assert!(!location.starts_with("//"), "{target}: {location}");
    }
}

#[tokio::test]
async fn an_absolute_url_of_another_host_is_421() {
    let app = spawn_app().await;
    let host = app.base.trim_start_matches("http://");
    let (name, port) = host.split_once(':').expect("a port");
    let others = [
        "evil.test".to_owned(),
        format!("evil.test:{port}"),
        format!("{name}.evil.test:{port}"),
        format!("{host}@evil.test"),
    ];
    for other in others {
        for (method, path) in [("GET", "/login"), ("GET", "/nothing"), ("POST", "/login")] {
            let answer = raw_http::request(&app, &format!("{method} http://{other}{path}"), "").await;
            assert_eq!(raw_http::status(&answer), 421, "{method} {other}{path}: {answer}");
            assert!(!answer.contains("evil.test"), "{answer}");
        }
    }
    // An absolute URL of our own host is an ordinary request.
    let answer = raw_http::request(&app, &format!("GET http://{host}/login"), "").await;
    assert_eq!(raw_http::status(&answer), 200, "{answer}");
}

#[tokio::test]
async fn an_unsupported_page_method_is_405_with_allow() {
    let app = spawn_app().await;
    let all = routes::all();
    for path in all.iter().filter(|route| !route.api && !route.is_static()).map(|r| &r.path) {
        let has = |method: &str| all.iter().any(|r| r.path == *path && r.method == method);
        for method in ["GET", "POST", "PUT", "DELETE", "PATCH", "BREW"] {
            if has(method) {
                continue;
            }
            let answer = app.answer(Call::new(method, &path.replace("{id}", "1"))).await;
            assert_eq!(answer.status, 405, "{method} {path}");
            assert_eq!(answer.header("allow"), routes::allow(&all, path), "{method} {path}");
        }
    }
}

#[tokio::test]
async fn head_is_get_without_a_body() {
    let app = spawn_app().await;
    let person = Person::founder(&app).await;
    let browser = person.browser(&app).await;
    let id = browser.note("text").await.to_string();
    let rows = routes::all();
    let read = rows.iter().filter(|route| !route.api && route.method == "GET");
    for path in read.map(|route| route.with_id(&id)).chain(["/nothing".to_owned()]) {
        let get = browser.copy().get(&path).await;
        let head = browser.copy().answer(Call::new("HEAD", &path)).await;
        assert_eq!(head.status, get.status, "{path}");
        assert_eq!(head.header("content-type"), get.header("content-type"), "{path}");
        assert!(head.body.is_empty(), "{path}");
    }
}

#[tokio::test]
async fn an_unknown_page_is_a_404_page_without_echo() {
    let app = spawn_app().await;
    for path in ["/nothing", "/%3Cscript%3Ealert(1)%3C/script%3E", "/notes/1/nothing"] {
        let answer = app.get(path).await.expect(404);
        assert!(answer.header("content-type").starts_with("text/html"));
        assert!(!answer.text().contains("alert(1)"));
        let page = Page::parse(&answer.text());
        assert!(page.has("h1") && page.has("a[href='/']"), "{path} leads nowhere");
        assert!(page.text().contains(answer.header("x-request-id")));
    }
}

#[tokio::test]
async fn forms_of_another_content_type_or_encoding_are_refused() {
    let app = spawn_app().await;
    let browser = Person::founder(&app).await.browser(&app).await;
    for (kind, body) in [
        ("application/json", b"{\"content\": \"x\"}".to_vec()),
        ("text/plain", b"content=x".to_vec()),
        ("multipart/form-data; boundary=x", b"--x--".to_vec()),
    ] {
        let answer = browser.answer(Call::new("POST", "/notes").body(kind, body)).await;
        assert!(matches!(answer.status, 400 | 415 | 422), "{kind}: {}", answer.status);
    }
    for body in [&b"content=%ff"[..], b"content=%C0%AF", b"content=%ED%A0%80", b"content=\xff"] {
        let call = Call::new("POST", "/notes").body("application/x-www-form-urlencoded", body);
        let answer = browser.answer(call).await;
        assert!(matches!(answer.status, 400 | 422), "{body:?}: {}", answer.status);
    }
    for body in ["content=a%00b", "content=x&title=a%00b"] {
        let call = Call::new("POST", "/notes").body("application/x-www-form-urlencoded", body);
        browser.answer(call).await.expect(422);
    }
    assert!(browser.page("/notes").await.note_ids().is_empty());
}

#[tokio::test]
async fn a_nul_character_in_a_form_is_named_beside_its_field() {
    let app = spawn_app().await;
    let browser = Browser::new(&app);
    for field in ["username", "email", "tenant_name"] {
        let mut fields = vec![("username", "u"), ("email", "a@example.test")];
        fields.extend([("password", "testpass"), ("tenant_name", "Org")]);
        for (name, value) in &mut fields {
            if name == &field {
                *value = "a\0b@example.test";
            }
        }
        let answer = browser.post("/register", &fields).await.expect(422);
        Page::parse(&answer.text()).field_error(field);
    }
}

#[tokio::test]
async fn a_path_with_escapes_or_empty_segments_is_404_and_shows_no_page() {
    let app = spawn_app().await;
    let person = Person::founder(&app).await;
    let browser = person.browser(&app).await;
    let cookie = format!("Cookie: {}\r\n", browser.cookie_header());
    let note = browser.note("found by one path only").await;
    let spelled: String = note.to_string().bytes().map(|digit| format!("%{digit:02X}")).collect();
    for path in [
        "/%61pi/me",
        "/ap%69/me",
        "/%2561pi/me",
        "/%61pi%2Fme",
        "/%6cogin",
        "/%64ashboard",
        "/dashboard%00",
        "/caf%C3%A9",
        &format!("/notes/{spelled}/edit"),
        &format!("/notes/{note}%20/edit"),
        "//",
        "//dashboard",
        "/./dashboard",
        "/notes/../dashboard",
        "/dashboard/",
        "/dashboard/.",
        "/;/dashboard",
        "/API/me",
    ] {
        let answer = raw_http::request(&app, &format!("GET {path}"), &cookie).await;
        assert_eq!(raw_http::status(&answer), 404, "{path}: {answer}");
        assert_eq!(raw_http::header(&answer, "content-type"), "text/html; charset=utf-8", "{path}");
        assert!(!answer.contains("found by one path only"), "{path}: {answer}");
        assert!(!answer.contains(&person.email) && !answer.contains("<h1>Hello"), "{path}: {answer}");
    }
    let answer = raw_http::request(&app, "GET /api/%6De", &cookie).await;
    assert_eq!(raw_http::status(&answer), 404, "{answer}");
    assert_eq!(raw_http::header(&answer, "content-type"), "application/problem+json");
    let foreign = format!("{cookie}Sec-Fetch-Site: cross-site\r\nContent-Length: 0\r\n");
    for (path, status) in [("/%61pi/notes", 403), ("/%6eotes", 403), ("/api/%6eotes", 404)] {
        let answer = raw_http::request(&app, &format!("POST {path}"), &foreign).await;
        assert_eq!(raw_http::status(&answer), status, "{path}: {answer}");
    }
    browser.get("/search?q=caf%C3%A9+100%25").await.expect(200);
}
