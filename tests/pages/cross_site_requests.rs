//! Cross-site requests are refused on every writing route, with and without a login.

use crate::support::{
    Answer, App, Browser, Call, Person, database,
    routes::{self, RouteEntry},
    server::ServerBuilder,
    spawn_app,
};

fn unsafe_pages() -> Vec<RouteEntry> {
    let found: Vec<_> = routes::all().into_iter().filter(|route| !route.api && route.is_unsafe()).collect();
    assert!(found.len() >= 9, "{found:?}");
    found
}

async fn post_with_headers(
    browser: &Browser,
    route: &RouteEntry,
    id: &str,
    headers: &[(&str, &str)],
) -> Answer {
    let fields = [("content", "from elsewhere"), ("version", "1")];
    let mut call = Call::new(&route.method, &route.with_id(id)).form(&fields);
    for (name, value) in headers {
        call = call.header(name, value);
    }
    browser.copy().answer(call).await
}

async fn user_with_note() -> (App, Person, Browser, String) {
    let app = spawn_app().await;
    let person = Person::founder(&app).await;
    let browser = person.browser(&app).await;
    let id = browser.note("text").await.to_string();
    (app, person, browser, id)
}

/// Headers of requests from other origins.
fn foreign_headers(base: &str) -> Vec<Vec<(&'static str, String)>> {
    let host = base.trim_start_matches("http://").to_owned();
    let port: u16 = host.rsplit(':').next().expect("a port").parse().expect("a port");
    let mut cases = Vec::new();
    for site in ["same-site", "cross-site", "none", "", "SAME-ORIGIN", "same-origin, cross-site", "x"] {
        cases.push(vec![("sec-fetch-site", site.to_owned())]);
        cases.push(vec![("sec-fetch-site", site.to_owned()), ("origin", base.to_owned())]);
    }
    for origin in [
        "null".to_owned(),
        String::new(),
        format!("https://{host}"),
        format!("http://localhost:{}", port.wrapping_add(1)),
        "http://localhost".to_owned(),
        format!("http://evil.test:{port}"),
        format!("http://{host}.evil.test"),
        format!("http://localhost.evil.test:{port}"),
        format!("{base}/"),
        format!("{base}@evil.test"),
        format!("{base} http://evil.test"),
        "https://public.evil.test".to_owned(),
        "x".to_owned(),
    ] {
        cases.push(vec![("origin", origin)]);
    }
    cases
}

#[tokio::test]
async fn every_writing_route_refuses_cross_site_requests() {
    let (app, person, browser, id) = user_with_note().await;
    let before = database::tenant_checksum(person.tenant_id).await;
    let anonymous = Browser::new(&app);
    for route in unsafe_pages() {
        for headers in foreign_headers(&app.base) {
            let borrowed: Vec<_> = headers.iter().map(|(n, v)| (*n, v.as_str())).collect();
            for (sender_name, sender) in [("logged in", &browser), ("anonymous", &anonymous)] {
                let answer = post_with_headers(sender, &route, &id, &borrowed).await;
                assert_eq!(answer.status, 403, "{} {sender_name} {headers:?}", route.path);
            }
        }
    }
    assert_eq!(database::tenant_checksum(person.tenant_id).await, before);
    assert!(browser.is_logged_in().await, "a refused logout went through");
}

#[tokio::test]
async fn every_writing_route_accepts_same_origin_requests() {
    let (app, _, browser, id) = user_with_note().await;
    let own = app.base.clone();
    for route in unsafe_pages() {
        if matches!(route.path.as_str(), "/logout" | "/account/sessions/revocation") {
            continue;
        }
        for headers in [
            vec![("sec-fetch-site", "same-origin")],
            vec![("sec-fetch-site", "same-origin"), ("origin", own.as_str())],
            vec![("origin", own.as_str())],
            vec![],
        ] {
            let answer = post_with_headers(&browser, &route, &id, &headers).await;
            assert!(
                answer.status != 403 && answer.status < 500,
                "{} {headers:?}: {}",
                route.path,
                answer.status
            );
        }
    }
    for path in ["/account/sessions/revocation", "/logout"] {
        let call = Call::new("POST", path).form(&[]).header("sec-fetch-site", "same-origin");
        browser.answer(call).await.expect(303);
    }
}

#[tokio::test]
async fn duplicate_origin_headers_are_refused() {
    let (app, _, browser, _) = user_with_note().await;
    for (name, own, foreign) in
        [("sec-fetch-site", "same-origin", "cross-site"), ("origin", app.base.as_str(), "https://evil.test")]
    {
        let call =
            Call::new("POST", "/notes").form(&[("content", "x")]).header(name, own).header(name, foreign);
        browser.copy().answer(call).await.expect(403);
        let call =
            Call::new("POST", "/notes").form(&[("content", "x")]).header(name, foreign).header(name, own);
        browser.copy().answer(call).await.expect(403);
    }
}

#[tokio::test]
async fn a_cross_site_refusal_is_an_html_page() {
    let (_, _, browser, _) = user_with_note().await;
    let call = Call::new("POST", "/notes").form(&[("content", "x")]).header("sec-fetch-site", "cross-site");
    let answer = browser.answer(call).await.expect(403);
    assert!(answer.header("content-type").starts_with("text/html"));
    assert!(crate::support::Page::parse(&answer.text()).has("h1"));
}

#[tokio::test]
async fn the_allowed_origin_is_public_origin_and_not_the_host_header() {
    let server = ServerBuilder::new()
        .set("PUBLIC_ORIGIN", "http://pigeonhole.test:8080,https://notes.example.test")
        .start();
    let app = App::of(&server);
    let post = |host: &str, origin: &str| {
        let call = Call::new("POST", "/login").form(&[]);
        app.answer_owned(call.header("host", host).header("origin", origin))
    };
    for origin in ["http://pigeonhole.test:8080", "https://notes.example.test"] {
        assert_eq!(post("pigeonhole.test:8080", origin).await.status, 422, "{origin}");
    }
    for origin in ["http://notes.example.test", "https://pigeonhole.test:8080", "http://pigeonhole.test"] {
        assert_eq!(post("pigeonhole.test:8080", origin).await.status, 403, "{origin}");
    }
    let known = Call::new("GET", "/login").header("host", "notes.example.test");
    app.answer(known).await.expect(200);
}

#[tokio::test]
async fn an_unknown_host_is_421_and_never_echoed() {
    let app = spawn_app().await;
    for host in ["evil.test", "localhost.evil.test", "127.0.0.1.evil.test"] {
        for path in ["/", "/login", "/dashboard", "/api/notes", "/nothing"] {
            let call = Call::new("GET", path).header("host", host);
            let answer = app.answer(call).await;
            assert!(matches!(answer.status, 400 | 421), "{host}{path}: {}", answer.status);
            let whole = format!("{:?}{}", answer.headers, answer.text());
            assert!(!whole.contains("evil.test"), "{host}{path}");
        }
    }
    let call = Call::new("GET", "/dashboard").header("x-forwarded-host", "evil.test");
    let answer = app.answer(call).await.expect(303);
    assert!(!format!("{:?}", answer.headers).contains("evil.test"));
}
