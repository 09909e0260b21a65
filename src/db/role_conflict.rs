//! Conflicts over roles. Roles belong to a whole server, so two databases of one server that create or change
//! the same role at once conflict. Citus copies roles to the workers whenever it distributes a table.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};

/// Ten attempts within 6 to 13 seconds. Jitter keeps the two databases from meeting again.
const BACKOFF: ExponentialBuilder = ExponentialBuilder::new()
    .with_min_delay(Duration::from_millis(200))
    .with_factor(1.3)
    .with_max_times(9)
    .with_jitter();

/// Retries `work` while another database on the same servers changes the same roles. The work must be one
/// transaction, or harmless to repeat. `reason` gives the database's message, if the error is the database's.
///
/// # Errors
/// The error of the work, at once when it has another reason.
pub(crate) async fn retry_on_role_conflict<T, E>(
    mut work: impl AsyncFnMut() -> Result<T, E>,
    reason: impl Fn(&E) -> Option<&str>,
) -> Result<T, E> {
    for pause in BACKOFF.build() {
        match work().await {
            Err(error) if reason(&error).is_some_and(is_role_conflict) => {
                log::info!("another database on these servers changes the same roles; trying again");
                tokio::time::sleep(pause).await;
            }
            result => return result,
        }
    }
    work().await
}

/// Whether a statement failed because another transaction created or changed the same role.
fn is_role_conflict(reason: &str) -> bool {
    const SIGNS: [&str; 4] =
        ["tuple concurrently updated", "pg_authid_", "pg_auth_members_", "pg_db_role_setting_"];
    SIGNS.iter().any(|sign| reason.contains(sign))
        || reason.contains("role \"pigeonhole_") && reason.contains("already exists")
}
