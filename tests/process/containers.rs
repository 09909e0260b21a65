//! Secrets from files, and the restricted database login of `serve`, as the containers use them.

use crate::support::{App, command::CommandOutput, postgres::Postgres, run_blocking, server::ServerBuilder};

const WEB_PASSWORD: &str = "a password of the web's own";

async fn run(builder: ServerBuilder, subcommand: &'static str) -> CommandOutput {
    run_blocking(move || builder.run(subcommand)).await
}

fn web_login_url(postgres: &Postgres) -> String {
    let mut url = url::Url::parse(&postgres.url).expect("a URL");
    url.set_username("pigeonhole_web").expect("a user");
    url.set_password(Some(WEB_PASSWORD)).expect("a password");
    url.into()
}

#[tokio::test]
async fn the_web_database_login_can_serve_and_nothing_else() {
    let postgres = run_blocking(Postgres::start).await;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("database_url");
    std::fs::write(&file, web_login_url(&postgres)).expect("a file");
    let admin = ServerBuilder::new().set("DATABASE_URL", &postgres.url).set("WEB_PASSWORD", WEB_PASSWORD);
    let migrated = run(admin, "migrate").await;
    assert_eq!(migrated.code, Some(0), "{}", migrated.output);

    for environment in ["development", "production"] {
        let web = ServerBuilder::bare()
            .set("DATABASE_URL_FILE", file.to_str().expect("a path"))
            .set("APP_ENV", environment);
        let web = if environment == "production" {
            web.set("PUBLIC_ORIGIN", "https://notes.example.org")
        } else {
            web
        };
        let server = web.start_async().await;
        if environment == "development" {
            App::of(&server).get("/readyz").await.expect(200);
        }
        assert_eq!(server.stop_async().await, 0);
    }
    let web = || ServerBuilder::new().set("DATABASE_URL", web_login_url(&postgres));
    for arguments in [vec!["list"], vec!["replay", "--all"], vec!["drop", "--all"]] {
        let messages = run(web().arguments(&arguments), "messages").await;
        assert_eq!(messages.code, Some(0), "{arguments:?}: {}", messages.output);
    }
    // This login may not migrate, so an older schema stays unchanged in development as well.
    let client = crate::support::database::connect(&postgres.url).await;
    let older = "DELETE FROM refinery_schema_history WHERE version = (SELECT max(version) \
        FROM refinery_schema_history)";
    assert_eq!(client.execute(older, &[]).await.expect("an older schema"), 1);
    let refused = web();
    let refused = refused.refusal_async().await;
    assert!(refused.output.contains("run `pigeonhole migrate` first"), "{}", refused.output);
    for subcommand in ["migrate", "seed"] {
        let refused = run(web(), subcommand).await;
        assert_eq!(refused.code, Some(1), "{subcommand}: {}", refused.output);
    }
    let client = crate::support::database::connect(&web_login_url(&postgres)).await;
    for forbidden in ["SET ROLE pigeonhole_owner", "SELECT FROM notes", "CREATE TABLE mine ()"] {
        client.batch_execute(forbidden).await.expect_err(forbidden);
    }
}

#[tokio::test]
async fn a_missing_settings_file_stops_the_start() {
    let builder =
        ServerBuilder::new().without("SECRET_KEY").set("SECRET_KEY_FILE", "/nonexistent/secret_key");
    let refused = builder.refusal_async().await;
    assert!(refused.output.contains("SECRET_KEY_FILE"), "{}", refused.output);
}
