//! Invitation links.

use crate::support::team::{invitation, role_of, wait_for_count};
use crate::support::{App, Browser, Page, Person, database, spawn_app, unique};

#[tokio::test]
async fn a_link_is_shown_once_and_listed_without_its_secret() {
    let app = spawn_app().await;
    let owner = Person::founder(&app).await;
    let browser = owner.browser(&app).await;
    let form = [("role", "member"), ("uses", "2"), ("expires_in", "86400")];
    let made = browser.post("/invitations", &form).await.expect_see_other("/members");
    let page = browser.follow(made).await;
    let link = page.one("input#link").value().attr("value").expect("a link").to_owned();
    assert!(link.contains(&format!("/invitations/phi_{}_", owner.tenant_id)), "{link}");
    let again = browser.get("/members").await.expect(200).text();
    assert!(!again.contains("phi_"), "the link is shown again");
    assert!(again.contains("For 2 people"));
    let path = Page::parse(&again)
        .one("form[action^='/invitations/']")
        .value()
        .attr("action")
        .expect("a path")
        .to_owned();
    browser.post(&path, &[]).await.expect_see_other("/members");
    let (_, token) = link.rsplit_once("/invitations/").expect("a token");
    app.get(&format!("/invitations/{token}")).await.expect(404);
    for (field, value) in [("uses", "0"), ("uses", "many"), ("expires_in", "1"), ("role", "king")] {
        let fields: Vec<_> =
            form.iter().map(|(name, old)| (*name, if *name == field { value } else { *old })).collect();
        let page = Page::parse(&browser.post("/invitations", &fields).await.expect(422).text());
        assert!(page.has(&format!("[name='{field}'][aria-invalid='true']")), "{field}");
    }
}

#[tokio::test]
async fn a_new_user_signs_up_by_invitation_and_is_logged_in() {
    let app = spawn_app().await;
    let owner = Person::founder(&app).await;
    let token = invitation(&owner.script(&app).await, "admin", 1).await;
    let path = format!("/invitations/{token}");
    let browser = Browser::new(&app);
    let page = browser.get(&path).await.expect(200);
    assert_eq!(page.header("cache-control"), "no-store");
    assert!(
        page.header("referrer-policy").contains("no-referrer")
            || page.header("referrer-policy").contains("same-origin")
    );
    let text = Page::parse(&page.text()).text();
    assert!(text.contains(&owner.tenant_name) && text.contains("admin"));
    let username = unique("newcomer");
    let refused = browser
        .post(&format!("{path}/registration"), &[("username", &username), ("password", "short")])
        .await
        .expect(422);
    let refused = Page::parse(&refused.text());
    refused.field_error("password");
    assert_eq!(refused.value("username"), username);
    let fields = [("username", owner.username.as_str()), ("password", "a good password")];
    browser.post_retrying(&format!("{path}/registration"), &fields).await.expect(409);
    let fields = [("username", username.as_str()), ("password", "a good password")];
    browser.post_retrying(&format!("{path}/registration"), &fields).await.expect_see_other("/dashboard");
    let account = browser.page("/account").await.text();
    assert!(account.contains(&owner.tenant_name) && account.contains(&username) && account.contains("admin"));
    Browser::new(&app).get(&path).await.expect(404);
}

#[tokio::test]
async fn all_invalid_invitation_links_get_the_same_404() {
    let app = spawn_app().await;
    let owner = Person::founder(&app).await;
    let script = owner.script(&app).await;
    let client = database::admin().await;
    let mut tokens = vec![
        format!("phi_{}_{}", owner.tenant_id, "a".repeat(43)),
        format!("phi_999999999_{}", "a".repeat(43)),
        "x".to_owned(),
    ];
    for change in ["expires_at = now() - interval '1 second'", "uses_left = 0", "revoked_at = now()"] {
        let token = invitation(&script, "member", 1).await;
        let statement = format!(
            "UPDATE invitations SET {change} WHERE tenant_id = $1 AND id = (SELECT max(id) \
             FROM invitations WHERE tenant_id = $1)"
        );
        assert_eq!(client.execute(&statement, &[&owner.tenant_id]).await.expect(change), 1);
        tokens.push(token);
    }
    let mut seen = Vec::new();
    for token in &tokens {
        let path = format!("/invitations/{token}");
        let shown = app.get(&path).await.expect(404).without_request_id();
        let body = [("username", "somebody"), ("password", "a good password")];
        app.post_form(&format!("{path}/registration"), &body).await.expect(404);
        seen.push(shown);
    }
    assert!(seen.iter().all(|shown| *shown == seen[0]), "{seen:?}");
}

#[tokio::test]
async fn a_user_of_another_tenant_joins_by_invitation_and_is_in_both() {
    let app = spawn_app().await;
    let (owner, person) = (Person::founder(&app).await, Person::founder(&app).await);
    let token = invitation(&owner.script(&app).await, "member", 1).await;
    let path = format!("/invitations/{token}");
    let browser = Browser::new(&app);
    let page = browser.page(&path).await;
    let log_in = page.one("a[href^='/login?next=']").value().attr("href").expect("a link").to_owned();
    let next = browser.page(&log_in).await.value("next");
    let mut fields = person.credentials().to_vec();
    fields.push(("next", &next));
    browser.post_retrying("/login", &fields).await.expect_see_other(&path);
    let page = browser.page(&path).await;
    assert!(page.text().contains(&format!("Join as {}", person.username)));
    browser.post(&format!("{path}/membership"), &[]).await.expect_see_other("/dashboard");
    let account = browser.page("/account").await;
    assert!(account.text().contains(&owner.tenant_name) && account.text().contains(&person.email));
    let there = "SELECT id FROM shared.users WHERE tenant_id = $1 AND username = $2";
    let id = database::number(there, &[&owner.tenant_id, &person.username]).await;
    assert_eq!(role_of(owner.tenant_id, id).await.as_deref(), Some("member"));
    // The password logs in to both tenants, and the switcher leads back without it.
    Person { tenant_id: owner.tenant_id, user_id: id, ..person.clone() }
        .script(&app)
        .await
        .get("/api/me")
        .await
        .expect(200);
    assert!(account.has(&format!("form[action='/tenants/{}/activation']", person.tenant_id)));
    browser
        .post(&format!("/tenants/{}/activation", person.tenant_id), &[])
        .await
        .expect_see_other("/dashboard");
    assert!(browser.page("/account").await.text().contains(&person.tenant_name));
}

#[tokio::test]
async fn a_member_opening_an_invitation_takes_no_use() {
    let app = spawn_app().await;
    let owner = Person::founder(&app).await;
    let token = invitation(&owner.script(&app).await, "member", 3).await;
    let path = format!("/invitations/{token}");
    let browser = owner.browser(&app).await;
    assert!(browser.page(&path).await.text().contains("already a member"));
    assert!(
        browser
            .post(&format!("{path}/membership"), &[])
            .await
            .expect(200)
            .text()
            .contains("already a member")
    );
    // Logged in elsewhere, while a member here has the same name.
    let namesake = owner.namesake(&app, &unique("Second ")).await;
    let elsewhere = Browser::new(&app);
    let mut fields = namesake.credentials().to_vec();
    fields.push(("tenant_name", &namesake.tenant_name));
    elsewhere.post_retrying("/login", &fields).await.expect_see_other("/dashboard");
    elsewhere.post(&format!("{path}/membership"), &[]).await.expect(409);
    let left = "SELECT uses_left::bigint FROM invitations WHERE tenant_id = $1";
    assert_eq!(database::number(left, &[&owner.tenant_id]).await, 3);
}

/// Shares a note with everyone directly in the database.
async fn share_with_everyone(person: &Person, note: i64) {
    let statement =
        "INSERT INTO shares (tenant_id, note_id, audience, access, shared_by) VALUES ($1, $2, 0, 'read', $3)";
    database::admin()
        .await
        .execute(statement, &[&person.tenant_id, &note, &person.user_id])
        .await
        .expect("a share");
}

#[tokio::test]
async fn a_new_member_receives_notes_shared_with_everyone() {
    let app = spawn_app().await;
    let owner = Person::founder(&app).await;
    let script = owner.script(&app).await;
    let (shared, _private) = (script.note("for all").await, script.note("for me").await);
    share_with_everyone(&owner, shared).await;
    let token = invitation(&script, "member", 1).await;
    let invited = Person::invited(&app, &owner.tenant_name, &token).await;
    let joined = owner.colleague(&app).await;
    let inbox = "SELECT count(*) FROM shared_notes WHERE tenant_id = $1 AND recipient_id = $2";
    for newcomer in [&invited, &joined] {
        wait_for_count(inbox, &[&owner.tenant_id, &newcomer.user_id], 1).await;
    }
    let undone = "SELECT count(*) FROM outbox WHERE tenant_id = $1 AND acknowledged_at IS NULL";
    wait_for_count(undone, &[&owner.tenant_id], 0).await;
    let founding: App = app.clone();
    let alone = Person::founder(&founding).await;
    assert_eq!(
        database::number("SELECT count(*) FROM outbox WHERE tenant_id = $1", &[&alone.tenant_id]).await,
        0
    );
}
