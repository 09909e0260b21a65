//! Who may do what: every route, asked by every kind of person, about a note that is their own, shared with
//! them or neither. A route that has no row here fails the test by its name.

use serde_json::json;

use crate::support::{
    Answer, App, Browser, Call, Person, Script, database,
    routes::{self, RouteEntry},
    spawn_app,
};

/// The people, in the order of the columns.
const PEOPLE: [&str; 8] = [
    "nobody",
    "the author",
    "a reader",
    "an editor",
    "a colleague",
    "the tenant's owner",
    "another tenant",
    "somebody removed",
];
const NOBODY: usize = 0;
const AUTHOR: usize = 1;
const REMOVED: usize = 7;

/// What each of them is answered, about a note in use that the author wrote and shared with the reader and
/// the editor.
type Codes = [u16; PEOPLE.len()];
const PUBLIC: Codes = [200; PEOPLE.len()];
const PAGE: Codes = [303, 200, 200, 200, 200, 200, 200, 303];
const POST: Codes = [303; PEOPLE.len()];
const CALL: Codes = [401, 200, 200, 200, 200, 200, 200, 401];

/// For everybody with a login the same, and `nobody` for those without.
const fn all(nobody: u16, code: u16) -> Codes {
    [nobody, code, code, code, code, code, code, nobody]
}

/// About one note: the author, the reader and the editor, everybody else with a login, and those without.
const fn note(nobody: u16, author: u16, reader: u16, editor: u16) -> Codes {
    [nobody, author, reader, editor, 404, 404, 404, nobody]
}

/// What only owners may: everybody else with a login is refused.
const fn owners(nobody: u16, code: u16) -> Codes {
    [nobody, 403, 403, 403, 403, code, code, nobody]
}

/// Every route. Those that end sessions come last.
const ROWS: &[(&str, &str, Codes)] = &[
    ("GET", "/", all(200, 303)),
    ("GET", "/api", PUBLIC),
    ("GET", "/api/openapi.json", PUBLIC),
    ("GET", "/livez", PUBLIC),
    ("GET", "/readyz", PUBLIC),
    ("GET", "/static/{file}", [404; PEOPLE.len()]),
    ("GET", "/favicon.ico", PUBLIC),
    ("GET", "/register", all(200, 303)),
    ("POST", "/register", [422; PEOPLE.len()]),
    ("GET", "/login", all(200, 303)),
    ("POST", "/login", [422; PEOPLE.len()]),
    ("POST", "/api/register", [422; PEOPLE.len()]),
    ("POST", "/api/login", [422; PEOPLE.len()]),
    ("GET", "/dashboard", PAGE),
    ("GET", "/notes", PAGE),
    ("POST", "/notes", all(401, 303)),
    ("GET", "/notes/{id}", note(303, 200, 200, 200)),
    ("POST", "/notes/{id}", note(401, 303, 403, 303)),
    ("GET", "/notes/{id}/edit", note(303, 200, 403, 200)),
    ("POST", "/notes/{id}/deletion", note(303, 303, 403, 403)),
    ("POST", "/notes/{id}/restoration", note(303, 404, 403, 403)),
    ("GET", "/notes/{id}/revisions", note(303, 200, 403, 200)),
    ("GET", "/notes/{id}/shares", note(303, 200, 403, 403)),
    ("POST", "/notes/{id}/shares", note(303, 303, 403, 403)),
    ("POST", "/notes/{id}/shares/{user_id}/revocation", note(303, 303, 403, 403)),
    ("GET", "/inbox", PAGE),
    ("POST", "/inbox/reading", POST),
    ("GET", "/bin", PAGE),
    ("GET", "/account", PAGE),
    ("GET", "/api/me", CALL),
    ("GET", "/api/notes", CALL),
    ("POST", "/api/notes", all(401, 201)),
    ("GET", "/api/notes/{id}", note(401, 200, 200, 200)),
    ("PUT", "/api/notes/{id}", note(401, 200, 403, 200)),
    ("DELETE", "/api/notes/{id}", note(401, 204, 403, 403)),
    ("GET", "/api/notes/{id}/shares", note(401, 200, 403, 403)),
    ("POST", "/api/notes/{id}/shares", note(401, 201, 403, 403)),
    ("DELETE", "/api/notes/{id}/shares/{user_id}", note(401, 204, 403, 403)),
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
    ("GET", "/invitations/{token}", [404; PEOPLE.len()]),
    ("POST", "/invitations/{token}/registration", [404; PEOPLE.len()]),
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
    // The owners here are the only ones of their tenants.
    ("POST", "/membership/removal", [303, 303, 303, 303, 303, 409, 409, 303]),
    ("POST", "/account/sessions/revocation", POST),
    ("POST", "/logout", POST),
];

/// The same routes about a note in the bin: nobody but its author is told that it is there, and only to take
/// it out.
fn about_the_bin(method: &str, path: &str, (nobody, author): (u16, u16)) -> Codes {
    let author = if (method, path) == ("POST", "/notes/{id}/restoration") { 303 } else { author };
    [nobody, author, 404, 404, 404, 404, 404, nobody]
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
    people: Vec<Person>,
    browsers: Vec<Browser>,
    scripts: Vec<Script>,
}

impl Actors {
    async fn assemble(app: &App) -> Self {
        let owner = Person::founder(app).await;
        let author = owner.colleague(app).await;
        let mut people = vec![author.clone(), author];
        for _ in 0..3 {
            people.push(owner.colleague(app).await);
        }
        let removed = owner.colleague(app).await;
        people.extend([owner, Person::founder(app).await, removed]);
        let (mut browsers, mut scripts) =
            (vec![Browser::new(app)], vec![Script { app: app.clone(), token: String::new() }]);
        for person in people.iter().skip(1) {
            browsers.push(person.browser(app).await);
            scripts.push(person.script(app).await);
        }
        let (database, gone) = (database::admin().await, &people[REMOVED]);
        for statement in [
            "UPDATE shared.users SET removed_at = now() WHERE tenant_id = $1 AND id = $2",
            "DELETE FROM sessions WHERE tenant_id = $1 AND user_id = $2",
        ] {
            database.execute(statement, &[&gone.tenant_id, &gone.user_id]).await.expect(statement);
        }
        database::wait_for_session_cache_expiry().await;
        Self { app: app.clone(), database, people, browsers, scripts }
    }

    /// A note of the author's, shared with the reader, the editor and the one who was removed.
    async fn note(&self, binned: bool) -> i64 {
        let author = &self.people[AUTHOR];
        let (tenant, deleted) = (author.tenant_id, binned.then(chrono::Utc::now));
        let note = "INSERT INTO notes (tenant_id, user_id, content, deleted_at) \
            VALUES ($1, $2, 'text', $3) RETURNING id";
        let row = self.database.query_one(note, &[&tenant, &author.user_id, &deleted]).await;
        let id: i64 = row.expect("a note").get(0);
        let recipients = [(2, "read"), (3, "edit"), (REMOVED, "edit")];
        for (table, column) in [("shares", "audience"), ("shared_notes", "recipient_id")] {
            let rows = recipients.map(|(who, access)| {
                format!("({tenant}, {id}, {}, '{access}', {})", self.people[who].user_id, author.user_id)
            });
            let statement = format!(
                "INSERT INTO {table} (tenant_id, note_id, {column}, access, shared_by) VALUES {}",
                rows.join(", ")
            );
            self.database.batch_execute(&statement).await.expect("a share");
        }
        id
    }

    /// All that a refused request must leave as it was.
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
            .query_one(statement, &[&self.people[AUTHOR].tenant_id, &note])
            .await
            .expect("a state")
            .get(0)
    }

    async fn ask(&self, who: usize, route: &RouteEntry, note: i64) -> Answer {
        let path = route
            .path
            .replace("{id}", &note.to_string())
            .replace("{user_id}", &self.people[2].user_id.to_string());
        let call = body_for(route, Call::new(&route.method, &path));
        match (who, route.api) {
            (NOBODY, _) => self.app.answer(call).await,
            (_, true) => self.scripts[who].answer(call).await,
            (_, false) => self.browsers[who].copy().answer(call).await,
        }
    }
}

/// What makes the request one that its author could send.
fn body_for(route: &RouteEntry, call: Call) -> Call {
    match (route.method.as_str(), route.api) {
        ("GET" | "DELETE", _) => call,
        (_, true) if route.path.ends_with("/shares") => call.json(&json!({"share_with": "everyone"})),
        (_, true) if route.path.starts_with("/api/notes") => call.json(&json!({"content": "changed"})),
        ("PATCH", true) => call.json(&json!({"role": "member"})),
        (_, true) => call.json(&json!({})),
        (_, false) if route.path.ends_with("/shares") => call.form(&[("audience", "everyone")]),
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
            for (who, code) in expected.iter().enumerate() {
                let answer = actors.ask(who, route, 1).await;
                if answer.status != *code {
                    wrong.push(format!(
                        "{method} {path} of {}: {} and not {code}",
                        PEOPLE[who], answer.status
                    ));
                }
            }
            continue;
        }
        wrong.extend(ask_about_a_note(&actors, route, *expected, false).await);
        wrong.extend(
            ask_about_a_note(&actors, route, about_the_bin(method, path, (expected[NOBODY], 404)), true)
                .await,
        );
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What is not as expected when everybody asks about one note, or about a new one after somebody was let to
/// change it.
async fn ask_about_a_note(actors: &Actors, route: &RouteEntry, expected: Codes, binned: bool) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut note = actors.note(binned).await;
    let mut before = actors.state_of(note).await;
    for (who, code) in expected.into_iter().enumerate() {
        let answer = actors.ask(who, route, note).await;
        let place = if binned { ", in the bin" } else { "" };
        let shown = format!("{} {} of {}{place}", route.method, route.path, PEOPLE[who]);
        if answer.status != code {
            wrong.push(format!("{shown}: {} and not {code}", answer.status));
        }
        let may_change = route.is_unsafe() && code < 400 && who != NOBODY && who != REMOVED;
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
