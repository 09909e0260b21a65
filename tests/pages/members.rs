//! The members page, for each role.

use crate::support::{Browser, Page, Person, Team, spawn_app};

#[tokio::test]
async fn the_page_offers_each_role_what_it_may_do() {
    let app = spawn_app().await;
    let team = Team::create(&app).await;
    for (role, person) in team.all() {
        let page = person.browser(&app).await.page("/members").await;
        let text = page.text();
        for (_, member) in team.all() {
            assert!(text.contains(&member.username), "{role}");
            assert_eq!(text.contains(&member.email), role != "member", "{role}");
            let ruled = role == "owner" || role == "admin" && member.user_id != team.owner.user_id;
            assert_eq!(
                page.has(&format!("form[action='/members/{}/role']", member.user_id)),
                ruled,
                "{role}"
            );
        }
        assert_eq!(page.has("form[action^='/invitations?']"), role != "member");
        assert_eq!(page.has("a[href='/organization']"), role == "owner");
        assert!(page.has("form[action^='/membership/removal?']"));
        let offered: Vec<String> = page
            .all("form[action^='/invitations?'] select[name='role'] option")
            .iter()
            .map(|option| option.text().collect())
            .collect();
        let expected: &[&str] = match role {
            "owner" => &["member", "admin", "owner"],
            "admin" => &["member", "admin"],
            _ => &[],
        };
        assert_eq!(offered, expected, "{role}");
    }
}

#[tokio::test]
async fn a_member_who_leaves_is_logged_out_with_a_message() {
    let app = spawn_app().await;
    let team = Team::create(&app).await;
    let browser = team.member.browser(&app).await;
    let copy = browser.copy();
    let left = browser.post("/membership/removal", &[]).await.expect_see_other("/login");
    let page = browser.follow(left).await;
    assert!(page.text().contains(&format!("You have left {}", team.owner.tenant_name)));
    assert!(!copy.is_logged_in().await);
    let listed = team.owner.browser(&app).await.page("/members").await.text();
    assert!(!listed.contains(&team.member.username));
}

#[tokio::test]
async fn an_invalid_role_is_422_with_an_explanation() {
    let app = spawn_app().await;
    let team = Team::create(&app).await;
    let browser: Browser = team.owner.browser(&app).await;
    let path = format!("/members/{}/role", team.member.user_id);
    let page = Page::parse(&browser.post(&path, &[("role", "king")]).await.expect(422).text());
    assert!(page.text().contains("A role is owner, admin or member."));
    let changed = browser.post(&path, &[("role", "admin")]).await.expect_see_other("/members");
    assert!(browser.follow(changed).await.text().contains("The role is changed to admin."));
}

#[tokio::test]
async fn a_demoted_owner_is_a_member_from_the_next_request_on() {
    let app = spawn_app().await;
    let team = Team::create(&app).await;
    let (owner, admin) = (team.owner.browser(&app).await, team.admin.browser(&app).await);
    admin.page("/members").await.one("form[action^='/invitations?']");
    owner.post(&format!("/members/{}/role", team.admin.user_id), &[("role", "member")]).await.expect(303);
    assert!(!admin.page("/members").await.has("form[action^='/invitations?']"));
    let stranger = Person::founder(&app).await;
    assert!(!stranger.browser(&app).await.page("/members").await.text().contains(&team.owner.username));
}
