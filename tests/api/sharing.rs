//! Sharing through the API: access of the recipient, and revoking.

use serde_json::json;

use crate::support::{
    App, Call, Person, Script, database,
    sharing::{insert_delivery, recipients, until_delivered},
    spawn_app,
};

const POEM: &str = "one\ntwo\nthree\nfour\nfive\nsix\nseven";

struct Pair {
    author: Person,
    other: Person,
    mine: Script,
    theirs: Script,
}

async fn pair(app: &App) -> Pair {
    let author = Person::founder(app).await;
    let other = author.colleague(app).await;
    let (mine, theirs) = (author.script(app).await, other.script(app).await);
    Pair { author, other, mine, theirs }
}

impl Pair {
    async fn shared(&self, content: &str, access: &str) -> i64 {
        let id = self.mine.note(content).await;
        self.mine.share(self.author.tenant_id, id, json!([self.other.user_id]), access).await;
        id
    }
}

#[tokio::test]
async fn a_note_is_shared_edited_by_the_recipient_and_unshared() {
    let app = spawn_app().await;
    let pair = pair(&app).await;
    let id = pair.mine.note(POEM).await;
    let path = format!("/api/notes/{id}");
    pair.theirs.get(&path).await.expect_problem(404);

    let body = json!({"share_with": [pair.other.user_id], "access": "edit"});
    let shared = pair.mine.post(&format!("{path}/shares"), &body).await.expect(201);
    assert_eq!(shared.location(), format!("{path}/shares"));
    assert_eq!(shared.json(), json!({"delivery": "pending"}));
    until_delivered(pair.author.tenant_id).await;

    let read = pair.theirs.get(&path).await.expect(200);
    assert_eq!(read.header("etag"), "\"1\"");
    let note = read.json();
    assert_eq!(
        (&note["content"], &note["access"], &note["user_id"]),
        (&json!(POEM), &json!("edit"), &json!(pair.author.user_id))
    );
    assert!(pair.mine.read(id).await.get("access").is_none());

    let edited = json!({"content": POEM.replace("one", "ONE"), "version": 1});
    pair.theirs.put(&path, &edited).await.expect(200);
    let merged = json!({"content": POEM.replace("seven", "SEVEN"), "version": 1});
    let both = pair.mine.put(&path, &merged).await.expect(200).json();
    assert_eq!(
        (&both["content"], &both["version"]),
        (&json!(POEM.replace("one", "ONE").replace("seven", "SEVEN")), &json!(3))
    );
    let late = json!({"content": POEM.replace("three", "THREE"), "version": 1});
    assert_eq!(pair.theirs.put(&path, &late).await.expect(200).json()["version"], 4);

    let stale = Call::new("PUT", &path).json(&json!({"content": "x"})).header("if-match", "\"1\"");
    assert_eq!(pair.theirs.answer(stale).await.expect(412).header("etag"), "\"4\"");
    pair.theirs
        .put(&path, &json!({"content": POEM.replace("one", "1"), "version": 1}))
        .await
        .expect_problem(412);
    let fresh = Call::new("PUT", &path).json(&json!({"content": "new"})).header("if-match", "\"4\"");
    pair.theirs.answer(fresh).await.expect(200);
    pair.theirs.put(&path, &json!({"content": "newer"})).await.expect(200);
    // An unchanged save creates no version.
    assert_eq!(
        pair.theirs
            .put(
                &path,
                &json!({"content": "newer",
            "version": 6})
            )
            .await
            .expect(200)
            .json()["version"],
        6
    );

    pair.mine.delete(&format!("{path}/shares/{}", pair.other.user_id)).await.expect(204);
    pair.theirs.get(&path).await.expect_problem(404);
    pair.theirs.put(&path, &json!({"content": "x", "version": 6})).await.expect_problem(404);
    assert_eq!(pair.theirs.inbox().await, [] as [serde_json::Value; 0]);
    assert_eq!(pair.mine.read(id).await["content"], "newer");
    pair.mine.delete(&format!("{path}/shares/{}", pair.other.user_id)).await.expect_problem(404);
}

#[tokio::test]
async fn a_read_share_does_not_allow_edits() {
    let app = spawn_app().await;
    let pair = pair(&app).await;
    let id = pair.shared("text", "read").await;
    let path = format!("/api/notes/{id}");
    for body in [
        json!({"content": "x"}),
        json!({"content": "x", "version": 1}),
        json!({"content": "text", "version": 1}),
    ] {
        pair.theirs.put(&path, &body).await.expect_problem(403);
    }
    pair.theirs
        .answer(Call::new("PUT", &path).json(&json!({"content": "x"})).header("if-match", "\"1\""))
        .await
        .expect_problem(403);
    pair.theirs.answer(Call::new("DELETE", &path).header("if-match", "\"1\"")).await.expect_problem(403);
    assert_eq!(pair.mine.read(id).await["version"], 1);
}

#[tokio::test]
async fn the_author_sees_recipients_and_whether_they_opened_the_note() {
    let app = spawn_app().await;
    let pair = pair(&app).await;
    let third = pair.author.colleague(&app).await;
    let id = pair.shared("text", "edit").await;
    pair.mine.share(pair.author.tenant_id, id, json!("everyone"), "read").await;
    let path = format!("/api/notes/{id}/shares");
    let shares = pair.mine.get(&path).await.expect(200).json();
    assert_eq!((&shares[0]["share_with"], &shares[0]["access"]), (&json!("everyone"), &json!("read")));
    assert_eq!((&shares[0]["delivered"], &shares[0]["read"]), (&json!(2), &json!(0)));
    assert_eq!(
        (&shares[1]["share_with"], &shares[1]["access"]),
        (&json!(pair.other.user_id), &json!("edit"))
    );
    assert_eq!(shares[1]["username"], pair.other.username);
    assert!(shares[1]["delivered_at"].is_string() && shares[1]["read_at"].is_null());
    third.script(&app).await.get(&format!("/api/notes/{id}")).await.expect(200);
    pair.theirs.get(&format!("/api/notes/{id}")).await.expect(200);
    let shares = pair.mine.get(&path).await.expect(200).json();
    assert_eq!(shares[0]["read"], 2);
    assert!(shares[1]["read_at"].is_string());
}

#[tokio::test]
async fn revoking_one_of_two_shares_keeps_the_other() {
    let app = spawn_app().await;
    let pair = pair(&app).await;
    let id = pair.shared("text", "edit").await;
    pair.mine.share(pair.author.tenant_id, id, json!("everyone"), "read").await;
    let path = format!("/api/notes/{id}");
    assert_eq!(pair.theirs.read(id).await["access"], "edit");
    pair.mine.delete(&format!("{path}/shares/{}", pair.other.user_id)).await.expect(204);
    assert_eq!(pair.theirs.read(id).await["access"], "read");
    pair.theirs.put(&path, &json!({"content": "x", "version": 1})).await.expect_problem(403);
    pair.mine.delete(&format!("{path}/shares/everyone")).await.expect(204);
    pair.theirs.get(&path).await.expect_problem(404);
    assert_eq!(recipients(pair.author.tenant_id, id).await, 0);
}

#[tokio::test]
async fn sharing_again_with_read_access_revokes_edit_access_at_once() {
    let app = spawn_app().await;
    let pair = pair(&app).await;
    let id = pair.shared("text", "edit").await;
    let path = format!("/api/notes/{id}");
    pair.mine
        .post(&format!("{path}/shares"), &json!({"share_with": [pair.other.user_id], "access": "read"}))
        .await
        .expect(201);
    pair.theirs.put(&path, &json!({"content": "x", "version": 1})).await.expect_problem(403);
    pair.mine.share(pair.author.tenant_id, id, json!([pair.other.user_id]), "edit").await;
    pair.theirs.put(&path, &json!({"content": "x", "version": 1})).await.expect(200);
}

#[tokio::test]
async fn sharing_outside_the_tenant_is_422_and_writes_nothing() {
    let app = spawn_app().await;
    let pair = pair(&app).await;
    let stranger = Person::founder(&app).await;
    let removed = pair.author.colleague(&app).await;
    let gone = "UPDATE shared.users SET removed_at = now() WHERE tenant_id = $1 AND id = $2";
    database::admin().await.execute(gone, &[&removed.tenant_id, &removed.user_id]).await.expect("removed");
    let id = pair.mine.note("text").await;
    let path = format!("/api/notes/{id}/shares");
    let before = (
        database::tenant_checksum(pair.author.tenant_id).await,
        database::tenant_checksum(stranger.tenant_id).await,
    );
    let (own, other) = (pair.author.user_id, pair.other.user_id);
    for share_with in [
        json!([stranger.user_id]),
        json!([other, stranger.user_id]),
        json!([own]),
        json!([removed.user_id]),
        json!([0]),
        json!([-1]),
        json!([i64::MAX]),
        json!([]),
        json!((1..=101).collect::<Vec<i64>>()),
        json!("Everyone"),
        json!("all"),
        json!(other),
        json!(null),
        json!([other, "everyone"]),
    ] {
        let answer = pair.mine.post(&path, &json!({"share_with": share_with})).await;
        answer.expect_field_problem(422, "share_with");
    }
    pair.mine
        .post(&path, &json!({"share_with": [other], "access": "own"}))
        .await
        .expect_field_problem(422, "access");
    let theirs = stranger.script(&app).await;
    theirs.post(&path, &json!({"share_with": [stranger.user_id]})).await.expect_problem(404);
    theirs.delete(&format!("{path}/{other}")).await.expect_problem(404);
    let after = (
        database::tenant_checksum(pair.author.tenant_id).await,
        database::tenant_checksum(stranger.tenant_id).await,
    );
    assert_eq!(after.0, before.0);
    assert_eq!(
        database::number("SELECT count(*) FROM shares WHERE tenant_id = $1", &[&stranger.tenant_id]).await,
        0
    );
    for odd in ["0", "x", "Everyone", "-1", "%00"] {
        pair.mine.delete(&format!("{path}/{odd}")).await.expect_problem(404);
    }
}

#[tokio::test]
async fn deleting_a_note_hides_it_from_inboxes_and_restoring_keeps_its_shares() {
    let app = spawn_app().await;
    let pair = pair(&app).await;
    let id = pair.shared("text", "edit").await;
    let path = format!("/api/notes/{id}");
    assert_eq!(pair.theirs.inbox().await.len(), 1);
    pair.mine.delete(&path).await.expect(204);
    assert_eq!(pair.theirs.inbox().await.len(), 0);
    pair.theirs.get(&path).await.expect_problem(404);
    pair.theirs.put(&path, &json!({"content": "x", "version": 1})).await.expect_problem(404);
    pair.mine.get(&format!("{path}/shares")).await.expect_problem(404);
    pair.author.browser(&app).await.post(&format!("/notes/{id}/restoration"), &[]).await.expect(303);
    assert_eq!(pair.theirs.read(id).await["content"], "text");
    assert_eq!(pair.theirs.inbox().await.len(), 1);
}

/// A share and its outbox message, without notifying a relay.
async fn insert_share_with_message(pair: &Pair, note: i64) {
    let client = database::admin().await;
    let (tenant, author) = (pair.author.tenant_id, pair.author.user_id);
    let share = "INSERT INTO shares (tenant_id, note_id, audience, access, shared_by) \
        VALUES ($1, $2, $3, 'edit', $4)";
    client.execute(share, &[&tenant, &note, &pair.other.user_id, &author]).await.expect("a share");
    let message =
        "INSERT INTO outbox (tenant_id, route, user_id, note_id) VALUES ($1, 'insert_to_shared', $2, $3)";
    client.execute(message, &[&tenant, &author, &note]).await.expect("a message");
}

#[tokio::test]
async fn a_share_revoked_or_deleted_before_delivery_is_not_delivered() {
    let app = spawn_app().await;
    let pair = pair(&app).await;
    let (revoked, deleted, kept) =
        (pair.mine.note("a").await, pair.mine.note("b").await, pair.mine.note("c").await);
    for note in [revoked, deleted, kept] {
        insert_share_with_message(&pair, note).await;
    }
    pair.mine.delete(&format!("/api/notes/{revoked}/shares/{}", pair.other.user_id)).await.expect(204);
    pair.mine.delete(&format!("/api/notes/{deleted}")).await.expect(204);
    let another = pair.mine.note("d").await;
    pair.mine.share(pair.author.tenant_id, another, json!([pair.other.user_id]), "read").await;
    let tenant = pair.author.tenant_id;
    assert_eq!((recipients(tenant, revoked).await, recipients(tenant, deleted).await), (0, 0));
    assert_eq!((recipients(tenant, kept).await, recipients(tenant, another).await), (1, 1));
}

#[tokio::test]
async fn revoking_waits_for_a_running_delivery_and_removes_its_rows() {
    let app = spawn_app().await;
    let pair = pair(&app).await;
    let id = pair.mine.note("text").await;
    let (tenant, author, other) = (pair.author.tenant_id, pair.author.user_id, pair.other.user_id);
    let client = database::admin().await;
    let share = "INSERT INTO shares (tenant_id, note_id, audience, access, shared_by) \
        VALUES ($1, $2, $3, 'read', $4)";
    client.execute(share, &[&tenant, &id, &other, &author]).await.expect("a share");
    client.batch_execute("BEGIN").await.expect("a transaction");
    let hold = "SELECT audience FROM shares WHERE tenant_id = $1 AND note_id = $2 FOR SHARE";
    client.execute(hold, &[&tenant, &id]).await.expect("held");
    let (mine, path) = (pair.mine.clone(), format!("/api/notes/{id}/shares/{other}"));
    let taking_back = tokio::spawn(async move { mine.delete(&path).await });
    tokio::time::sleep(std::time::Duration::from_millis(400)).await;
    assert!(!taking_back.is_finished());
    let arrival = "INSERT INTO shared_notes (tenant_id, recipient_id, note_id, shared_by, access) \
        VALUES ($1, $2, $3, $4, 'read')";
    client.execute(arrival, &[&tenant, &other, &id, &author]).await.expect("an arrival");
    client.batch_execute("COMMIT").await.expect("the end of the delivery");
    taking_back.await.expect("an answer").expect(204);
    assert_eq!(recipients(tenant, id).await, 0);
    pair.theirs.get(&format!("/api/notes/{id}")).await.expect_problem(404);
}

#[tokio::test]
async fn concurrent_sharing_and_revoking_never_leave_access_without_a_share() {
    let app = spawn_app().await;
    let pair = pair(&app).await;
    let tenant = pair.author.tenant_id;
    let id = pair.mine.note("text").await;
    let path = format!("/api/notes/{id}/shares");
    for _ in 0..12 {
        pair.mine.share(tenant, id, json!([pair.other.user_id]), "edit").await;
        let share = json!({"share_with": "everyone", "access": "read"});
        let (first, second) = (format!("{path}/{}", pair.other.user_id), format!("{path}/everyone"));
        let (shared, ended, also) =
            tokio::join!(pair.mine.post(&path, &share), pair.mine.delete(&first), pair.mine.delete(&second));
        assert_eq!((shared.status, ended.status), (201, 204));
        assert!(matches!(also.status, 204 | 404), "{}", also.status);
        pair.mine.delete(&second).await;
        until_delivered(tenant).await;
        assert_eq!(recipients(tenant, id).await, 0);
    }
}

#[tokio::test]
async fn after_a_share_is_revoked_no_edit_through_it_is_stored() {
    let app = spawn_app().await;
    let pair = pair(&app).await;
    for round in 0..6 {
        let id = pair.mine.note("text").await;
        insert_delivery(&pair.author, id, &pair.other, "edit").await;
        let path = format!("/api/notes/{id}");
        let writers: Vec<_> = (0..4)
            .map(|writer| {
                let (theirs, path) = (pair.theirs.clone(), path.clone());
                tokio::spawn(async move {
                    for turn in 0..20 {
                        let answer =
                            theirs.put(&path, &json!({"content": format!("{round} {writer} {turn}")})).await;
                        assert!(
                            matches!(answer.status, 200 | 404 | 412),
                            "{} {}",
                            answer.status,
                            answer.text()
                        );
                    }
                })
            })
            .collect();
        tokio::time::sleep(std::time::Duration::from_millis(15 * round)).await;
        pair.mine.delete(&format!("{path}/shares/{}", pair.other.user_id)).await.expect(204);
        let version = pair.mine.read(id).await["version"].clone();
        for writer in writers {
            writer.await.expect("a writer");
        }
        assert_eq!(pair.mine.read(id).await["version"], version);
    }
}
