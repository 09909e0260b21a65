//! Limits of members, tokens and browsers.

use futures_util::future::join_all;
use serde_json::json;

use super::counts::assert_counted;
use super::{allow, usage};
use crate::support::team::invitation;
use crate::support::{App, Browser, Call, Page, Person, database, spawn_app, unique};

const FULL: &str = "This organization has as many members as it may have.";

async fn log_in(app: &App, person: &Person) -> crate::support::Answer {
    let body =
        json!({"username": person.username, "password": person.password, "tenant_id": person.tenant_id});
    app.answer_retrying(Call::new("POST", "/api/login").json(&body)).await
}

#[tokio::test]
async fn a_member_beyond_the_limit_is_refused_on_every_way_in_and_takes_no_use_of_an_invitation() {
    let app = spawn_app().await;
    let owner = Person::founder(&app).await;
    let script = owner.script(&app).await;
    let colleague = owner.colleague(&app).await;
    allow(owner.tenant_id, "members", 2).await;
    let token = invitation(&script, "member", 1).await;
    let (name, password) = (unique("newcomer"), "a good new password");

    let by_name = json!({"username": name, "password": password, "tenant_name": owner.tenant_name});
    let refused = app.answer_retrying(Call::new("POST", "/api/register").json(&by_name)).await;
    assert_eq!(refused.expect_field_problem(422, "members")["detail"], FULL);
    let by_link = json!({"username": name, "password": password, "invitation": token});
    let refused = app.answer_retrying(Call::new("POST", "/api/register").json(&by_link)).await;
    refused.expect_field_problem(422, "members");

    let browser = Browser::new(&app);
    let fields = [("username", name.as_str()), ("password", password), ("tenant_name", &owner.tenant_name)];
    let page = Page::parse(&browser.post_retrying("/register", &fields).await.expect(422).text());
    assert!(page.text().contains(FULL), "{}", page.text());
    assert_eq!(page.value("username"), name);
    let path = format!("/invitations/{token}/registration");
    let page = Page::parse(&browser.post_retrying(&path, &fields[..2]).await.expect(422).text());
    assert!(page.text().contains(FULL), "{}", page.text());
    assert_eq!(page.value("username"), name);

    let stranger = Person::founder(&app).await;
    let path = format!("/invitations/{token}/membership");
    let refused = stranger.browser(&app).await.post(&path, &[]).await.expect(422).text();
    assert!(refused.contains(FULL), "{refused}");
    let accept = format!("/api/invitations/{token}/acceptances");
    let stranger = stranger.script(&app).await;
    stranger.answer(Call::new("POST", &accept)).await.expect_field_problem(422, "members");
    assert!(app.log().contains("limit reached: members: name"), "no line in the log");
    assert_eq!(database::user_count(owner.tenant_id).await, 2);

    // A member who leaves makes room, and the invitation still has its use.
    script.delete(&format!("/api/members/{}", colleague.user_id)).await.expect(204);
    stranger.answer(Call::new("POST", &accept)).await.expect(201);
    assert_eq!(usage(&script).await["organization"]["members"], json!({"used": 2, "limit": 2}));
    assert_counted(owner.tenant_id).await;
}

#[tokio::test]
async fn people_who_join_at_once_never_exceed_the_limit() {
    let app = spawn_app().await;
    let owner = Person::founder(&app).await;
    let token = invitation(&owner.script(&app).await, "member", 20).await;
    allow(owner.tenant_id, "members", 4).await;
    let joining = (0..8).map(|_| {
        let body =
            json!({"username": unique("many"), "password": "a good new password", "invitation": token});
        let app = app.clone();
        async move { app.answer_retrying(Call::new("POST", "/api/register").json(&body)).await.status }
    });
    let mut answers = join_all(joining).await;
    answers.sort_unstable();
    assert_eq!(answers, [201, 201, 201, 422, 422, 422, 422, 422]);
    assert_counted(owner.tenant_id).await;
}

#[tokio::test]
async fn a_token_beyond_the_limit_is_refused_until_another_is_logged_out() {
    let app = spawn_app().await;
    let person = Person::founder(&app).await;
    let colleague = person.colleague(&app).await;
    allow(person.tenant_id, "tokens_per_person", 3).await;
    let logins = join_all((0..6).map(|_| log_in(&app, &person))).await;
    let tokens: Vec<String> = logins
        .into_iter()
        .filter(|answer| answer.status == 200)
        .map(|answer| answer.json()["token"].as_str().expect("a token").to_owned())
        .collect();
    assert_eq!(tokens.len(), 3);
    let problem = log_in(&app, &person).await.expect_field_problem(422, "tokens_per_person");
    assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains("Log one out")), "{problem}");
    log_in(&app, &colleague).await.expect(200);
    person.browser(&app).await;
    app.answer(Call::new("POST", "/api/logout").bearer(&tokens[0])).await.expect(204);
    let again = log_in(&app, &person).await.expect(200).json();
    let script =
        crate::support::Script { app: app.clone(), token: again["token"].as_str().expect("one").to_owned() };
    assert_eq!(usage(&script).await["person"]["tokens"], json!({"used": 3, "limit": 3}));

    // A token that has expired, or was not used for too long, makes room by itself.
    for end in ["expires_at = now()", "last_seen_at = now() - interval '15 days'"] {
        let statement =
            format!("UPDATE sessions SET {end} WHERE tenant_id = $1 AND user_id = $2 AND kind = 'script'");
        let values: [&(dyn tokio_postgres::types::ToSql + Sync); 2] = [&person.tenant_id, &person.user_id];
        database::admin().await.execute(&statement, &values).await.expect("an end");
        log_in(&app, &person).await.expect(200);
    }
}

#[tokio::test]
async fn a_login_beyond_the_limit_of_browsers_ends_the_one_unused_for_longest() {
    let app = spawn_app().await;
    let person = Person::founder(&app).await;
    let script = person.script(&app).await;
    allow(person.tenant_id, "sessions_per_person", 2).await;
    let (first, second) = (person.browser(&app).await, person.browser(&app).await);
    assert!(first.is_logged_in().await && second.is_logged_in().await);
    let third = person.browser(&app).await;
    assert!(!first.is_logged_in().await, "the first stays");
    assert!(second.is_logged_in().await && third.is_logged_in().await);
    script.get("/api/me").await.expect(200);
    assert_eq!(usage(&script).await["person"]["browsers"], json!({"used": 2, "limit": 2}));
    let line =
        format!("ended the session unused for longest, as a limit was reached: tenant {}", person.tenant_id);
    assert!(app.log().contains(&line));
}
