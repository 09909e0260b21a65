//! Other databases of the same servers. Roles belong to whole servers, so two databases whose roles are made
//! or changed at once can meet there, and Citus brings roles to the workers whenever it distributes a table.

use std::time::Duration;

const TRIES: u32 = 10;

/// Does the work again while it fails because another database of the same servers makes or changes our
/// roles. The work must be one transaction, or harmless to repeat; `reason` gives what the database said,
/// where the error is the database's.
///
/// # Errors
/// The work's own, at once when it has another reason.
pub(crate) async fn despite_others<T, E>(
    mut work: impl AsyncFnMut() -> Result<T, E>,
    reason: impl Fn(&E) -> Option<&str>,
) -> Result<T, E> {
    let mut tries = 1;
    loop {
        match work().await {
            Err(error) if tries < TRIES && reason(&error).is_some_and(met_another) => {
                log::info!("another database of these servers changes roles as well; trying again");
                tokio::time::sleep(Duration::from_millis(200) * tries).await;
                tries += 1;
            }
            result => return result,
        }
    }
}

/// Whether a statement failed because another transaction made or changed the same role.
fn met_another(reason: &str) -> bool {
    const SIGNS: [&str; 4] =
        ["tuple concurrently updated", "pg_authid_", "pg_auth_members_", "pg_db_role_setting_"];
    SIGNS.iter().any(|sign| reason.contains(sign))
        || reason.contains("role \"pigeonhole_") && reason.contains("already exists")
}
