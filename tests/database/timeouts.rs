//! The timeouts of the database roles, which end statements that our own timeouts have abandoned.

use super::failures::on;
use crate::support::database::{APPLICATION_ROLES, OwnDatabase, connect, create_trigger};
use crate::support::server::ServerBuilder;
use crate::support::{App, Person};

const LIMITS: [&str; 3] = ["statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"];
/// Replaces the content of each new note by the role and the timeouts of the session that wrote it.
const TELLING: &str = "CREATE FUNCTION tell_limits() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    NEW.content := concat_ws(' ', current_user, current_setting('statement_timeout'),
    current_setting('lock_timeout'),
                             current_setting('idle_in_transaction_session_timeout'));
    RETURN NEW; END $$";

async fn record_limits_in_notes(database: &OwnDatabase) {
    let admin = database.client().await;
    admin.batch_execute(TELLING).await.expect("a function");
    let trigger =
        "CREATE TRIGGER tell_limits BEFORE INSERT ON %s FOR EACH ROW EXECUTE FUNCTION tell_limits()";
    create_trigger(&admin, "notes", trigger).await;
}

/// The timeouts of a login as this role.
async fn timeouts_of_login(node: &str, role: &str) -> Vec<String> {
    let mut url = url::Url::parse(node).expect("a URL");
    url.set_username(role).expect("a user");
    let client = connect(url.as_str()).await;
    let mut limits = Vec::new();
    for limit in LIMITS {
        limits.push(client.query_one(&format!("SHOW {limit}"), &[]).await.expect(limit).get(0));
    }
    limits
}

#[tokio::test]
async fn statement_timeouts_are_set_on_every_node_and_connection() {
    let database = OwnDatabase::create().await;
    // One server that sends everything to the coordinator, and one that connects to the workers.
    let builders = [on(&database), ServerBuilder::new().set("DATABASE_URL", &database.url)];
    for builder in builders {
        let server = builder.start_async().await;
        let app = App::of(&server);
        if database
            .client()
            .await
            .query_opt("SELECT FROM pg_proc WHERE proname = 'tell_limits'", &[])
            .await
            .expect("a look")
            .is_none()
        {
            record_limits_in_notes(&database).await;
        }
        // With six tenants, each worker holds some.
        for _ in 0..6 {
            let script = Person::founder(&app).await.script(&app).await;
            let id = script.note("limits?").await;
            assert_eq!(script.read(id).await["content"], "pigeonhole_app 2s 1500ms 10s");
        }
    }
    // Citus connects to other nodes as the role of the query, and each node applies that role's timeouts.
    for node in database.nodes() {
        for role in APPLICATION_ROLES {
            // An operator's statement counts all messages of a week.
            let statement = if role == "pigeonhole_backlog" { "1min" } else { "2s" };
            let expected = [statement, "1500ms", "10s"];
            assert_eq!(timeouts_of_login(&node, role).await, expected, "{role} on {node}");
        }
    }
}
