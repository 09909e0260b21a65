//! Response headers: security, caching, static files.

use crate::support::{
    Answer, App, Browser, Call, Page, Person, database::OwnDatabase, routes, server::ServerBuilder, spawn_app,
};

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
                      connect-src 'self'; form-action 'self'; base-uri 'none'; object-src 'none'; \
                      frame-ancestors 'none'";

#[track_caller]
fn assert_security_headers(shown: &str, answer: &Answer) {
    let directives = |text: &str| {
        let mut list: Vec<String> = text.split(';').map(|part| part.trim().to_owned()).collect();
        list.retain(|part| !part.is_empty());
        list.sort();
        list
    };
    let policy = answer.header("content-security-policy");
    assert_eq!(directives(policy), directives(POLICY), "{shown}");
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
    ] {
        assert_eq!(answer.header(name), value, "{name} of {shown}");
        assert_eq!(answer.headers.get_all(name).iter().count(), 1, "{name} of {shown}");
    }
    assert!(!answer.header("referrer-policy").is_empty(), "{shown}");
    assert!(!answer.header("x-request-id").is_empty(), "{shown}");
    assert!(answer.header("server").is_empty(), "{shown}");
    let kind = answer.header("content-type");
    if !answer.body.is_empty() {
        assert!(!kind.is_empty(), "no content type: {shown}");
    }
    if kind.starts_with("text/") {
        assert!(kind.to_lowercase().contains("charset=utf-8"), "{kind} of {shown}");
    }
}

#[tokio::test]
async fn every_answer_has_the_security_headers() {
    let app = spawn_app().await;
    let person = Person::founder(&app).await;
    let (browser, script) = (person.browser(&app).await, person.script(&app).await);
    let id = browser.note("text").await.to_string();
    let mut answers: Vec<(String, Answer)> = Vec::new();
    for route in routes::all() {
        for id in [id.as_str(), "1", "x"] {
            let shown = format!("{} {}", route.method, route.with_id(id));
            let call = Call::new(&route.method, &route.with_id(id));
            answers.push((format!("anonymous {shown}"), app.answer(call.clone()).await));
            if route.path == "/logout" || route.path == "/api/logout" {
                continue;
            }
            answers.push((format!("browser {shown}"), browser.copy().answer(call.clone()).await));
            if route.method != "DELETE" {
                answers.push((format!("script {shown}"), script.answer(call).await));
            }
        }
    }
    for (method, path) in [
        ("GET", "/nothing"),
        ("BREW", "/"),
        ("DELETE", "/notes"),
        ("OPTIONS", "/notes"),
        ("HEAD", "/"),
        ("GET", "/static/nothing.0123456789abcdef.css"),
        ("GET", "/api/nothing"),
    ] {
        answers.push((format!("{method} {path}"), app.answer(Call::new(method, path)).await));
    }
    let call = Call::new("POST", "/notes").form(&[]).header("sec-fetch-site", "cross-site");
    answers.push(("403".to_owned(), app.answer(call).await));
    let call = Call::new("GET", "/").header("host", "evil.test");
    answers.push(("421".to_owned(), app.answer(call).await));
    assert!(answers.len() > 60);
    for (shown, answer) in &answers {
        assert_security_headers(shown, answer);
        assert!(answer.header("strict-transport-security").is_empty(), "{shown}");
    }
    let mut ids: Vec<_> = answers.iter().map(|(_, answer)| answer.header("x-request-id")).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), answers.len(), "request ids repeat");
}

#[tokio::test]
async fn private_answers_are_not_cached() {
    let app = spawn_app().await;
    let person = Person::founder(&app).await;
    let (browser, script) = (person.browser(&app).await, person.script(&app).await);
    let id = browser.note("text").await.to_string();
    for route in routes::all().iter().filter(|route| !route.public) {
        if route.method != "GET" {
            continue;
        }
        let path = route.with_id(&id);
        let answer = if route.api { script.get(&path).await } else { browser.get(&path).await };
        assert!(answer.header("cache-control").contains("no-store"), "{path}");
        let missing = app.get(&path).await;
        assert!(missing.header("cache-control").contains("no-store"), "anonymous {path}");
    }
    for suffix in ["/x.css", "/x.js", ".css", ";x.css", "%2Fx.css"] {
        let answer = browser.get(&format!("/notes/{id}{suffix}")).await;
        assert_eq!(answer.status, 404, "{suffix}");
    }
}

#[tokio::test]
async fn static_files_have_hashed_names_and_are_immutable() {
    let app = spawn_app().await;
    let page = Browser::new(&app).page("/").await;
    let mut files = Vec::new();
    for (selector, attribute) in [("link[href]", "href"), ("script[src]", "src"), ("img[src]", "src")] {
        for element in page.all(selector) {
            files.push(element.value().attr(attribute).expect("an address").to_owned());
        }
    }
    assert!(files.len() >= 2, "{files:?}");
    for file in files {
        assert!(file.starts_with("/static/"), "{file}");
        let answer = app.get(&file).await.expect(200);
        let cache = answer.header("cache-control");
        assert!(cache.contains("immutable") && cache.contains("max-age=31536000"), "{cache}");
        assert_security_headers(&file, &answer);
        let kind = answer.header("content-type");
        let expected = match file.rsplit('.').next().expect("an ending") {
            "css" => "text/css",
            "js" => "text/javascript",
            "svg" => "image/svg+xml",
            _ => kind,
        };
        assert!(kind.starts_with(expected), "{file}: {kind}");
        let name = file.rsplit('/').next().expect("a name");
        let parts: Vec<_> = name.split('.').collect();
        let other = file.replace(parts[1], "0000000000000000");
        app.get(&other).await.expect(404);
    }
    for path in [
        "/static/",
        "/static/..%2f..%2fCargo.toml",
        "/static/%2e%2e/%2e%2e/etc/passwd",
        "/static/../Cargo.toml",
    ] {
        let answer = crate::support::raw_http::request(&app, &format!("GET {path}"), "").await;
        assert_eq!(crate::support::raw_http::status(&answer), 404, "{path}");
    }
}

#[tokio::test]
async fn production_cookies_and_headers_are_for_https_only() {
    let database = OwnDatabase::create().await;
    let production = ServerBuilder::new()
        .set("DATABASE_URL", &database.url)
        .set("APP_ENV", "production")
        .set("PUBLIC_ORIGIN", "https://notes.example.test");
    assert_eq!(production.run("migrate").code, Some(0));
    let server = production.start();
    let app = App::of(&server);
    let host = |call: Call| call.header("host", "notes.example.test");
    let body = serde_json::json!({
        "username": "ada", "password": "a good password", "tenant_name": "Org",
    });
    let call = host(Call::new("POST", "/api/register").json(&body));
    app.answer(call).await.expect(201);
    let fields = [("email", "ada"), ("password", "a good password")];
    let answer = app.answer(host(Call::new("POST", "/login").form(&fields))).await.expect(303);
    assert_security_headers("production", &answer);
    let transport = answer.header("strict-transport-security");
    let age = transport
        .split("max-age=")
        .nth(1)
        .and_then(|rest| rest.split(|c: char| !c.is_ascii_digit()).next()?.parse::<u64>().ok());
    assert!(age.is_some_and(|age| age >= 31_536_000), "{transport}");
    let cookies = answer.set_cookies();
    let (device, session): (Vec<_>, Vec<_>) =
        cookies.into_iter().partition(|cookie| cookie.starts_with("__Host-pigeonhole-device="));
    assert_eq!((device.len(), session.len()), (1, 1));
    let device = device[0].to_lowercase();
    for attribute in ["secure", "httponly", "samesite=lax", "path=/", "max-age=31536000"] {
        assert!(device.contains(attribute), "{attribute} is missing in {device}");
    }
    assert!(!device.contains("domain="), "{device}");
    let cookie = session[0].to_lowercase();
    assert!(cookie.starts_with("__host-"), "{cookie}");
    for attribute in ["secure", "httponly", "samesite=lax", "path=/"] {
        assert!(cookie.contains(attribute), "{attribute} is missing in {cookie}");
    }
    assert!(!cookie.contains("domain=") && cookie.len() <= 4_096, "{cookie}");
}

const CONSOLE_TOKEN: &str = "0123456789abcdef-0123456789abcdef";

fn sent_to_production(call: Call) -> Call {
    call.header("host", "notes.example.test")
}

/// Other hosts of the domain can set cookies of every name but those with the prefix.
#[tokio::test]
async fn a_cookie_counts_only_under_the_very_bytes_of_its_name() {
    let database = OwnDatabase::create().await;
    let console = crate::support::postgres::free_port();
    let production = ServerBuilder::new()
        .set("DATABASE_URL", &database.url)
        .set("APP_ENV", "production")
        .set("PUBLIC_ORIGIN", "https://notes.example.test")
        .set("ADMIN_ORIGIN", "https://notes.example.test")
        .set("ADMIN_BIND", format!("127.0.0.1:{console}"))
        .set("ADMIN_TOKEN", CONSOLE_TOKEN);
    assert_eq!(production.run("migrate").code, Some(0));
    let server = production.start();
    let app = App::of(&server);
    let console = App { base: format!("http://127.0.0.1:{console}"), ..app.clone() };
    let body = serde_json::json!({
        "username": "ada", "password": "a good password", "tenant_name": "Org",
    });
    app.answer(sent_to_production(Call::new("POST", "/api/register").json(&body))).await.expect(201);
    let login = [("email", "ada"), ("password", "a good password")];
    assert_only_the_plain_name_counts(&app, "/dashboard", &login).await;
    assert_only_the_plain_name_counts(&console, "/events", &[("token", CONSOLE_TOKEN)]).await;
}

async fn assert_only_the_plain_name_counts(site: &App, path: &str, login: &[(&str, &str)]) {
    let answer = site.answer(sent_to_production(Call::new("POST", "/login").form(login))).await.expect(303);
    let cookies = answer.set_cookies();
    let cookie = cookies.iter().find(|cookie| !cookie.contains("-device=")).expect("a session");
    let genuine = cookie.split(';').next().expect("a pair");
    let value = genuine.strip_prefix("__Host-").expect("the prefix");
    let status = async |cookies: &[u8]| {
        let call = Call::new("GET", path).header("cookie", cookies);
        site.answer(sent_to_production(call)).await.status
    };
    assert_eq!(status(genuine.as_bytes()).await, 200, "{path}");
    for prefix in [
        "%5F%5FHost-",
        "__Host%2D",
        "__Hos%74-",
        "\u{2003}__Host-",
        "\u{85}__Host-",
        "\u{a0}__Host-",
        "\u{3000}\u{2028}__Host-",
    ] {
        let planted = format!("{prefix}{value}");
        assert_eq!(status(planted.as_bytes()).await, 303, "{path}: {planted:?}");
        for both in [format!("{planted}; {genuine}"), format!("{genuine};{planted}")] {
            assert_eq!(status(both.as_bytes()).await, 200, "{path}: {both:?}");
        }
    }
    let after_the_name = value.replacen('=', "\u{2003}=", 1);
    assert_eq!(status(format!("__Host-{after_the_name}").as_bytes()).await, 303, "{path}");
    // Bytes that are no text hide no cookie beside them.
    assert_eq!(status(&[b"other=\xff; ", genuine.as_bytes()].concat()).await, 200, "{path}");
    assert_eq!(status(format!("other=1;\t {genuine}\t").as_bytes()).await, 200, "{path}");
}

#[tokio::test]
async fn no_page_has_inline_scripts_or_styles() {
    let app = spawn_app().await;
    let person = Person::founder(&app).await;
    let browser = person.browser(&app).await;
    let id =
        browser.note("text [link](https://example.test) `code`\n\n| a |\n|:-:|\n| b |\n").await.to_string();
    let mut pages = Vec::new();
    for route in routes::all() {
        if !route.api && route.method == "GET" && !route.is_static() {
            pages.push((route.path.clone(), browser.get(&route.with_id(&id)).await));
            pages.push((route.path.clone(), app.get(&route.with_id(&id)).await));
        }
    }
    for (path, answer) in pages {
        if !answer.header("content-type").starts_with("text/html") {
            continue;
        }
        let page = Page::parse(&answer.text());
        assert!(!page.has("style, [style], base, iframe, object, embed"), "{path}");
        for script in page.all("script") {
            assert!(script.value().attr("src").is_some(), "{path}: inline script");
        }
        for element in page.all("*") {
            for (name, value) in element.value().attrs() {
                assert!(!name.starts_with("on"), "{path}: {name}");
                assert!(!value.trim().to_lowercase().starts_with("javascript:"), "{path}");
            }
        }
    }
}
