//! A delivery that takes longer than the statement timeout.

use super::fixture::MessagingFixture;
use crate::support::database::create_trigger;

/// Each insert then takes longer than half of the statement timeout.
const SLOW: &str = "CREATE FUNCTION slow_arrival() RETURNS trigger LANGUAGE plpgsql
    AS $$ BEGIN PERFORM pg_sleep(1.2); RETURN NEW; END $$";

async fn slow_inserts_down(fixture: &MessagingFixture) {
    fixture.admin.batch_execute(SLOW).await.expect("a function");
    let trigger =
        "CREATE TRIGGER slow_arrival BEFORE INSERT ON %s FOR EACH ROW EXECUTE FUNCTION slow_arrival()";
    create_trigger(&fixture.admin, "shared_notes", trigger).await;
}

#[tokio::test]
async fn a_delivery_slower_than_the_statement_timeout_is_completed() {
    let fixture = MessagingFixture::create().await;
    let (web, app) = fixture.web().await;
    let people = fixture.people(&app).await;
    let tenant = people.tenant();
    slow_inserts_down(&fixture).await;
    people.share().await.expect(201);
    let worker = fixture.worker("").await;
    fixture.wait_until(tenant, "acknowledged", 1).await;
    assert_eq!(fixture.inbox_rows(tenant).await, 2);
    assert!(worker.log().contains("gets a minute"), "the statement was not too slow: {}", worker.log());
    worker.stop_async().await;
    web.stop_async().await;
}
