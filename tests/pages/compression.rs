//! Compressed answers and their headers.

use crate::support::{App, Call, Person, Script, spawn_app, spawn_console};

#[tokio::test]
async fn a_compressed_page_has_the_same_headers() {
    let app = spawn_app().await;
    let browser = Person::founder(&app).await.browser(&app).await;
    for path in ["/dashboard", "/notes", "/nothing"] {
        let plain = browser.copy().get(path).await;
        let call = Call::new("GET", path).header("accept-encoding", "gzip");
        let packed = browser.copy().answer(call).await;
        assert_eq!(packed.status, plain.status);
        for name in ["content-type", "content-security-policy", "cache-control"] {
            assert_eq!(packed.header(name), plain.header(name), "{name} of {path}");
        }
    }
}

#[tokio::test]
async fn each_content_coding_has_its_own_etag_and_all_match() {
    let app = spawn_app().await;
    let script = Person::founder(&app).await.script(&app).await;
    let path = format!("/api/notes/{}", script.note("a text that is long enough to be compressed").await);
    let asked = |tag: &str, coding: &str| {
        Call::new("GET", &path).header("if-none-match", tag).header("accept-encoding", coding)
    };
    for (coding, tag) in
        [("identity", "\"1\""), ("gzip", "\"1-gzip\""), ("br", "\"1-br\""), ("deflate", "\"1-deflate\"")]
    {
        let whole = script.answer(asked("\"2\"", coding)).await.expect(200);
        assert_eq!(whole.header("etag"), tag);
        assert_eq!(whole.header("vary").to_lowercase(), "accept-encoding", "{coding}");
        assert_eq!(whole.header("content-encoding"), if coding == "identity" { "" } else { coding });
        let head =
            script.answer(Call::new("HEAD", &path).header("accept-encoding", coding)).await.expect(200);
        assert_eq!(head.header("etag"), tag);
        for sent in [tag.to_owned(), format!("W/{tag}"), format!("\"7\", {tag}")] {
            let known = script.answer(asked(&sent, coding)).await.expect(304);
            assert_eq!(known.header("etag"), tag, "{sent}");
            assert_eq!(known.header("vary").to_lowercase(), "accept-encoding");
            assert_eq!(known.header("content-encoding"), "");
        }
        script.answer(asked("\"2-gzip\"", coding)).await.expect(200);
    }
    replace_under_each_tag(&script, &path).await;
}

async fn replace_under_each_tag(script: &Script, path: &str) {
    let replace = |tag: &str, content: &str| {
        Call::new("PUT", path)
            .header("if-match", tag)
            .header("accept-encoding", "gzip")
            .json(&serde_json::json!({"content": content}))
    };
    for (tag, next) in [("\"1-gzip\"", "\"2\""), ("\"2-br\"", "\"3\""), ("\"3\"", "\"4\"")] {
        // The answer to PUT is not the stored representation and keeps the plain tag.
        assert_eq!(script.answer(replace(tag, next)).await.expect(200).header("etag"), next);
    }
    for tag in ["\"3-gzip\"", "W/\"4-gzip\"", "\"4-zip\"", "\"4-\""] {
        assert_eq!(script.answer(replace(tag, "stale")).await.expect(412).header("etag"), "\"4\"", "{tag}");
    }
}

#[tokio::test]
async fn compressible_answers_have_one_vary_and_no_identity_coding() {
    let app = spawn_app().await;
    let person = Person::founder(&app).await;
    let (script, browser) = (person.script(&app).await, person.browser(&app).await);
    let console = spawn_console().await;
    let once = async |app: &App, path: &str| {
        for coding in ["identity", "gzip, br"] {
            let answer = app.answer(Call::new("GET", path).header("accept-encoding", coding)).await;
            let values: Vec<_> = answer.headers.get_all("vary").iter().collect();
            assert_eq!(values.len(), 1, "{path} as {coding}");
            assert_ne!(answer.header("content-encoding"), "identity");
        }
    };
    for path in ["/", "/login", "/nothing", "/api/me", "/api/openapi.json", "/favicon.ico"] {
        once(&app, path).await;
    }
    for path in ["/verdicts.json", "/metrics", "/nothing"] {
        once(&console, path).await;
    }
    for coding in ["identity", "gzip"] {
        let archive = Call::new("GET", "/api/export").header("accept-encoding", coding).bearer(&script.token);
        let archive = app.answer(archive).await.expect(200);
        let page = browser
            .copy()
            .answer(Call::new("GET", "/account/export").header("accept-encoding", coding))
            .await;
        for answer in [archive, page] {
            for name in ["content-encoding", "vary"] {
                assert!(!answer.headers.contains_key(name), "{name}: {:?}", answer.headers);
            }
        }
    }
}
