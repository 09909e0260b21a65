//! Failures: one plain line each, and an exit code by which a script decides.

use serde_json::json;

use super::login::{point_to, same_login};
use super::{ClientUser, number_in};
use crate::support::database::{OwnDatabase, url_of_database};
use crate::support::faulty_proxy::FaultyProxy;
use crate::support::postgres::free_port;
use crate::support::server::ServerBuilder;
use crate::support::{App, Call, Person, spawn_app, unique};

#[tokio::test]
async fn a_login_that_ended_elsewhere_is_one_line_and_exit_code_3() {
    let app = spawn_app().await;
    let (user, _) = ClientUser::logged_in(&app).await;
    app.answer(Call::new("POST", "/api/logout").bearer(&user.token())).await.expect(204);
    for command in ["list", "show 1", "delete 1", "edit 1", "add"] {
        let arguments: Vec<&str> = command.split(' ').collect();
        user.run_with(&arguments, b"typed").await.expect_line(3, "Log in first: pigeonhole notes login");
    }
    // The session has ended, which is all that a logout wants.
    user.run(&["logout"]).await.expect(0);
    assert!(!user.login_file().exists());
}

#[tokio::test]
async fn each_refusal_is_one_plain_line_with_its_exit_code() {
    let app = spawn_app().await;
    let person = Person::founder(&app).await;
    let (author, reader) = (person.script(&app).await, person.colleague(&app).await);
    let user = ClientUser::new();
    user.log_in(&app.base, &reader).await;
    let body = json!({"content": "to read", "share_with": [reader.user_id]});
    let call = Call::new("POST", "/api/notes").json(&body).header("prefer", "wait=30");
    let id = author.answer(call).await.expect(201).json()["note_id"].to_string();
    user.run(&["show", &id]).await.expect(0);
    for command in [vec!["edit", &id], vec!["delete", &id]] {
        user.run_with(&command, b"not allowed").await.expect(3);
    }
    for command in ["show", "edit", "delete"] {
        user.run_with(&[command, "1"], b"typed").await.expect_line(4, "no such note");
    }
    let own = number_in(&user.run_with(&["add"], b"one\n").await.expect(0)).to_string();
    user.run_with(&["edit", &own], b"two\n").await.expect(0);
    let outdated = user.run_with(&["edit", &own, "--from-version", "1"], b"three\n").await;
    outdated.expect_line(5, "changed in the meantime");
    user.run_with(&["add"], b" \n").await.expect_line(1, "Write something first.");
    user.run(&["list", "--search", &"x".repeat(201)]).await.expect(1);

    let wrong = ClientUser::new();
    let arguments = ["login", "--server", &app.base, &unique("unknown")];
    let run = wrong.run_with(&arguments, b"a wrong password\n").await;
    if run.code != Some(6) {
        run.expect_line(3, "The name or the password is wrong.");
    }
    assert!(!wrong.login_file().exists());
    for arguments in [vec![], vec!["nonsense"], vec!["show"], vec!["show", "x"], vec!["login"]] {
        user.run(&arguments).await.expect(2);
    }
}

#[tokio::test]
async fn too_many_requests_are_one_line_that_says_how_long_to_wait() {
    spawn_app().await;
    let builder = ServerBuilder::new().set("LIMIT_REQUESTS_PER_PERSON", "1").set("LIMIT_REQUESTS", "1000");
    let server = builder.start_async().await;
    let app = App::of(&server);
    let (user, script) = ClientUser::logged_in(&app).await;
    let mut limited = None;
    for _ in 0..40 {
        let storm = (0..20).map(|_| script.get("/api/me"));
        futures_util::future::join_all(storm).await;
        let run = user.run_with(&["add"], b"typed in a hurry").await;
        if run.code != Some(0) {
            limited = Some(run);
            break;
        }
    }
    let line = limited.expect("a refusal").expect_line(6, "Try again in 1 second.");
    assert_eq!(std::fs::read(super::path_in(&line)).expect("kept"), b"typed in a hurry");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_its_database_and_no_server_are_one_line_and_exit_code_6() {
    let database = OwnDatabase::create().await;
    let proxy = FaultyProxy::to_database().await;
    let server = ServerBuilder::new()
        .set("DATABASE_URL", url_of_database(&proxy.url, &database.name))
        .set("TENANT_ROUTING", "off")
        .start_async()
        .await;
    let app = App::of(&server);
    let (user, _) = ClientUser::logged_in(&app).await;
    user.run(&["list"]).await.expect(0);
    proxy.reset_connections();
    for (command, input) in [("list", ""), ("show 1", ""), ("add", "kept"), ("logout", "")] {
        let arguments: Vec<&str> = command.split(' ').collect();
        let run = user.run_with(&arguments, input.as_bytes()).await;
        run.expect_line(6, "The server is busy. Try again in ");
    }
    assert!(user.login_file().exists());
    proxy.resume();

    point_to(&user, &format!("http://127.0.0.1:{}", free_port()));
    for (command, input) in [("list", ""), ("show 1", ""), ("add", "kept"), ("logout", "")] {
        let arguments: Vec<&str> = command.split(' ').collect();
        let line = user.run_with(&arguments, input.as_bytes()).await.expect_line(6, "Nothing answers at ");
        assert!(!line.contains("not known"), "{line}");
    }
    assert!(user.login_file().exists());
    same_login(&user, &app);
}

#[tokio::test]
async fn neither_the_servers_settings_nor_dot_env_concern_the_client() {
    let (user, _) = ClientUser::founder().await;
    std::fs::write(user.home.path().join(".env"), "BIND=nonsense\nthis is 'no .env\n").expect("written");
    let user = user
        .set("DATABASE_URL", "nonsense")
        .set("SECRET_KEY_FILE", "/nonexistent")
        .set("APP_ENV", "production")
        .set("RUST_LOG", "trace");
    let run = user.run(&["list"]).await.expect(0);
    assert_eq!(run.stderr, "");
    let help = user.run(&["--help"]).await.expect(0).stdout;
    for words in ["log in first", "try again later", "changed in the meantime"] {
        assert!(help.contains(words), "{help}");
    }
    assert!(!help.contains("DATABASE_URL") && !help.contains("SECRET_KEY"), "{help}");
}
