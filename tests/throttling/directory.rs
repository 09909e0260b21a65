//! A login tells a stranger nothing of which accounts there are, whatever accounts the stranger makes.

use serde_json::json;

use super::hashes;
use crate::support::server::{Server, ServerBuilder};
use crate::support::{Answer, App, Browser, Call, Person, Team, spawn_app, unique};

async fn server() -> (Server, App, App) {
    spawn_app().await;
    let server = ServerBuilder::new().with_console().start_async().await;
    let (app, console) = (App::of(&server), App::console_of(&server));
    (server, app, console)
}

/// Accounts with the name and e-mail of another, in organizations of their own.
async fn squat(app: &App, person: &Person, count: usize) {
    for number in 0..count {
        let squatter = Person { password: format!("a squatter's {number}"), ..person.clone() };
        squatter.namesake(app, &unique("Squat ")).await;
    }
}

async fn failures(app: &App, console: &App, name: &str) -> Vec<(Answer, u64)> {
    let body = json!({"username": name, "password": "wrong password"});
    let form = [("email", name), ("password", "wrong password")];
    let calls = [Call::new("POST", "/api/login").json(&body), Call::new("POST", "/login").form(&form)];
    with_hashes(app, console, calls).await
}

/// Each answer, and how many hashes it took.
async fn with_hashes<const N: usize>(app: &App, console: &App, calls: [Call; N]) -> Vec<(Answer, u64)> {
    let mut answers = Vec::new();
    for call in calls {
        let before = hashes(console).await;
        let answer = app.answer(call).await;
        answers.push((answer, hashes(console).await - before));
    }
    answers
}

#[tokio::test]
async fn a_failed_login_is_the_same_whatever_accounts_have_the_name() {
    let (_server, app, console) = server().await;
    for squats in [1, 5] {
        let victim = Person::founder(&app).await;
        squat(&app, &victim, squats).await;
        // The same accounts, where there is no victim.
        let nobody =
            Person { username: unique("user"), email: unique("user") + "@example.test", ..victim.clone() };
        squat(&app, &nobody, squats).await;
        let unknown = unique("nobody");
        for (name, other) in [(&victim.email, &nobody.email), (&victim.username, &nobody.username)] {
            let expected = failures(&app, &console, &unknown).await;
            for name in [name, other] {
                for ((answer, cost), (same, same_cost)) in
                    failures(&app, &console, name).await.into_iter().zip(&expected)
                {
                    assert_eq!(answer.status, 401, "{squats}: {}", answer.text());
                    assert_eq!(cost, *same_cost, "{squats} accounts");
                    let neutral = |answer: &Answer, name: &str| {
                        let (status, _, body) = answer.without_request_id();
                        (status, body.replace(name, "NAME"))
                    };
                    assert_eq!(neutral(&answer, name), neutral(same, &unknown), "{squats} accounts");
                }
            }
        }
    }
}

#[tokio::test]
async fn squatters_do_not_make_the_login_of_the_first_account_harder() {
    let (_server, app, console) = server().await;
    let victim = Person::founder(&app).await;
    let log_in = async || {
        let mut costs = Vec::new();
        for name in [&victim.email, &victim.username] {
            let before = hashes(&console).await;
            let body = json!({"username": name, "password": victim.password});
            app.post_json("/api/login", &body).await.expect(200);
            let fields = [("email", name.as_str()), ("password", victim.password.as_str())];
            Browser::new(&app).post("/login", &fields).await.expect_see_other("/dashboard");
            costs.push(hashes(&console).await - before);
        }
        costs
    };
    let before = log_in().await;
    squat(&app, &victim, 6).await;
    // A squatter in an organization that is older than the victim comes after the victim too.
    let demo = json!({"username": victim.username, "email": victim.email, "password": "a squatter's",
        "tenant_id": 1});
    app.answer_retrying(Call::new("POST", "/api/register").json(&demo)).await.expect(201);
    assert_eq!(log_in().await, before, "the hashes of the victim's login");
}

/// By script and form, with and without the organization.
async fn log_in_everywhere(app: &App, console: &App, person: &Person, name: &str) -> Vec<Seen> {
    let tenant = person.tenant_id.to_string();
    let form = [("email", name), ("password", &person.password), ("tenant_name", &person.tenant_name)];
    let body = json!({"username": name, "password": person.password});
    let inside = json!({"username": name, "password": person.password, "tenant_id": person.tenant_id});
    let calls = [
        Call::new("POST", "/api/login").json(&body),
        Call::new("POST", "/api/login").json(&inside),
        Call::new("POST", "/login").form(&form[..2]),
        Call::new("POST", "/login").form(&form),
    ];
    let answers = with_hashes(app, console, calls).await;
    let neutral = |(answer, cost): (Answer, u64)| {
        assert_eq!(answer.status, 401, "{}", answer.text());
        let (status, headers, body) = answer.without_request_id();
        let headers = headers.into_iter().filter(|(name, _)| name != "content-length").collect();
        (status, headers, body.replace(name, "NAME").replace(&tenant, "TENANT"), cost)
    };
    answers.into_iter().map(neutral).collect()
}

type Seen = (u16, Vec<(String, String)>, String, u64);

#[tokio::test]
async fn the_right_password_of_a_removed_member_is_answered_and_costs_as_that_of_an_unknown_name() {
    let (_server, app, console) = server().await;
    let team = Team::create(&app).await;
    let member = &team.member;
    let removed = format!("/api/members/{}", member.user_id);
    team.owner.script(&app).await.delete(&removed).await.expect(204);
    let unknown = log_in_everywhere(&app, &console, member, &unique("unknown")).await;
    for name in [&member.email, &member.username] {
        assert_eq!(log_in_everywhere(&app, &console, member, name).await, unknown);
    }
}
