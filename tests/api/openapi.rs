//! The OpenAPI description matches the API.

use std::collections::BTreeSet;

use crate::support::{routes, spawn_app};

#[tokio::test]
async fn the_openapi_description_lists_exactly_the_api_routes() {
    let app = spawn_app().await;
    let answer = app.get("/api/openapi.json").await.expect(200);
    assert!(answer.header("content-type").starts_with("application/json"));
    let description = answer.json();
    assert!(description["openapi"].as_str().expect("a version").starts_with("3.1"));
    let described: BTreeSet<(String, String)> = description["paths"]
        .as_object()
        .expect("paths")
        .iter()
        .flat_map(|(path, item)| {
            item.as_object()
                .expect("operations")
                .keys()
                .filter(|key| ["get", "put", "post", "delete", "patch"].contains(&key.as_str()))
                .map(|method| (method.to_uppercase(), path.clone()))
                .collect::<Vec<_>>()
        })
        .collect();
    let served: BTreeSet<(String, String)> = routes::all()
        .into_iter()
        .filter(|route| route.api && route.path != "/api/openapi.json")
        .map(|route| (route.method, route.path))
        .collect();
    let described: BTreeSet<_> =
        described.into_iter().filter(|(_, path)| path != "/api/openapi.json").collect();
    assert_eq!(described, served);
}

#[tokio::test]
async fn every_reference_in_the_openapi_description_resolves() {
    let app = spawn_app().await;
    let description = app.get("/api/openapi.json").await.expect(200).json();
    let mut references = Vec::new();
    collect_references(&description, &mut references);
    assert!(!references.is_empty());
    for reference in references {
        let pointer = reference.trim_start_matches('#');
        assert!(description.pointer(pointer).is_some(), "{reference}");
    }
}

fn collect_references(value: &serde_json::Value, references: &mut Vec<String>) {
    match value {
        serde_json::Value::Object(members) => {
            for (name, member) in members {
                if let ("$ref", Some(target)) = (name.as_str(), member.as_str()) {
                    references.push(target.to_owned());
                }
                collect_references(member, references);
            }
        }
        serde_json::Value::Array(members) => {
            for member in members {
                collect_references(member, references);
            }
        }
        _ => {}
    }
}

#[tokio::test]
async fn the_openapi_description_says_which_calls_need_a_token() {
    let app = spawn_app().await;
    let description = app.get("/api/openapi.json").await.expect(200).json();
    for route in routes::all().iter().filter(|route| route.api) {
        let operation = &description["paths"][&route.path][route.method.to_lowercase()];
        if operation.is_null() {
            continue;
        }
        let own = operation["security"].as_array();
        let general = description["security"].as_array();
        let needs = own.or(general).is_some_and(|list| {
            list.iter().any(|entry| entry.as_object().is_some_and(|entry| !entry.is_empty()))
        });
        assert_eq!(needs, !route.public, "{} {}", route.method, route.path);
        assert!(operation["responses"].is_object(), "{} {}", route.method, route.path);
    }
}

#[tokio::test]
async fn the_api_page_is_html_and_names_the_main_calls() {
    let app = spawn_app().await;
    let answer = app.get("/api").await.expect(200);
    assert!(answer.header("content-type").starts_with("text/html"));
    let text = answer.text();
    for call in ["/api/register", "/api/login", "/api/notes", "/api/openapi.json"] {
        assert!(text.contains(call), "{call} is not on the page");
    }
}
