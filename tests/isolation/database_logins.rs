//! The logins of the process's connections: whatever SQL runs on them, they become no other role than that of
//! their work.

use tokio_postgres::{Client, Config, NoTls};

use crate::support::data_folder::{self, DataFolder};
use crate::support::database::{OwnDatabase, connect};
use crate::support::postgres::Postgres;
use crate::support::server::{Server, ServerBuilder};
use crate::support::{App, Person, Script, eventually, retry_until_ok, run_blocking};

const WEB_PASSWORD: &str = "a password of the web's own";
/// What an attacker who runs SQL would try.
const ESCAPES: [&str; 14] = [
    "SET ROLE postgres",
    "SET ROLE pigeonhole_owner",
    "SET ROLE pigeonhole_web",
    "SET SESSION AUTHORIZATION postgres",
    "SET SESSION AUTHORIZATION pigeonhole_owner",
    "SET SESSION AUTHORIZATION pigeonhole_maintenance",
    "ALTER ROLE CURRENT_USER SUPERUSER",
    "ALTER ROLE CURRENT_USER BYPASSRLS",
    "CREATE ROLE mine",
    "GRANT pigeonhole_owner TO CURRENT_USER",
    "ALTER TABLE notes DISABLE ROW LEVEL SECURITY",
    "COPY (SELECT 1) TO PROGRAM 'true'",
    "SELECT rolpassword FROM pg_authid",
    "CREATE EXTENSION dblink",
];

/// The roles of the application, one of which each connection has.
const ROLES: [&str; 7] = crate::support::database::APPLICATION_ROLES;

/// Login and role of each connection of the process to this server.
async fn connections(admin: &Client) -> Vec<(String, String)> {
    let query = "SELECT DISTINCT usename::text, replace(application_name, ' ', '_') FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()
          AND (application_name LIKE 'pigeonhole\\_%' OR application_name = 'pigeonhole console')";
    let rows = admin.query(query, &[]).await.expect("connections");
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

/// Checks each connection of the process by its login, and what SQL under that login can become.
async fn assert_walled(admin: &Client, server: &Config, wanted: &[&str]) {
    let found = retry_until_ok(async || {
        let found = connections(admin).await;
        let complete = wanted.iter().all(|wanted| found.iter().any(|(_, role)| role == wanted));
        if complete { Ok(found) } else { Err(format!("only {found:?}")) }
    })
    .await;
    for (login, role) in found {
        assert_ne!(login, "postgres", "{role} connects as the administrator");
        assert!(ROLES.contains(&role.as_str()), "{login} works as {role}");
        let takes = "SELECT array_agg(rolname::text) FROM pg_roles WHERE pg_has_role($1, oid, 'MEMBER')
            AND rolname NOT LIKE 'pg\\_%' AND rolname <> $1";
        let takes: Vec<String> = admin.query_one(takes, &[&login]).await.expect("roles").get(0);
        assert_eq!(takes, std::slice::from_ref(&role), "{login} may take more than its role");
        assert_cannot_escape(server, &login, &role).await;
    }
}

async fn assert_cannot_escape(server: &Config, login: &str, role: &str) {
    let mut config = server.clone();
    config.user(login).options(format!("-c role={role}"));
    let (client, connection) = config.connect(NoTls).await.expect(login);
    tokio::spawn(connection);
    let others = ROLES.iter().filter(|other| **other != role).map(|other| format!("SET ROLE {other}"));
    for escape in ESCAPES.map(str::to_owned).into_iter().chain(others) {
        for first in ["", "RESET ROLE; ", "SET ROLE NONE; "] {
            let error = client.batch_execute(&format!("{first}{escape}")).await.expect_err(&escape);
            let code = error.code().expect("an answer of the database").code();
            assert!(["42501", "58P01", "0A000"].contains(&code), "{login}: {first}{escape}: {error:?}");
        }
    }
    client.batch_execute("SET ROLE NONE").await.expect("the login itself");
    let seen = client.query("SELECT FROM notes", &[]).await.expect_err("a row without a role");
    assert_eq!(seen.code().expect("a code").code(), "42501", "{login}");
}

async fn use_everything(app: &App) -> Script {
    let script = Person::founder(app).await.script(app).await;
    script.note("walled").await;
    script
}

#[tokio::test]
async fn sql_under_the_logins_of_an_embedded_database_becomes_no_other_role() {
    let folder = DataFolder::new();
    let server = folder.builder(&[]).with_console().start_async().await;
    use_everything(&App::of(&server)).await;
    App::console_of(&server).get("/tenants.json").await.expect(200);
    let mut config = Config::new();
    config.host_path(folder.path.join("run")).port(5432).dbname("pigeonhole");
    let (admin, connection) = config.clone().user("postgres").connect(NoTls).await.expect("the socket");
    tokio::spawn(connection);
    let wanted =
        ["pigeonhole_app", "pigeonhole_login", "pigeonhole_signup", "pigeonhole_relay", "pigeonhole_console"];
    assert_walled(&admin, &config, &wanted).await;
    assert!(!server.log().contains("row-level security does not hold"), "{}", server.log());
    data_folder::stop(server).await;
}

#[tokio::test]
async fn sql_under_the_logins_of_an_embedded_cluster_becomes_no_other_role_on_any_node() {
    let Some((folder, server, app)) = data_folder::start_or_skip().await else { return };
    let mut scripts = Vec::new();
    for _ in 0..8 {
        scripts.push(use_everything(&app).await);
    }
    for port in folder.ports() {
        let url = folder.url(port, &folder.read("password"));
        let admin = connect(&url).await;
        // The first requests go through the coordinator, until the placements are known.
        eventually("requests reach the node", async || {
            for script in &scripts {
                script.get("/api/notes").await;
            }
            !connections(&admin).await.is_empty()
        })
        .await;
        assert_walled(&admin, &url.parse().expect("a URL"), &["pigeonhole_app"]).await;
    }
    data_folder::stop(server).await;
}

/// A migrated database with the logins, and a server that has only the URL of `pigeonhole_web`.
async fn serve_as_web(postgres: &Postgres) -> (Server, Config) {
    let admin = ServerBuilder::new().set("DATABASE_URL", &postgres.url).set("WEB_PASSWORD", WEB_PASSWORD);
    let migrated = run_blocking(move || admin.run("migrate")).await;
    assert_eq!(migrated.code, Some(0), "{}", migrated.output);
    let mut url = url::Url::parse(&postgres.url).expect("a URL");
    url.set_username("pigeonhole_web").expect("a user");
    url.set_password(Some(WEB_PASSWORD)).expect("a password");
    let config = url.as_str().parse().expect("a URL");
    let server = ServerBuilder::bare().set("DATABASE_URL", url).with_console().start_async().await;
    (server, config)
}

#[tokio::test]
async fn sql_under_the_logins_of_the_containers_becomes_no_other_role() {
    let postgres = run_blocking(Postgres::start).await;
    let (server, config) = serve_as_web(&postgres).await;
    use_everything(&App::of(&server)).await;
    let admin = connect(&postgres.url).await;
    assert_walled(&admin, &config, &["pigeonhole_app", "pigeonhole_signup", "pigeonhole_relay"]).await;
    assert_eq!(server.stop_async().await, 0);
    // The logins of an older version: one for all kinds of work.
    admin.batch_execute("DROP ROLE pigeonhole_web_app").await.expect("one login fewer");
    let mut url = url::Url::parse(&postgres.url).expect("a URL");
    url.set_username("pigeonhole_web").expect("a user");
    let refused = ServerBuilder::bare().set("DATABASE_URL", url).refusal_async().await;
    assert!(refused.output.contains("pigeonhole_web_app") && refused.output.contains("WEB_PASSWORD"));
}

#[tokio::test]
async fn production_refuses_an_administrators_login_unless_a_setting_allows_it() {
    let database = OwnDatabase::create().await;
    let production = || {
        let builder = ServerBuilder::new().set("DATABASE_URL", &database.url);
        builder
            .set("APP_ENV", "production")
            .set("PUBLIC_ORIGIN", "https://notes.example.test")
            .without("ADMINISTRATOR_LOGIN")
    };
    let migrating = production();
    assert_eq!(run_blocking(move || migrating.run("migrate")).await.code, Some(0));
    for builder in [production(), production().worker()] {
        let refused = builder.refusal_async().await.output;
        assert!(refused.contains("is a superuser") && refused.contains("ADMINISTRATOR_LOGIN"), "{refused}");
        assert!(!refused.contains("panicked"), "{refused}");
    }
    let server = production().set("ADMINISTRATOR_LOGIN", "on").start_async().await;
    assert!(server.log().contains("is a superuser, so row-level security does not hold"), "{}", server.log());
    assert_eq!(server.stop_async().await, 0);
}

#[tokio::test]
async fn production_refuses_logins_that_own_bypass_or_may_make_roles() {
    let postgres = run_blocking(Postgres::start).await;
    let admin = connect(&postgres.url).await;
    let migrating = ServerBuilder::new().set("DATABASE_URL", &postgres.url);
    assert_eq!(run_blocking(move || migrating.run("migrate")).await.code, Some(0));
    let grants = ROLES.map(|role| format!("GRANT {role} TO keeper")).join(";");
    admin.batch_execute(&format!("CREATE ROLE keeper LOGIN NOINHERIT; {grants}")).await.expect("a login");
    let url = postgres.url.replace("postgres@", "keeper@");
    let production = || {
        let builder = ServerBuilder::bare().set("DATABASE_URL", &url).set("APP_ENV", "production");
        builder.set("PUBLIC_ORIGIN", "https://notes.example.test")
    };
    for (give, words, take) in [
        (
            "ALTER ROLE keeper BYPASSRLS",
            "keeper bypasses row-level security",
            "ALTER ROLE keeper NOBYPASSRLS",
        ),
        ("ALTER ROLE keeper CREATEROLE", "keeper may create roles", "ALTER ROLE keeper NOCREATEROLE"),
        ("GRANT pigeonhole_owner TO keeper", "owns the tables", "REVOKE pigeonhole_owner FROM keeper"),
        (
            "GRANT postgres TO keeper",
            "may become postgres, which is a superuser",
            "REVOKE postgres FROM keeper",
        ),
    ] {
        admin.batch_execute(give).await.expect(give);
        let refused = production().refusal_async().await.output;
        assert!(refused.contains(words), "{give}: {refused}");
        admin.batch_execute(take).await.expect(take);
    }
    assert_eq!(production().start_async().await.stop_async().await, 0);
}
