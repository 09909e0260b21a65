//! Errors of the API are problem documents (RFC 9457) of one shape.

use serde_json::json;

use crate::support::{Call, Person, raw_http, routes, spawn_app};

#[tokio::test]
async fn an_unknown_api_path_is_a_404_problem() {
    let app = spawn_app().await;
    for path in ["/api/nothing", "/api/notes/1/nothing", "/api/register/", "/api/NOTES"] {
        app.get(path).await.expect_problem(404);
        app.post_json(path, &json!({})).await.expect_problem(404);
    }
}

#[tokio::test]
async fn an_unsupported_api_method_is_405_with_allow() {
    let app = spawn_app().await;
    let script = Person::founder(&app).await.script(&app).await;
    let all = routes::all();
    for path in all.iter().filter(|route| route.api).map(|route| &route.path) {
        let has = |method: &str| all.iter().any(|route| route.path == *path && route.method == method);
        for method in ["GET", "POST", "PUT", "DELETE", "PATCH", "BREW"] {
            if has(method) {
                continue;
            }
            let call = Call::new(method, &path.replace("{id}", "1"));
            let answer = script.answer(call).await;
            assert_eq!(answer.status, 405, "{method} {path}");
            assert_eq!(answer.header("allow"), routes::allow(&all, path), "{method} {path}");
            answer.expect_problem(405);
        }
    }
}

#[tokio::test]
async fn head_is_get_without_a_body() {
    let app = spawn_app().await;
    let script = Person::founder(&app).await.script(&app).await;
    let id = script.note("text").await.to_string();
    for route in routes::all().iter().filter(|route| route.api && route.method == "GET") {
        let path = route.with_id(&id);
        let get = script.get(&path).await;
        let head = script.answer(Call::new("HEAD", &path)).await;
        assert_eq!(head.status, get.status, "{path}");
        assert_eq!(head.header("content-type"), get.header("content-type"), "{path}");
        assert!(head.body.is_empty(), "{path}");
    }
}

#[tokio::test]
async fn trace_is_refused() {
    let app = spawn_app().await;
    for path in ["/", "/api/notes", "/nothing"] {
        let answer = raw_http::request(&app, &format!("TRACE {path}"), "Cookie: secret=1\r\n").await;
        assert!(matches!(raw_http::status(&answer), 404 | 405), "{path}: {answer}");
        assert!(!answer.contains("secret=1"));
    }
}

#[tokio::test]
async fn a_body_that_is_not_json_is_415() {
    let app = spawn_app().await;
    let script = Person::founder(&app).await.script(&app).await;
    let id = script.note("text").await;
    let note = format!("/api/notes/{id}");
    let body = json!({"content": "x"}).to_string();
    for (method, path) in [("POST", "/api/notes"), ("PUT", note.as_str())] {
        for kind in
            ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/xml"]
        {
            let call = Call::new(method, path).body(kind, body.clone());
            script.answer(call).await.expect_problem(415);
        }
        let mut call = Call::new(method, path);
        call.body = Some(body.clone().into_bytes());
        script.answer(call).await.expect_problem(415);
    }
    let call = Call::new("POST", "/api/notes").body("application/json; charset=utf-8", body.clone());
    script.answer(call).await.expect(201);
    let call = Call::new("POST", "/api/notes").body("APPLICATION/JSON", body);
    script.answer(call).await.expect(201);
}

#[tokio::test]
async fn a_body_that_is_not_json_is_415_without_a_login_too() {
    let app = spawn_app().await;
    for path in ["/api/register", "/api/login"] {
        let body = json!({"username": "someone", "password": "testpass"}).to_string();
        for kind in ["text/plain", "application/x-www-form-urlencoded"] {
            let call = Call::new("POST", path).body(kind, body.clone());
            app.answer(call).await.expect_problem(415);
        }
    }
}

#[tokio::test]
async fn malformed_json_is_400() {
    let app = spawn_app().await;
    let script = Person::founder(&app).await.script(&app).await;
    for body in [
        "",
        "{",
        "{\"content\": }",
        "{'content': 'x'}",
        "{\"content\": NaN}",
        "{\"content\": \"x\"} trailing",
        "\u{feff}{\"content\": \"x\"}",
        "{\"content\": \"\\ud800\"}",
        "{\"content\": \"\\x00\"}",
        "{\"content\": \"raw \u{1} control\"}",
    ] {
        let call = Call::new("POST", "/api/notes").body("application/json", body);
        script.answer(call).await.expect_problem(400);
    }
    for bytes in [
        b"{\"content\": \"\xff\"}".to_vec(),
        b"{\"content\": \"\xc0\xaf\"}".to_vec(),
        b"{\"content\": \"\xed\xa0\x80\"}".to_vec(),
    ] {
        let call = Call::new("POST", "/api/notes").body("application/json", bytes);
        script.answer(call).await.expect_problem(400);
    }
}

#[tokio::test]
async fn a_refused_body_names_every_invalid_field() {
    let app = spawn_app().await;
    let body = json!({"username": "", "password": "short", "email": "nonsense", "tenant_name": ""});
    let problem = app.post_json("/api/register", &body).await.expect_problem(422);
    let errors = problem["errors"].as_array().expect("a list");
    for field in ["username", "password", "email", "tenant_name"] {
        assert!(errors.iter().any(|error| error["field"] == field), "{field} is not named in {problem}");
    }
    for error in errors {
        let mut members: Vec<_> = error.as_object().expect("an object").keys().collect();
        members.sort();
        assert_eq!(members, ["field", "message"]);
    }
}

#[tokio::test]
async fn every_private_api_route_is_401_without_a_token() {
    let app = spawn_app().await;
    for route in routes::all().iter().filter(|route| route.api && !route.public) {
        let call = Call::new(&route.method, &route.with_id("1")).json(&json!({"content": "x"}));
        let answer = app.answer(call).await;
        assert_eq!(answer.status, 401, "{} {}", route.method, route.path);
        assert_eq!(answer.header("www-authenticate"), "Bearer");
        answer.expect_problem(401);
    }
}

#[tokio::test]
async fn a_cors_preflight_is_not_granted() {
    let app = spawn_app().await;
    for path in ["/api/notes", "/api/login", "/notes"] {
        let call = Call::new("OPTIONS", path)
            .header("origin", "https://evil.test")
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "authorization");
        let answer = app.answer(call).await;
        let granted: Vec<_> =
            answer.headers.keys().filter(|name| name.as_str().starts_with("access-control")).collect();
        assert!(granted.is_empty(), "{path}: {granted:?}");
    }
}

#[tokio::test]
async fn a_bearer_token_works_from_any_origin() {
    let app = spawn_app().await;
    let script = Person::founder(&app).await.script(&app).await;
    for site in ["cross-site", "same-site", "none"] {
        let call = Call::new("POST", "/api/notes")
            .json(&json!({"content": "x"}))
            .header("sec-fetch-site", site)
            .header("origin", "https://elsewhere.test");
        script.answer(call).await.expect(201);
    }
}

#[tokio::test]
async fn method_override_headers_and_fields_are_ignored() {
    let app = spawn_app().await;
    let script = Person::founder(&app).await.script(&app).await;
    let id = script.note("text").await;
    let path = format!("/api/notes/{id}");
    for header in ["x-http-method-override", "x-method-override", "x-http-method"] {
        let call = Call::new("GET", &path).header(header, "DELETE");
        script.answer(call).await.expect(200);
    }
    script.get(&format!("{path}?_method=DELETE")).await.expect(200);
    script.get(&path).await.expect(200);
}
