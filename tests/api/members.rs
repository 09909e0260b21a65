//! Members: the list, changing roles, removal, and what remains of a removed member.

use serde_json::json;

use crate::support::team::{invitation, member_without_login, owners_of, role_of, set_role, wait_for_count};
use crate::support::{App, Call, Person, Team, database, spawn_app};

#[tokio::test]
async fn all_members_see_the_list_and_only_owners_and_admins_see_emails() {
    let app = spawn_app().await;
    let team = Team::create(&app).await;
    for (role, person) in team.all() {
        let listed = person.script(&app).await.get("/api/members").await.expect(200).json();
        let listed = listed.as_array().expect("a list");
        assert_eq!(listed.len(), 3, "{listed:?}");
        for (member_role, member) in team.all() {
            let found = listed.iter().find(|entry| entry["user_id"] == member.user_id).expect("a member");
            assert_eq!((&found["username"], &found["role"]), (&json!(member.username), &json!(member_role)));
            assert!(found["since"].as_str().is_some_and(|since| since.ends_with('Z')));
            assert_eq!(found["email"] == json!(member.email), role != "member", "{role} sees {found}");
        }
    }
}

#[tokio::test]
async fn a_long_list_of_members_is_paged() {
    let app = spawn_app().await;
    let owner = Person::founder(&app).await;
    let statement = "INSERT INTO shared.users (tenant_id, username, username_key, password, role) \
                     SELECT $1, 'n' || n, 'n' || n, 'none', 'member' FROM generate_series(1, 150) n";
    database::admin().await.execute(statement, &[&owner.tenant_id]).await.expect("members");
    let script = owner.script(&app).await;
    let first = script.get("/api/members").await.expect(200);
    let link = first.header("link").to_owned();
    let next = link.strip_prefix('<').and_then(|link| link.split_once('>')).expect("a next page").0;
    let second = script.get(next).await.expect(200);
    assert_eq!(second.header("link"), "");
    let ids = |answer: &crate::support::Answer| -> Vec<i64> {
        answer
            .json()
            .as_array()
            .expect("a list")
            .iter()
            .map(|entry| entry["user_id"].as_i64().expect("an id"))
            .collect()
    };
    let mut all = [ids(&first), ids(&second)].concat();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), 151);
    script.get("/api/members?after=x").await.expect_field_problem(422, "after");
    let page = owner.browser(&app).await.page("/members").await;
    assert!(page.has("a[rel='next']"));
}

/// Whether a user of one role may decide about a user of another.
fn may_decide_about(actor: &str, other: &str) -> bool {
    actor == "owner" || actor == "admin" && other != "owner"
}

#[tokio::test]
async fn roles_may_change_and_remove_members_as_this_table_says() {
    let app = spawn_app().await;
    let team = Team::create(&app).await;
    let tenant = team.owner.tenant_id;
    for (actor_role, actor) in team.all() {
        let (script, browser) = (actor.script(&app).await, actor.browser(&app).await);
        for target_role in ["owner", "admin", "member"] {
            for wanted in ["owner", "admin", "member"] {
                let allowed =
                    may_decide_about(actor_role, target_role) && may_decide_about(actor_role, wanted);
                let expected = if allowed { wanted } else { target_role };
                let shown = format!("{actor_role} makes {target_role} {wanted}");
                let target = member_without_login(tenant, target_role).await;
                let answer = script.patch(&format!("/api/members/{target}"), &json!({"role": wanted})).await;
                assert_eq!(answer.status, if allowed { 200 } else { 403 }, "{shown}: {}", answer.text());
                assert_eq!(role_of(tenant, target).await.as_deref(), Some(expected), "{shown}");
                let target = member_without_login(tenant, target_role).await;
                let answer = browser.post(&format!("/members/{target}/role"), &[("role", wanted)]).await;
                assert_eq!(answer.status, if allowed { 303 } else { 403 }, "{shown}: {}", answer.text());
                assert_eq!(role_of(tenant, target).await.as_deref(), Some(expected), "{shown}");
            }
            let allowed = may_decide_about(actor_role, target_role);
            let shown = format!("{actor_role} removes {target_role}");
            let target = member_without_login(tenant, target_role).await;
            let answer = script.delete(&format!("/api/members/{target}")).await;
            assert_eq!(answer.status, if allowed { 204 } else { 403 }, "{shown}: {}", answer.text());
            assert_eq!(role_of(tenant, target).await.is_none(), allowed, "{shown}");
            let target = member_without_login(tenant, target_role).await;
            let answer = browser.post(&format!("/members/{target}/removal"), &[]).await;
            assert_eq!(answer.status, if allowed { 303 } else { 403 }, "{shown}: {}", answer.text());
            assert_eq!(role_of(tenant, target).await.is_none(), allowed, "{shown}");
        }
    }
}

#[tokio::test]
async fn a_member_of_another_tenant_is_404() {
    let app = spawn_app().await;
    let (team, stranger) = (Team::create(&app).await, Person::founder(&app).await);
    let before = database::tenant_checksum(team.owner.tenant_id).await;
    let (script, browser) = (stranger.script(&app).await, stranger.browser(&app).await);
    for (_, person) in team.all() {
        let id = person.user_id;
        script.patch(&format!("/api/members/{id}"), &json!({"role": "member"})).await.expect_problem(404);
        script.delete(&format!("/api/members/{id}")).await.expect_problem(404);
        browser.post(&format!("/members/{id}/role"), &[("role", "member")]).await.expect(404);
        browser.post(&format!("/members/{id}/removal"), &[]).await.expect(404);
    }
    assert_eq!(database::tenant_checksum(team.owner.tenant_id).await, before);
    script
        .patch(&format!("/api/members/{}", stranger.user_id), &json!({"role": "king"}))
        .await
        .expect_field_problem(422, "role");
    script.patch("/api/members/x", &json!({"role": "member"})).await.expect_problem(404);
}

#[tokio::test]
async fn the_last_owner_cannot_be_demoted_or_removed() {
    let app = spawn_app().await;
    let team = Team::create(&app).await;
    let (tenant, owner) = (team.owner.tenant_id, team.owner.user_id);
    let (script, browser) = (team.owner.script(&app).await, team.owner.browser(&app).await);
    let path = format!("/api/members/{owner}");
    for role in ["admin", "member"] {
        let problem = script.patch(&path, &json!({"role": role})).await.expect_problem(409);
        assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains("owner")), "{problem}");
        browser.post(&format!("/members/{owner}/role"), &[("role", role)]).await.expect(409);
    }
    script.delete(&path).await.expect_problem(409);
    browser.post(&format!("/members/{owner}/removal"), &[]).await.expect(409);
    let page = browser.post("/membership/removal", &[]).await.expect(409).text();
    assert!(page.contains("make another member an owner first"), "{page}");
    assert_eq!(role_of(tenant, owner).await.as_deref(), Some("owner"));
    script.patch(&path, &json!({"role": "owner"})).await.expect(200);
    script
        .patch(&format!("/api/members/{}", team.admin.user_id), &json!({"role": "owner"}))
        .await
        .expect(200);
    script.patch(&path, &json!({"role": "member"})).await.expect(200);
    assert_eq!(script.get("/api/me").await.expect(200).json()["role"], "member");
    script.delete(&path).await.expect(204);
    assert_eq!(owners_of(tenant).await, 1);
}

#[tokio::test]
async fn concurrent_demotions_never_leave_a_tenant_without_an_owner() {
    let app = spawn_app().await;
    let team = Team::create(&app).await;
    let (tenant, first, second) = (team.owner.tenant_id, team.owner.user_id, team.admin.user_id);
    let (one, other) = (team.owner.script(&app).await, team.admin.script(&app).await);
    let (of_first, of_second) = (format!("/api/members/{first}"), format!("/api/members/{second}"));
    let member = json!({"role": "member"});
    for round in 0..12 {
        set_role(tenant, first, "owner").await;
        set_role(tenant, second, "owner").await;
        let each_other = round % 2 == 0;
        let (left, right) = if each_other { (&of_second, &of_first) } else { (&of_first, &of_second) };
        let (left, right) = tokio::join!(one.patch(left, &member), other.patch(right, &member));
        let mut statuses = [left.status, right.status];
        statuses.sort_unstable();
        // If both demote each other, the second is no owner any more and gets 403.
        assert_eq!(statuses, if each_other { [200, 403] } else { [200, 409] }, "round {round}");
        assert_eq!(owners_of(tenant).await, 1, "round {round}");
    }
    set_role(tenant, first, "owner").await;
    set_role(tenant, second, "owner").await;
    let (left, right) = tokio::join!(one.delete(&of_first), other.delete(&of_second));
    let mut statuses = [left.status, right.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [204, 409]);
    assert_eq!(owners_of(tenant).await, 1);
}

#[tokio::test]
async fn a_removed_member_is_401_at_once_and_their_notes_stay() {
    let app = spawn_app().await;
    let team = Team::create(&app).await;
    let (tenant, member) = (team.owner.tenant_id, &team.member);
    let owner = team.owner.script(&app).await;
    let (script, browser) = (member.script(&app).await, member.browser(&app).await);
    let (note, owners_note) = (script.note("stays").await, owner.note("shared").await);
    let client = database::admin().await;
    for statement in [
        "INSERT INTO shares (tenant_id, note_id, audience, access, shared_by) \
         VALUES ($1, $2, $3, 'read', $4)",
        "INSERT INTO shared_notes (tenant_id, note_id, recipient_id, access, shared_by) \
         VALUES ($1, $2, $3, 'read', $4)",
    ] {
        let values: [&(dyn tokio_postgres::types::ToSql + Sync); 4] =
            [&tenant, &owners_note, &member.user_id, &team.owner.user_id];
        client.execute(statement, &values).await.expect("a share");
    }
    owner.delete(&format!("/api/members/{}", member.user_id)).await.expect(204);
    script.get("/api/me").await.expect_problem(401);
    assert!(browser.get("/dashboard").await.expect(303).location().starts_with("/login"));
    let login = json!({"username": member.email, "password": member.password});
    app.answer_retrying(Call::new("POST", "/api/login").json(&login)).await.expect_problem(401);
    let count = |statement: &'static str| async move {
        database::number(statement, &[&tenant, &member.user_id]).await
    };
    assert_eq!(count("SELECT count(*) FROM sessions WHERE tenant_id = $1 AND user_id = $2").await, 0);
    assert_eq!(
        count("SELECT count(*) FROM shared_notes WHERE tenant_id = $1 AND recipient_id = $2").await,
        0
    );
    assert_eq!(count("SELECT count(*) FROM shares WHERE tenant_id = $1 AND audience = $2").await, 0);
    let kept = "SELECT count(*) FROM notes WHERE tenant_id = $1 AND user_id = $2 AND deleted_at IS NULL";
    assert_eq!(count(kept).await, 1, "note {note} is gone");
    let listed = owner.get("/api/members").await.expect(200).text();
    assert!(!listed.contains(&member.username));
    owner.delete(&format!("/api/members/{}", member.user_id)).await.expect_problem(404);
    owner
        .patch(&format!("/api/members/{}", member.user_id), &json!({"role": "owner"}))
        .await
        .expect_problem(404);
    wait_for_count(
        "SELECT count(*) FROM logins WHERE tenant_id = $1 AND user_id = $2",
        &[&tenant, &member.user_id],
        0,
    )
    .await;
    sign_up_again(&app, &owner, member).await;
}

/// Name and e-mail can be used again, and the new account is another one.
async fn sign_up_again(app: &App, owner: &crate::support::Script, member: &Person) {
    let invitation = invitation(owner, "member", 1).await;
    let body = json!({"username": member.username, "email": member.email, "password": member.password,
        "invitation": invitation});
    let back = app.answer_retrying(Call::new("POST", "/api/register").json(&body)).await.expect(201).json();
    assert_ne!(back["user_id"], member.user_id);
    let script = member.script(app).await;
    assert_eq!(script.get("/api/notes").await.expect(200).json(), json!([]));
}

#[tokio::test]
async fn a_stale_entry_of_the_login_directory_logs_no_user_in() {
    let app = spawn_app().await;
    let team = Team::create(&app).await;
    let (tenant, member) = (team.owner.tenant_id, &team.member);
    let client = database::admin().await;
    let entries = client
        .query(
            "SELECT identifier_hash FROM logins WHERE tenant_id = $1 AND user_id = $2",
            &[&tenant, &member.user_id],
        )
        .await
        .expect("entries");
    let owner = team.owner.script(&app).await;
    owner.delete(&format!("/api/members/{}", member.user_id)).await.expect(204);
    wait_for_count(
        "SELECT count(*) FROM logins WHERE tenant_id = $1 AND user_id = $2",
        &[&tenant, &member.user_id],
        0,
    )
    .await;
    for entry in entries {
        let statement = "INSERT INTO logins (identifier_hash, tenant_id, user_id) VALUES ($1, $2, $3)";
        client
            .execute(statement, &[&entry.get::<_, Vec<u8>>(0), &tenant, &member.user_id])
            .await
            .expect("a stale entry");
    }
    for password in [member.password.as_str(), "", " "] {
        let body = json!({"username": member.email, "password": password});
        let answer = app.answer_retrying(Call::new("POST", "/api/login").json(&body)).await;
        assert!(matches!(answer.status, 401 | 422), "{}", answer.status);
    }
}
