//! The authorization matrix: every route, requested by every kind of user, about their own note, one shared
//! with them, and a foreign one. A route without a row here fails the test by its name.

use serde_json::json;

use crate::support::{
    Answer, App, Browser, Call, Person, Script, database,
    routes::{self, RouteEntry},
    spawn_app,
};

/// The users, in the order of the columns.
const USERS: [&str; 8] = [
    "anonymous",
    "the author",
    "a reader",
    "an editor",
    "a colleague",
    "the tenant's owner",
    "another tenant",
    "a removed user",
];
const ANONYMOUS: usize = 0;
const AUTHOR: usize = 1;
const REMOVED: usize = 7;

/// The status for each user. The note is in use; the author shared it with the reader and the editor.
type Codes = [u16; USERS.len()];
const PUBLIC: Codes = [200; USERS.len()];
const PAGE: Codes = [303, 200, 200, 200, 200, 200, 200, 303];
const POST: Codes = [303; USERS.len()];
const CALL: Codes = [401, 200, 200, 200, 200, 200, 200, 401];

/// The same status for all logged-in users, and `anonymous` for the others.
const fn all(anonymous: u16, code: u16) -> Codes {
    [anonymous, code, code, code, code, code, code, anonymous]
}

/// Routes of one note: the statuses of an anonymous user, the author, the reader and the editor. All other
/// users get 404.
const fn note(anonymous: u16, author: u16, reader: u16, editor: u16) -> Codes {
    [anonymous, author, reader, editor, 404, 404, 404, anonymous]
}

/// Routes for owners: all other logged-in users get 403.
const fn owners(anonymous: u16, code: u16) -> Codes {
    [anonymous, 403, 403, 403, 403, code, code, anonymous]
}

/// Every route. Those that end sessions come last.
const ROWS: &[(&str, &str, Codes)] = &[
    ("GET", "/", all(200, 303)),
    ("GET", "/api", PUBLIC),
    ("GET", "/api/openapi.json", PUBLIC),
    ("GET", "/livez", PUBLIC),
    ("GET", "/readyz", PUBLIC),
    ("GET", "/static/{file}", [404; USERS.len()]),
    ("GET", "/favicon.ico", PUBLIC),
    ("GET", "/register", all(200, 303)),
    ("POST", "/register", [422; USERS.len()]),
    ("GET", "/login", all(200, 303)),
    ("POST", "/login", [422; USERS.len()]),
    ("POST", "/api/register", [422; USERS.len()]),
    ("POST", "/api/login", [422; USERS.len()]),
    ("GET", "/dashboard", PAGE),
    ("GET", "/notes", PAGE),
    ("POST", "/notes", all(401, 303)),
    ("GET", "/notes/new", PAGE),
    ("POST", "/notes/preview", all(401, 200)),
    ("GET", "/notes/{id}", note(303, 200, 200, 200)),
    ("POST", "/notes/{id}", note(401, 303, 403, 303)),
    ("GET", "/notes/{id}/edit", note(303, 200, 403, 200)),
    ("POST", "/notes/{id}/tasks", note(303, 303, 403, 303)),
    ("PUT", "/api/notes/{id}/tasks/{number}", note(401, 200, 403, 200)),
    ("POST", "/notes/{id}/deletion", note(303, 303, 403, 403)),
    ("POST", "/notes/{id}/restoration", note(303, 404, 403, 403)),
    ("GET", "/notes/{id}/revisions", note(303, 200, 403, 200)),
    ("GET", "/notes/{id}/shares", note(303, 200, 403, 403)),
    ("POST", "/notes/{id}/shares", note(303, 303, 403, 403)),
    ("POST", "/notes/{id}/shares/{user_id}/revocation", note(303, 303, 403, 403)),
    ("GET", "/search", PAGE),
    ("GET", "/inbox", PAGE),
    ("POST", "/inbox/reading", POST),
    ("GET", "/bin", PAGE),
    ("GET", "/account", PAGE),
    ("GET", "/api/me", CALL),
    ("GET", "/api/usage", CALL),
    ("GET", "/api/notes", CALL),
    ("POST", "/api/notes", all(401, 201)),
    ("GET", "/api/notes/{id}", note(401, 200, 200, 200)),
    ("PUT", "/api/notes/{id}", note(401, 200, 403, 200)),
    ("DELETE", "/api/notes/{id}", note(401, 204, 403, 403)),
    ("GET", "/api/notes/{id}/shares", note(401, 200, 403, 403)),
    ("POST", "/api/notes/{id}/shares", note(401, 201, 403, 403)),
    ("DELETE", "/api/notes/{id}/shares/{user_id}", note(401, 204, 403, 403)),
    // Without words.
    ("GET", "/api/search", all(401, 422)),
    ("GET", "/api/inbox", CALL),
    ("POST", "/api/inbox/reading", all(401, 204)),
    ("GET", "/api/notes/{id}/deliveries", note(401, 200, 403, 403)),
    ("GET", "/account/transfer", PAGE),
    ("GET", "/account/export", PAGE),
    ("GET", "/account/export/organization", owners(303, 200)),
    ("POST", "/account/import", all(303, 400)),
    ("GET", "/api/export", CALL),
    ("POST", "/api/import", all(401, 415)),
    ("GET", "/members", PAGE),
    ("POST", "/members/{id}/role", all(303, 422)),
    ("POST", "/members/{id}/removal", all(303, 404)),
    ("GET", "/api/members", CALL),
    ("PATCH", "/api/members/{id}", all(401, 404)),
    ("DELETE", "/api/members/{id}", all(401, 404)),
    ("POST", "/invitations", owners(303, 303)),
    ("POST", "/invitations/{id}/revocation", owners(303, 404)),
    ("GET", "/invitations/{token}", [404; USERS.len()]),
    ("POST", "/invitations/{token}/registration", [404; USERS.len()]),
    ("POST", "/invitations/{token}/membership", all(303, 404)),
    ("GET", "/api/invitations", owners(401, 200)),
    ("POST", "/api/invitations", owners(401, 201)),
    ("DELETE", "/api/invitations/{id}", owners(401, 404)),
    ("POST", "/api/invitations/{token}/acceptances", all(401, 404)),
    ("GET", "/organization", owners(303, 200)),
    ("POST", "/organization", owners(303, 422)),
    ("POST", "/organization/deletion", owners(303, 422)),
    ("POST", "/organization/restoration", owners(303, 303)),
    ("POST", "/tenants/{id}/activation", all(303, 404)),
    ("POST", "/account/password", all(303, 422)),
    ("POST", "/account/sessions/{id}/revocation", all(303, 404)),
    ("POST", "/api/logout", all(401, 204)),
    // Both owners are the last owners of their tenants.
    ("POST", "/membership/removal", [303, 303, 303, 303, 303, 409, 409, 303]),
    ("POST", "/account/sessions/revocation", POST),
    ("POST", "/logout", POST),
];

/// The same routes for a note in the bin: only its author sees it, and may only restore it.
fn about_a_deleted_note(method: &str, path: &str, (anonymous, author): (u16, u16)) -> Codes {
    let author = if (method, path) == ("POST", "/notes/{id}/restoration") { 303 } else { author };
    [anonymous, author, 404, 404, 404, 404, 404, anonymous]
}

#[test]
fn every_route_has_a_row_in_the_matrix() {
    let rows: Vec<_> = ROWS.iter().map(|(method, path, _)| (*method, *path)).collect();
    for route in routes::all() {
        let row = (route.method.as_str(), route.path.as_str());
        assert!(rows.contains(&row), "{} {} has no row: say who may use it", route.method, route.path);
    }
    assert_eq!(rows.len(), routes::all().len(), "a row of no route, or one twice");
}

struct Actors {
    app: App,
    database: tokio_postgres::Client,
    users: Vec<Person>,
    browsers: Vec<Browser>,
    scripts: Vec<Script>,
}

impl Actors {
    async fn assemble(app: &App) -> Self {
        let owner = Person::founder(app).await;
        let author = owner.colleague(app).await;
        let mut users = vec![author.clone(), author];
        for _ in 0..3 {
            users.push(owner.colleague(app).await);
        }
        let removed = owner.colleague(app).await;
        users.extend([owner, Person::founder(app).await, removed]);
        let (mut browsers, mut scripts) =
            (vec![Browser::new(app)], vec![Script { app: app.clone(), token: String::new() }]);
        for person in users.iter().skip(1) {
            browsers.push(person.browser(app).await);
            scripts.push(person.script(app).await);
        }
        let (database, gone) = (database::admin().await, &users[REMOVED]);
        for statement in [
            "UPDATE shared.users SET removed_at = now() WHERE tenant_id = $1 AND id = $2",
            "DELETE FROM sessions WHERE tenant_id = $1 AND user_id = $2",
        ] {
            database.execute(statement, &[&gone.tenant_id, &gone.user_id]).await.expect(statement);
        }
        database::wait_for_session_cache_expiry().await;
        Self { app: app.clone(), database, users, browsers, scripts }
    }

    /// A note of the author, shared with the reader, the editor and the removed user.
    async fn note(&self, binned: bool) -> i64 {
        let author = &self.users[AUTHOR];
        let (tenant, deleted) = (author.tenant_id, binned.then(chrono::Utc::now));
        let note = "INSERT INTO notes (tenant_id, user_id, content, deleted_at) \
            VALUES ($1, $2, '- [ ] text', $3) RETURNING id";
        let row = self.database.query_one(note, &[&tenant, &author.user_id, &deleted]).await;
        let id: i64 = row.expect("a note").get(0);
        let recipients = [(2, "read"), (3, "edit"), (REMOVED, "edit")];
        for (table, column) in [("shares", "audience"), ("shared_notes", "recipient_id")] {
            let rows = recipients.map(|(user, access)| {
                format!("({tenant}, {id}, {}, '{access}', {})", self.users[user].user_id, author.user_id)
            });
            let statement = format!(
                "INSERT INTO {table} (tenant_id, note_id, {column}, access, shared_by) VALUES {}",
                rows.join(", ")
            );
            self.database.batch_execute(&statement).await.expect("a share");
        }
        id
    }

    /// A checksum of everything that a refused request must not change.
    async fn state_of(&self, note: i64) -> String {
        let statement = "SELECT concat_ws('/',
            (SELECT md5(n::text) FROM notes n WHERE tenant_id = $1 AND id = $2),
            (SELECT string_agg(md5(s::text), ',' ORDER BY s.audience) FROM shares s WHERE tenant_id = $1
            AND note_id = $2),
            (SELECT string_agg(concat(recipient_id, access), ',' ORDER BY recipient_id) FROM shared_notes
             WHERE tenant_id = $1 AND note_id = $2),
            (SELECT count(*) FROM note_revisions WHERE tenant_id = $1 AND note_id = $2),
            (SELECT count(*) FROM outbox WHERE tenant_id = $1 AND note_id = $2))";
        self.database
            .query_one(statement, &[&self.users[AUTHOR].tenant_id, &note])
            .await
            .expect("a state")
            .get(0)
    }

    async fn ask(&self, user: usize, route: &RouteEntry, note: i64) -> Answer {
        let path = route
            .path
            .replace("{id}", &note.to_string())
            .replace("{user_id}", &self.users[2].user_id.to_string())
            .replace("{number}", "0");
        let call = body_for(route, Call::new(&route.method, &path));
        match (user, route.api) {
            (ANONYMOUS, _) => self.app.answer(call).await,
            (_, true) => self.scripts[user].answer(call).await,
            (_, false) => self.browsers[user].copy().answer(call).await,
        }
    }
}

/// Adds the body of a valid request.
fn body_for(route: &RouteEntry, call: Call) -> Call {
    match (route.method.as_str(), route.api) {
        ("GET" | "DELETE", _) => call,
        (_, true) if route.path.ends_with("/shares") => call.json(&json!({"share_with": "everyone"})),
        (_, true) if route.path.ends_with("/tasks/{number}") => call.json(&json!({"done": true})),
        (_, true) if route.path.starts_with("/api/notes") => call.json(&json!({"content": "changed"})),
        ("PATCH", true) => call.json(&json!({"role": "member"})),
        (_, true) => call.json(&json!({})),
        (_, false) if route.path.ends_with("/shares") => call.form(&[("audience", "everyone")]),
        (_, false) if route.path.ends_with("/tasks") => call.form(&[("task", "0-done"), ("version", "1")]),
        (_, false) => call.form(&[("content", "changed"), ("version", "1"), ("current_password", "wrong")]),
    }
}

#[tokio::test]
async fn every_route_answers_every_user_as_the_matrix_says() {
    let app = spawn_app().await;
    let actors = Actors::assemble(&app).await;
    let all = routes::all();
    let mut wrong = Vec::new();
    for (method, path, expected) in ROWS {
        let route = all.iter().find(|route| (route.method.as_str(), route.path.as_str()) == (*method, *path));
        let route = route.unwrap_or_else(|| panic!("there is no {method} {path}"));
        if !route.is_about_note() {
            for (user, code) in expected.iter().enumerate() {
                let answer = actors.ask(user, route, 1).await;
                if answer.status != *code {
                    wrong.push(format!(
                        "{method} {path} of {}: {} and not {code}",
                        USERS[user], answer.status
                    ));
                }
            }
            continue;
        }
        wrong.extend(ask_about_a_note(&actors, route, *expected, false).await);
        wrong.extend(
            ask_about_a_note(
                &actors,
                route,
                about_a_deleted_note(method, path, (expected[ANONYMOUS], 404)),
                true,
            )
            .await,
        );
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Requests the route as each user and returns the deviations. After a request that may change the note, the
/// next user gets a new one.
async fn ask_about_a_note(actors: &Actors, route: &RouteEntry, expected: Codes, binned: bool) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut note = actors.note(binned).await;
    let mut before = actors.state_of(note).await;
    for (user, code) in expected.into_iter().enumerate() {
        let answer = actors.ask(user, route, note).await;
        let place = if binned { ", in the bin" } else { "" };
        let shown = format!("{} {} of {}{place}", route.method, route.path, USERS[user]);
        if answer.status != code {
            wrong.push(format!("{shown}: {} and not {code}", answer.status));
        }
        let may_change = route.is_unsafe() && code < 400 && user != ANONYMOUS && user != REMOVED;
        let after = actors.state_of(note).await;
        if may_change {
            note = actors.note(binned).await;
            before = actors.state_of(note).await;
        } else if after != before {
            wrong.push(format!("{shown}: it changed something"));
            before = after;
        }
    }
    wrong
}
