//! The purge of expired sessions.

use crate::support::{eventually, run_blocking};

use crate::support::database::{OwnDatabase, connect};
use crate::support::server::ServerBuilder;
use crate::support::spawn_app;

#[tokio::test]
async fn all_expired_sessions_and_no_others_are_purged() {
    // The shared server creates the roles first; all databases of these servers share them.
    spawn_app().await;
    let own = OwnDatabase::create().await;
    let builder = ServerBuilder::new().set("DATABASE_URL", &own.url);
    let migrated = run_blocking(move || (builder.run("migrate"), builder)).await;
    let (migrated, builder) = migrated;
    assert_eq!(migrated.code, Some(0), "{}", migrated.output);
    let client = connect(&own.url).await;
    for statement in [
        "INSERT INTO shared.tenants (id, name, name_key) SELECT n, 'T' || n, 't' || n \
         FROM generate_series(1001, 2200) n",
        "INSERT INTO shared.users (id, tenant_id, username, username_key, password, role)
         SELECT n + 500000000, n, 'u', 'u', 'x', 'owner' FROM generate_series(1001, 2200) n",
        "INSERT INTO sessions (tenant_id, token_hash, user_id, kind, expires_at)
         SELECT n, decode(md5(n || ' ' || i), 'hex'), n + 500000000, 'script', now() + (i - 2) * interval
         '1 day'
         FROM generate_series(1001, 2200) n, generate_series(0, 3) i WHERE i <> 2",
    ] {
        client.batch_execute(statement).await.expect(statement);
    }
    let server = builder.start_async().await;
    let counted = "SELECT count(*) FILTER (WHERE expires_at < now()), count(*) FILTER (WHERE expires_at > \
        now()) FROM sessions";
    eventually("expired sessions are removed", async || {
        let row = client.query_one(counted, &[]).await.expect("a count");
        assert_eq!(row.get::<_, i64>(1), 1200, "a live session is gone");
        row.get::<_, i64>(0) == 0
    })
    .await;
    eventually("the log says so", async || server.log().contains("removed")).await;
}
