//! The operator's rule for new accounts, by page and by API.

use serde_json::{Value, json};

use crate::support::database::OwnDatabase;
use crate::support::server::{Server, ServerBuilder};
use crate::support::team::invitation;
use crate::support::{App, Browser, Call, Person, unique};

/// A database with an organization, and two servers on it: one with the rule, and one that is open.
struct RuledServer {
    app: App,
    owner: Person,
    open: App,
    _servers: [Server; 2],
    _database: OwnDatabase,
}

async fn serve(rule: (&str, &str)) -> RuledServer {
    let database = OwnDatabase::create().await;
    let builder = || ServerBuilder::new().set("DATABASE_URL", &database.url);
    let open_server = builder().start_async().await;
    let open = App::of(&open_server);
    let owner = Person::founder(&open).await;
    let server = builder().set(rule.0, rule.1).start_async().await;
    RuledServer { app: App::of(&server), owner, open, _servers: [server, open_server], _database: database }
}

fn newcomer(joining: (&str, Value)) -> Value {
    let name = unique("new");
    let mut body =
        json!({"username": name, "email": format!("{name}@example.test"), "password": "a good one 7"});
    body[joining.0] = joining.1;
    body
}

async fn registers(app: &App, joining: (&str, Value)) -> u16 {
    app.answer_retrying(Call::new("POST", "/api/register").json(&newcomer(joining))).await.status
}

#[tokio::test]
async fn sign_up_by_invitation_refuses_founding_and_joining_open_organizations() {
    let ruled = serve(("SIGN_UP", "invitation")).await;
    let (app, owner) = (&ruled.app, &ruled.owner);
    assert_eq!(registers(app, ("tenant_name", json!(unique("Org ")))).await, 403);
    assert_eq!(registers(app, ("tenant_id", json!(1))).await, 403, "the demo organization");
    assert_eq!(registers(app, ("tenant_name", json!("Demo"))).await, 403);
    let page = app.get("/register").await.expect(200).text();
    assert!(
        page.contains("needs an invitation") && !page.contains("<form method=\"post\" action=\"/register\"")
    );
    let name = unique("typed");
    let fields = [("username", name.as_str()), ("password", "a good one 7"), ("tenant_name", "Some Org")];
    let answer = Browser::new(app).post("/register", &fields).await.expect(403);
    assert!(answer.text().contains("needs an invitation") && answer.text().contains(&name));
    assert!(!answer.text().contains("a good one 7"));

    let token = invitation(&owner.script(app).await, "member", 2).await;
    assert_eq!(registers(app, ("invitation", json!(token))).await, 201);
    let fields = [("username", name.as_str()), ("password", "a good one 7")];
    let path = format!("/invitations/{token}/registration");
    Browser::new(app).post_retrying(&path, &fields).await.expect_see_other("/dashboard");
}

#[tokio::test]
async fn closed_sign_up_makes_no_account_and_lets_members_log_in() {
    let ruled = serve(("SIGN_UP", "closed")).await;
    let (app, owner) = (&ruled.app, &ruled.owner);
    let other = Person::founder(&ruled.open).await;
    let script = owner.script(app).await;
    let token = invitation(&script, "member", 5).await;
    assert_eq!(registers(app, ("tenant_name", json!(unique("Org ")))).await, 403);
    assert_eq!(registers(app, ("invitation", json!(token))).await, 403);
    let accepting = other.script(app).await;
    accepting.post(&format!("/api/invitations/{token}/acceptances"), &json!({})).await.expect_problem(403);
    let browser = other.browser(app).await;
    browser.post(&format!("/invitations/{token}/membership"), &[]).await.expect(403);
    let name = unique("typed");
    let fields = [("username", name.as_str()), ("password", "a good one 7")];
    let refused = Browser::new(app).post(&format!("/invitations/{token}/registration"), &fields).await;
    let text = refused.expect(403).text();
    assert!(text.contains("Sign-up is closed") && text.contains(&name), "{text}");
    assert!(app.get("/register").await.expect(200).text().contains("Sign-up is closed"));
    let open = script.get("/api/invitations").await.expect(200).json();
    assert_eq!(open[0]["used"], 0, "{open}");
}

#[tokio::test]
async fn domains_let_their_addresses_sign_up_and_invitations_all() {
    let ruled = serve(("SIGN_UP_DOMAINS", "Example.org, second.test")).await;
    let (app, owner) = (&ruled.app, &ruled.owner);
    app.get("/register").await.expect(200);
    let register = async |email: Option<&str>, joining: (&str, Value)| {
        let mut body = newcomer(joining);
        body["email"] = json!(email.map(|email| format!("{}@{email}", unique("a"))));
        app.answer_retrying(Call::new("POST", "/api/register").json(&body)).await
    };
    let found = || ("tenant_name", json!(unique("Org ")));
    for domain in [Some("evil.test"), Some("sub.example.org"), Some("example.org.evil.test"), None] {
        register(domain, found()).await.expect_field_problem(422, "email");
        register(domain, ("tenant_id", json!(1))).await.expect_field_problem(422, "email");
    }
    for domain in ["example.org", "EXAMPLE.ORG", "second.test"] {
        register(Some(domain), found()).await.expect(201);
    }
    let token = invitation(&owner.script(app).await, "member", 1).await;
    register(Some("evil.test"), ("invitation", json!(token))).await.expect(201);
}

#[tokio::test]
async fn a_domain_that_only_looks_like_a_listed_one_signs_nobody_up() {
    let ruled = serve(("SIGN_UP_DOMAINS", "microsoft.example,strasse.example,münchen.example")).await;
    for (domain, status) in [
        ("mıcrosoft.example", 422),
        ("straße.example", 422),
        ("microſoft.example.test", 422),
        ("munchen.example", 422),
        ("MICROSOFT.Example", 201),
        ("strasse.example", 201),
        ("münchen.example", 201),
        ("MU\u{308}NCHEN.example", 201),
        ("xn--mnchen-3ya.example", 201),
    ] {
        let mut body = newcomer(("tenant_name", json!(unique("Org "))));
        body["email"] = json!(format!("{}@{domain}", unique("new")));
        let answer = ruled.app.answer_retrying(Call::new("POST", "/api/register").json(&body)).await;
        assert_eq!(answer.status, status, "{domain}: {}", answer.text());
    }
}
