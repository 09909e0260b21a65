//! Accepting an invitation with the token of an account in another tenant.

use serde_json::{Value, json};

use crate::support::server::ServerBuilder;
use crate::support::sharing::until_delivered;
use crate::support::team::{invitation, role_of};
use crate::support::{App, Browser, Call, Person, Script, database, spawn_app, unique};

fn acceptance_path(invitation: &str) -> String {
    format!("/api/invitations/{invitation}/acceptances")
}

fn accept_with_key(invitation: &str, key: &str) -> Call {
    Call::new("POST", &acceptance_path(invitation)).json(&json!({})).header("idempotency-key", key)
}

fn script_of(app: &App, accepted: &Value) -> Script {
    Script { app: app.clone(), token: accepted["token"].as_str().expect("a token").to_owned() }
}

#[tokio::test]
async fn accepting_an_invitation_with_a_token_creates_a_second_account() {
    let app = spawn_app().await;
    let (owner, joiner) = (Person::founder(&app).await, Person::founder(&app).await);
    let (theirs, mine) = (owner.script(&app).await, joiner.script(&app).await);
    let shared = theirs.note("for all who come").await;
    theirs.share(owner.tenant_id, shared, json!("everyone"), "read").await;
    let token = invitation(&theirs, "admin", 1).await;

    let accepted = mine.answer(Call::new("POST", &acceptance_path(&token))).await.expect(201).json();
    assert_eq!(accepted["tenant_id"], owner.tenant_id);
    let user = accepted["user_id"].as_i64().expect("a number");
    assert_eq!(role_of(owner.tenant_id, user).await.as_deref(), Some("admin"));
    let there = script_of(&app, &accepted);
    let me = there.get("/api/me").await.expect(200).json();
    assert_eq!((&me["username"], &me["tenant_name"]), (&json!(joiner.username), &json!(owner.tenant_name)));
    until_delivered(owner.tenant_id).await;
    assert_eq!(there.inbox().await[0]["note_id"], shared);

    // The old token still works, and the password logs in to both tenants.
    assert_eq!(mine.get("/api/me").await.expect(200).json()["tenant_id"], joiner.tenant_id);
    let login = json!({"username": joiner.email, "password": joiner.password, "tenant_id": owner.tenant_id});
    app.answer_retrying(Call::new("POST", "/api/login").json(&login)).await.expect(200);
    there.post("/api/logout", &json!({})).await.expect(204);
    mine.get("/api/me").await.expect(200);
    // The only use is taken.
    let late = Person::founder(&app).await.script(&app).await;
    late.answer(Call::new("POST", &acceptance_path(&token))).await.expect_problem(404);
}

#[tokio::test]
async fn members_and_taken_names_are_409_and_use_up_no_invitation() {
    let app = spawn_app().await;
    let owner = Person::founder(&app).await;
    let theirs = owner.script(&app).await;
    let token = invitation(&theirs, "member", 5).await;
    theirs.answer(Call::new("POST", &acceptance_path(&token))).await.expect_problem(409);
    let namesake = owner.namesake(&app, &unique("Second ")).await;
    namesake
        .script(&app)
        .await
        .answer(Call::new("POST", &acceptance_path(&token)))
        .await
        .expect_field_problem(409, "username");
    app.post_json(&acceptance_path(&token), &json!({})).await.expect_problem(401);
    assert_eq!(database::user_count(owner.tenant_id).await, 1);
    assert_eq!(theirs.get("/api/invitations").await.expect(200).json()[0]["uses_left"], 5);
}

#[tokio::test]
async fn all_invalid_invitations_get_the_same_404_from_the_api() {
    let app = spawn_app().await;
    let (owner, joiner) = (Person::founder(&app).await, Person::founder(&app).await);
    let (theirs, mine) = (owner.script(&app).await, joiner.script(&app).await);
    let made = theirs.post("/api/invitations", &json!({})).await.expect(201).json();
    let revoked = made["token"].as_str().expect("a token").to_owned();
    theirs.delete(&format!("/api/invitations/{}", made["invitation_id"])).await.expect(204);
    let foreign = revoked.replace(&owner.tenant_id.to_string(), &joiner.tenant_id.to_string());
    let mut texts = std::collections::BTreeSet::new();
    for odd in [revoked.as_str(), &foreign, "x", "phi_1_x", &revoked.replace("phi_", "ph_")] {
        let (status, _, text) =
            mine.answer(Call::new("POST", &acceptance_path(odd))).await.without_request_id();
        assert_eq!(status, 404, "{odd}");
        texts.insert(text);
    }
    theirs.answer(Call::new("POST", &acceptance_path(&revoked))).await.expect_problem(404);
    assert_eq!(texts.len(), 1);
}

#[tokio::test]
async fn a_repeated_acceptance_returns_the_same_account_and_uses_the_invitation_once() {
    let app = spawn_app().await;
    let second = ServerBuilder::new().start();
    let (owner, joiner) = (Person::founder(&app).await, Person::founder(&app).await);
    let (theirs, here) = (owner.script(&app).await, joiner.script(&app).await);
    let there = Script { app: App::of(&second), token: here.token.clone() };
    let (token, key) = (invitation(&theirs, "member", 2).await, unique("key-"));
    let calls = (0..3).flat_map(|_| {
        [here.answer(accept_with_key(&token, &key)), there.answer(accept_with_key(&token, &key))]
    });
    let mut users = std::collections::BTreeSet::new();
    for answer in futures_util::future::join_all(calls).await {
        let accepted = answer.expect(201).json();
        script_of(&app, &accepted).get("/api/me").await.expect(200);
        users.insert(accepted["user_id"].as_i64());
    }
    assert_eq!((users.len(), database::user_count(owner.tenant_id).await), (1, 2));
    assert_eq!(theirs.get("/api/invitations").await.expect(200).json()[0]["uses_left"], 1);
    // Without the key it is a new attempt; the key with another invitation is refused.
    here.answer(Call::new("POST", &acceptance_path(&token))).await.expect_field_problem(409, "username");
    let other = invitation(&theirs, "admin", 1).await;
    here.answer(accept_with_key(&other, &key)).await.expect_field_problem(422, "Idempotency-Key");
    // A user of the same name in a third tenant is another user.
    let namesake = joiner.namesake(&app, &unique("Second ")).await.script(&app).await;
    namesake.answer(accept_with_key(&token, &key)).await.expect_field_problem(422, "Idempotency-Key");
    namesake.answer(accept_with_key(&token, &unique("key-"))).await.expect_field_problem(409, "username");
}

#[tokio::test]
async fn a_repeated_acceptance_gives_no_token_after_a_new_password() {
    let app = spawn_app().await;
    let (owner, joiner) = (Person::founder(&app).await, Person::founder(&app).await);
    let (theirs, here) = (owner.script(&app).await, joiner.script(&app).await);
    let (token, key) = (invitation(&theirs, "member", 2).await, unique("key-"));
    let accepted = here.answer(accept_with_key(&token, &key)).await.expect(201).json();
    here.answer(accept_with_key(&token, &key)).await.expect(201);
    let browser = Browser::new(&app);
    let fields = [
        ("email", joiner.username.as_str()),
        ("password", &joiner.password),
        ("tenant_name", &owner.tenant_name),
    ];
    browser.post_retrying("/login", &fields).await.expect_see_other("/dashboard");
    let change = [("current_password", joiner.password.as_str()), ("password", "another good password")];
    browser.post_retrying("/account/password", &change).await.expect(303);
    script_of(&app, &accepted).get("/api/me").await.expect(401);
    // The first account's token is in force, and opens the other account no more.
    here.get("/api/me").await.expect(200);
    here.answer(accept_with_key(&token, &key)).await.expect_field_problem(409, "username");
}
