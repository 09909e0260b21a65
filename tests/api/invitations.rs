//! Invitations through the API: creation, terms, and use.

use serde_json::json;

use crate::support::server::ServerBuilder;
use crate::support::team::{invitation, role_of, set_role};
use crate::support::{Answer, App, Call, Person, Team, database, spawn_app, unique};

async fn join(app: &App, invitation: &str) -> Answer {
    let body = json!({"username": unique("user"), "password": "testpass", "invitation": invitation});
    app.answer_retrying(Call::new("POST", "/api/register").json(&body)).await
}

async fn uses_left(token: &str) -> i64 {
    use sha2::Digest;
    let hash = sha2::Sha256::digest(token.as_bytes()).to_vec();
    database::number("SELECT uses_left::bigint FROM invitations WHERE token_hash = $1", &[&hash]).await
}

#[tokio::test]
async fn an_invitation_is_listed_without_its_token_until_it_is_revoked() {
    let app = spawn_app().await;
    let owner = Person::founder(&app).await;
    let script = owner.script(&app).await;
    let body = json!({"role": "admin", "uses": 3, "expires_in": 3600});
    let made = script.post("/api/invitations", &body).await.expect(201).json();
    let token = made["token"].as_str().expect("a token");
    assert!(token.starts_with(&format!("phi_{}_", owner.tenant_id)), "{token}");
    assert!(
        made["url"].as_str().is_some_and(|url| url.ends_with(&format!("/invitations/{token}"))),
        "{made}"
    );
    let listed = script.get("/api/invitations").await.expect(200);
    assert!(!listed.text().contains(token));
    let listed = listed.json();
    assert_eq!(listed[0]["invitation_id"], made["invitation_id"]);
    let listing = (&listed[0]["role"], &listed[0]["uses_left"], &listed[0]["used"], &listed[0]["invited_by"]);
    assert_eq!(listing, (&json!("admin"), &json!(3), &json!(0), &json!(owner.user_id)));
    let stored = "SELECT count(*) FROM invitations i WHERE tenant_id = $1 AND (i::text LIKE '%phi%' \
        OR i::text LIKE $2)";
    let secret = format!("%{}%", token.rsplit_once('_').expect("a secret").1);
    assert_eq!(database::number(stored, &[&owner.tenant_id, &secret]).await, 0);
    let path = format!("/api/invitations/{}", made["invitation_id"]);
    script.delete(&path).await.expect(204);
    script.delete(&path).await.expect_problem(404);
    assert_eq!(script.get("/api/invitations").await.expect(200).json(), json!([]));
    join(&app, token).await.expect_field_problem(422, "invitation");
}

#[tokio::test]
async fn owners_invite_all_roles_admins_no_owners_and_members_none() {
    let app = spawn_app().await;
    let team = Team::create(&app).await;
    for (role, person) in team.all() {
        let (script, browser) = (person.script(&app).await, person.browser(&app).await);
        for offered in ["owner", "admin", "member"] {
            let allowed = role == "owner" || role == "admin" && offered != "owner";
            let answer = script.post("/api/invitations", &json!({"role": offered})).await;
            assert_eq!(answer.status, if allowed { 201 } else { 403 }, "{role} offers {offered}");
            let form = [("role", offered), ("uses", "1"), ("expires_in", "3600")];
            let answer = browser.post("/invitations", &form).await;
            assert_eq!(answer.status, if allowed { 303 } else { 403 }, "{role} offers {offered}");
        }
        script.get("/api/invitations").await.expect(if role == "member" { 403 } else { 200 });
    }
    let id = team.owner.script(&app).await.post("/api/invitations",
        &json!({})).await.expect(201).json()["invitation_id"].clone();
    team.member.script(&app).await.delete(&format!("/api/invitations/{id}")).await.expect_problem(403);
    team.member.browser(&app).await.post(&format!("/invitations/{id}/revocation"), &[]).await.expect(403);
    team.admin.script(&app).await.delete(&format!("/api/invitations/{id}")).await.expect(204);
}

#[tokio::test]
async fn owners_revoke_all_invitations_admins_those_that_make_no_owner_and_members_none() {
    let app = spawn_app().await;
    let team = Team::create(&app).await;
    let owner = team.owner.script(&app).await;
    for (role, person) in team.all() {
        let (script, browser) = (person.script(&app).await, person.browser(&app).await);
        for offered in ["owner", "admin", "member"] {
            let allowed = role == "owner" || role == "admin" && offered != "owner";
            for by_page in [false, true] {
                let made = owner.post("/api/invitations", &json!({"role": offered})).await.expect(201).json();
                let id = &made["invitation_id"];
                let status = if by_page {
                    browser.post(&format!("/invitations/{id}/revocation"), &[]).await.status
                } else {
                    script.delete(&format!("/api/invitations/{id}")).await.status
                };
                let expected = if !allowed {
                    403
                } else if by_page {
                    303
                } else {
                    204
                };
                assert_eq!(status, expected, "{role} revokes the invitation of an {offered}");
                let open = owner.get("/api/invitations").await.expect(200).json().to_string();
                assert_eq!(open.contains(&id.to_string()), !allowed, "{role}, {offered}: {open}");
                let page = browser.get("/members").await.expect(200).text();
                let shown = page.contains(&format!("/invitations/{id}/revocation"));
                assert!(!shown, "{role} is offered to revoke what they may not, or what is revoked");
                owner.delete(&format!("/api/invitations/{id}")).await;
            }
        }
        let none = script.delete("/api/invitations/9007199254740991").await;
        assert_eq!(none.status, if role == "member" { 403 } else { 404 }, "{role}");
    }
}

#[tokio::test]
async fn an_inviter_who_loses_a_role_loses_the_invitations_to_it_for_good() {
    let app = spawn_app().await;
    let team = Team::create(&app).await;
    let (owner, inviter) = (team.owner.script(&app).await, &team.admin);
    let path = format!("/api/members/{}", inviter.user_id);
    let make = async |role: &str| owner.patch(&path, &json!({"role": role})).await.expect(200);
    make("owner").await;
    let script = inviter.script(&app).await;
    let to_owners = invitation(&script, "owner", 5).await;
    let to_admins = invitation(&script, "admin", 5).await;
    let to_members = invitation(&script, "member", 5).await;
    let others = invitation(&owner, "owner", 5).await;
    let opens = async |token: &str| app.get(&format!("/invitations/{token}")).await.status == 200;
    make("admin").await;
    make("owner").await;
    assert!(!opens(&to_owners).await, "the promotion brought the invitation back");
    join(&app, &to_owners).await.expect_field_problem(422, "invitation");
    for token in [&to_admins, &to_members, &others] {
        assert!(opens(token).await, "an admin could still give it");
    }
    make("member").await;
    make("owner").await;
    assert!(!opens(&to_admins).await && !opens(&to_members).await, "the promotion brought it back");
    assert!(opens(&others).await, "another owner's invitation ended");
    let last = invitation(&script, "member", 5).await;
    owner.delete(&path).await.expect(204);
    assert!(!opens(&last).await);
    let in_force =
        "SELECT count(*) FROM invitations WHERE tenant_id = $1 AND invited_by = $2 AND revoked_at IS NULL";
    let left = database::number(in_force, &[&inviter.tenant_id, &inviter.user_id]).await;
    assert_eq!(left, 0, "the removal left an invitation");
}

#[tokio::test]
async fn invitation_terms_out_of_range_are_refused_with_their_field() {
    let app = spawn_app().await;
    let script = Person::founder(&app).await.script(&app).await;
    for (body, field) in [
        (json!({"role": "king"}), "role"),
        (json!({"uses": 0}), "uses"),
        (json!({"uses": 1001}), "uses"),
        (json!({"uses": -1}), "uses"),
        (json!({"expires_in": 0}), "expires_in"),
        (json!({"expires_in": 7_776_001}), "expires_in"),
        (json!({"expires_in": i64::MAX}), "expires_in"),
    ] {
        script.post("/api/invitations", &body).await.expect_field_problem(422, field);
    }
    script.post("/api/invitations", &json!({"uses": 1000, "expires_in": 7_776_000})).await.expect(201);
}

#[tokio::test]
async fn an_invitation_gives_its_role_and_works_for_its_number_of_uses() {
    let app = spawn_app().await;
    let owner = Person::founder(&app).await;
    let script = owner.script(&app).await;
    let token = invitation(&script, "admin", 2).await;
    let first = Person::invited(&app, &owner.tenant_name, &token).await;
    assert_eq!(first.tenant_id, owner.tenant_id);
    assert_eq!(role_of(owner.tenant_id, first.user_id).await.as_deref(), Some("admin"));
    let taken = json!({"username": first.username, "password": "testpass", "invitation": token});
    app.answer_retrying(Call::new("POST", "/api/register").json(&taken))
        .await
        .expect_field_problem(409, "username");
    assert_eq!(uses_left(&token).await, 1, "a refused sign-up took a use");
    join(&app, &token).await.expect(201);
    join(&app, &token).await.expect_field_problem(422, "invitation");
    assert_eq!(uses_left(&token).await, 0);
    for odd in ["", "x", "phi_1_x", &token.replace("phi_", "ph_")] {
        let body = json!({"username": unique("user"), "password": "testpass", "invitation": odd});
        app.post_json("/api/register", &body).await.expect_field_problem(422, "invitation");
    }
    let both = json!({"username": unique("user"), "password": "testpass", "invitation": token,
        "tenant_id": owner.tenant_id});
    app.post_json("/api/register", &both).await.expect_problem(422);
}

#[tokio::test]
async fn two_servers_never_accept_the_last_use_twice() {
    let app = spawn_app().await;
    let second = ServerBuilder::new().start();
    let elsewhere = App::of(&second);
    let owner = Person::founder(&app).await;
    let script = owner.script(&app).await;
    for round in 0..4 {
        let token = invitation(&script, "member", 1).await;
        let (here, there) = tokio::join!(join(&app, &token), join(&elsewhere, &token));
        let mut statuses = [here.status, there.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [201, 422], "round {round}: {} {}", here.text(), there.text());
        assert_eq!(uses_left(&token).await, 0);
        assert_eq!(database::user_count(owner.tenant_id).await, 2 + round);
    }
}

#[tokio::test]
async fn an_invitation_ends_when_its_author_may_no_longer_invite() {
    let app = spawn_app().await;
    let team = Team::create(&app).await;
    let (owner, admin) = (team.owner.script(&app).await, team.admin.script(&app).await);
    let tenant = team.owner.tenant_id;
    set_role(tenant, team.admin.user_id, "owner").await;
    database::wait_for_session_cache_expiry().await;
    let (as_owner, as_member) = (invitation(&admin, "owner", 5).await, invitation(&admin, "member", 5).await);
    let path = format!("/api/members/{}", team.admin.user_id);
    owner.patch(&path, &json!({"role": "admin"})).await.expect(200);
    join(&app, &as_owner).await.expect_field_problem(422, "invitation");
    join(&app, &as_member).await.expect(201);
    owner.delete(&path).await.expect(204);
    join(&app, &as_member).await.expect_field_problem(422, "invitation");
    app.get(&format!("/invitations/{as_member}")).await.expect(404);
    assert_eq!(owner.get("/api/invitations").await.expect(200).json(), json!([]));
}

#[tokio::test]
async fn an_invitation_of_another_tenant_is_404() {
    let app = spawn_app().await;
    let (owner, stranger) = (Person::founder(&app).await, Person::founder(&app).await);
    let made = owner.script(&app).await.post("/api/invitations", &json!({})).await.expect(201).json();
    let (id, token) = (made["invitation_id"].clone(), made["token"].as_str().expect("a token").to_owned());
    let (script, browser) = (stranger.script(&app).await, stranger.browser(&app).await);
    script.delete(&format!("/api/invitations/{id}")).await.expect_problem(404);
    browser.post(&format!("/invitations/{id}/revocation"), &[]).await.expect(404);
    // With another tenant's number in the token, nothing is found.
    let moved = token.replace(&owner.tenant_id.to_string(), &stranger.tenant_id.to_string());
    join(&app, &moved).await.expect_field_problem(422, "invitation");
    app.get(&format!("/invitations/{moved}")).await.expect(404);
    join(&app, &token).await.expect(201);
}
