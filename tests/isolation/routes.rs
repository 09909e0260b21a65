//! Every route, requested without a login, by another tenant, by a colleague and by the owner.

use crate::support::{
    Answer, App, Browser, Call, Person, Script, database,
    routes::{self, RouteEntry},
    sharing::insert_delivery,
    spawn_app, unique,
};

/// A request that would be valid for the owner of the note or session.
fn call_to(route: &RouteEntry, id: &str) -> Call {
    let call = Call::new(&route.method, &route.with_id(id));
    match (route.api, route.is_unsafe()) {
        (_, false) => call,
        (true, true) if route.method == "DELETE" => call,
        (true, true) if route.path.ends_with("/shares") => {
            call.json(&serde_json::json!({"share_with": "everyone"}))
        }
        (false, true) if route.path.ends_with("/shares") => call.form(&[("audience", "everyone")]),
        (true, true) if route.path.ends_with("/tasks/{number}") => {
            call.json(&serde_json::json!({"done": true}))
        }
        (false, true) if route.path.ends_with("/tasks") => call.form(&[("task", "0-done"), ("version", "1")]),
        (true, true) => call.json(&serde_json::json!({"content": "changed by a stranger"})),
        (false, true) => call.form(&[("content", "changed by a stranger"), ("version", "1")]),
    }
}

async fn ask(app: &App, browser: &Browser, script: &Script, route: &RouteEntry, id: &str) -> Answer {
    let _ = app;
    if route.api {
        script.answer(call_to(route, id)).await
    } else {
        browser.copy().answer(call_to(route, id)).await
    }
}

#[tokio::test]
async fn the_public_routes_are_exactly_this_list() {
    let mut public: Vec<String> = routes::all()
        .iter()
        .filter(|route| route.public)
        .map(|route| format!("{} {}", route.method, route.path))
        .collect();
    public.sort();
    let mut allowed = vec![
        "GET /",
        "GET /api",
        "GET /api/openapi.json",
        "GET /favicon.ico",
        "GET /invitations/{token}",
        "GET /livez",
        "GET /login",
        "GET /readyz",
        "GET /register",
        "GET /static/{name}.{hash16}.{ext}",
        "POST /api/login",
        "POST /invitations/{token}/registration",
        "POST /api/register",
        "POST /login",
        "POST /register",
    ];
    allowed.sort_unstable();
    let named = |path: &String| !path.contains("/static/");
    let public: Vec<&String> = public.iter().filter(|path| named(path)).collect();
    allowed.retain(|path| !path.contains("/static/"));
    assert_eq!(public, allowed);
}

#[tokio::test]
async fn every_private_route_requires_a_login() {
    let app = spawn_app().await;
    for route in routes::all().iter().filter(|route| !route.public) {
        let shown = format!("{} {}", route.method, route.path);
        let answer = app.answer(call_to(route, "1")).await;
        if route.api || route.keeps_draft() {
            assert_eq!(answer.status, 401, "{shown}");
            continue;
        }
        assert_eq!(answer.status, 303, "{shown}: {}", answer.text());
        if route.method == "GET" {
            let next = answer.location().strip_prefix("/login?next=");
            assert!(next.is_some_and(|next| !next.is_empty()), "{shown}: {}", answer.location());
        } else {
            assert_eq!(answer.location(), "/login", "{shown}");
        }
    }
}

#[tokio::test]
async fn every_public_page_is_200_without_a_login() {
    let app = spawn_app().await;
    for route in routes::all() {
        if route.public && route.method == "GET" && !route.is_static() && !route.needs_invitation() {
            app.get(&route.path).await.expect(200);
        }
    }
}

/// The answer for a foreign note equals the answer for an unused id, byte for byte.
async fn assert_unreachable(owner: &Person, intruder: &Person) {
    let app = spawn_app().await;
    let script = owner.script(&app).await;
    let (live, binned) = (script.note("a secret").await, script.note("a binned secret").await);
    script.delete(&format!("/api/notes/{binned}")).await.expect(204);
    let before = database::tenant_checksum(owner.tenant_id).await;
    let browser = intruder.browser(&app).await;
    let theirs = intruder.script(&app).await;
    let mut asked = 0;
    for route in routes::all().iter().filter(|route| route.is_about_note()) {
        for id in [live, binned] {
            let unused = (id + 1_000_000_000).to_string();
            let shown = format!("{} {}", route.method, route.with_id(&id.to_string()));
            let foreign = ask(&app, &browser, &theirs, route, &id.to_string()).await;
            let nothing = ask(&app, &browser, &theirs, route, &unused).await;
            assert_eq!(foreign.status, 404, "{shown}: {}", foreign.text());
            let hide = |answer: &Answer, id: &str| {
                let (status, headers, body) = answer.without_request_id();
                (status, format!("{headers:?}").replace(id, "N"), body.replace(id, "N"))
            };
            assert_eq!(hide(&foreign, &id.to_string()), hide(&nothing, &unused), "{shown}");
            asked += 1;
        }
    }
    assert!(asked >= 16, "only {asked} requests");
    let after = database::tenant_checksum(owner.tenant_id).await;
    if owner.tenant_id != intruder.tenant_id {
        assert_eq!(after, before);
    }
    let note = script.read(live).await;
    assert_eq!((&note["content"], &note["version"]), (&"a secret".into(), &1.into()));
}

#[tokio::test]
async fn another_tenants_note_is_404() {
    let app = spawn_app().await;
    let (first, second) = (Person::founder(&app).await, Person::founder(&app).await);
    assert_unreachable(&first, &second).await;
    assert_unreachable(&second, &first).await;
}

#[tokio::test]
async fn a_colleagues_note_is_404() {
    let app = spawn_app().await;
    let owner = Person::founder(&app).await;
    let colleague = owner.colleague(&app).await;
    assert_unreachable(&owner, &colleague).await;
    assert_unreachable(&colleague, &owner).await;
}

#[tokio::test]
async fn two_tenants_with_the_same_note_id_change_only_their_own() {
    let app = spawn_app().await;
    let (first, second) = (Person::founder(&app).await, Person::founder(&app).await);
    let shared = 1_000_000 + first.tenant_id;
    let client = database::admin().await;
    for (person, content) in [(&first, "of the first"), (&second, "of the second")] {
        let statement = "INSERT INTO notes (tenant_id, id, user_id, content) VALUES ($1, $2, $3, $4)";
        client
            .execute(statement, &[&person.tenant_id, &shared, &person.user_id, &content])
            .await
            .expect("a note");
    }
    for (mine, theirs, own) in [(&first, &second, "of the first"), (&second, &first, "of the second")] {
        let before = database::tenant_checksum(theirs.tenant_id).await;
        let (script, browser) = (mine.script(&app).await, mine.browser(&app).await);
        let path = format!("/notes/{shared}");
        assert_eq!(script.read(shared).await["content"], own);
        assert!(browser.page(&path).await.text().contains(own));
        let edit = serde_json::json!({"content": "edited"});
        script.put(&format!("/api/notes/{shared}"), &edit).await.expect(200);
        browser.post(&format!("{path}/deletion"), &[]).await.expect(303);
        browser.post(&format!("{path}/restoration"), &[]).await.expect(303);
        script.delete(&format!("/api/notes/{shared}")).await.expect(204);
        script.get(&format!("/api/notes/{shared}")).await.expect(404);
        if own == "of the first" {
            assert_eq!(database::tenant_checksum(theirs.tenant_id).await, before);
        }
    }
}

#[tokio::test]
async fn a_crawl_by_another_tenant_finds_no_foreign_data() {
    let app = spawn_app().await;
    let canary = unique("canary");
    let victim = Person::founder(&app).await;
    let client = database::admin().await;
    for (statement, id) in [
        ("UPDATE shared.tenants SET name = name || $2 WHERE id = $1", victim.tenant_id),
        ("UPDATE shared.users SET username = username || $2 WHERE tenant_id = $1", victim.tenant_id),
    ] {
        client.execute(statement, &[&id, &canary]).await.expect("a canary");
    }
    let script = victim.script(&app).await;
    let body = serde_json::json!({"title": canary, "content": format!("text {canary}")});
    script.post("/api/notes", &body).await.expect(201);
    let call = Call::new("GET", "/api/me").header("user-agent", &canary);
    script.answer(call).await.expect(200);

    let crawler = Person::founder(&app).await;
    let browser = crawler.browser(&app).await;
    browser.note("a note of my own").await;
    let theirs = crawler.script(&app).await;
    let mut waiting = vec!["/".to_owned(), "/dashboard".to_owned()];
    for route in routes::all().iter().filter(|route| route.method == "GET") {
        waiting.push(route.with_id("1"));
        waiting.push(route.with_id(&victim.user_id.to_string()));
    }
    // A search for these words finds nothing. The page repeats the words, so the canary is not among them.
    for path in [
        "/search?q=text",
        "/search?q=text&bin=on",
        "/api/search?q=text",
        "/api/notes?q=text",
        "/api/inbox?q=text",
    ] {
        waiting.push(path.to_owned());
    }
    let mut seen = std::collections::BTreeSet::new();
    while let Some(path) = waiting.pop() {
        if !seen.insert(path.clone()) || seen.len() > 300 {
            continue;
        }
        for answer in [browser.get(&path).await, theirs.get(&path).await] {
            let shown = format!("{:?} {}", answer.headers, String::from_utf8_lossy(&answer.body));
            assert!(!shown.contains(&canary), "{path} shows another tenant");
            if !answer.header("content-type").starts_with("text/html") {
                continue;
            }
            let page = crate::support::Page::parse(&answer.text());
            for link in page.all("a[href^='/']") {
                waiting.push(link.value().attr("href").expect("a link").to_owned());
            }
        }
    }
    assert!(seen.len() > 20, "the crawl ended early: {seen:?}");
}

#[tokio::test]
async fn reading_changes_nothing() {
    let app = spawn_app().await;
    let person = Person::founder(&app).await;
    let (browser, script) = (person.browser(&app).await, person.script(&app).await);
    let colleague = person.colleague(&app).await;
    let shared = colleague.script(&app).await.note("from a colleague").await;
    insert_delivery(&colleague, shared, &person, "edit").await;
    let id = script.note("text").await.to_string();
    let before = database::tenant_checksum(person.tenant_id).await;
    // The first opening sets read_at. Nothing else may change by reading.
    browser.get(&format!("/notes/{shared}")).await.expect(200);
    script.get(&format!("/api/notes/{shared}")).await.expect(200);
    for route in routes::all() {
        for method in ["GET", "HEAD", "OPTIONS"] {
            let call = Call::new(method, &route.with_id(&id));
            let answer =
                if route.api { script.answer(call).await } else { browser.copy().answer(call).await };
            assert!(answer.status < 500, "{method} {}: {}", route.path, answer.status);
        }
        for parameter in ["_method=DELETE", "_method=POST"] {
            let call = Call::new("GET", &format!("{}?{parameter}", route.with_id(&id)))
                .header("x-http-method-override", "DELETE");
            browser.copy().answer(call).await;
        }
    }
    assert_eq!(database::tenant_checksum(person.tenant_id).await, before);
}

#[tokio::test]
async fn the_owner_reads_every_page() {
    let app = spawn_app().await;
    let person = Person::founder(&app).await;
    let (browser, script) = (person.browser(&app).await, person.script(&app).await);
    let id = script.note("text").await.to_string();
    for route in routes::all() {
        if route.method != "GET" || route.is_static() || route.needs_invitation() {
            continue;
        }
        // Without words there is nothing to search for.
        if route.path == "/api/search" {
            script.get("/api/search?q=text").await.expect(200);
            continue;
        }
        let answer = ask(&app, &browser, &script, &route, &id).await;
        assert!(matches!(answer.status, 200 | 303), "{}: {}", route.path, answer.status);
        if answer.status == 303 {
            assert!(!answer.location().starts_with("/login"), "{}", route.path);
        }
    }
}
