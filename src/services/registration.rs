//! Registration: a new user founds a tenant or joins an open one.

use super::audit::{self, Subject};
use super::{Client, Services, limits};
use crate::db::DbError;
use crate::store::{Newcomer, Registered, SignUpError};

/// Adds a user to a tenant. What the tenant shares with everyone is delivered to the new user by a message.
///
/// # Errors
/// See [`SignUpError`].
pub async fn register(
    services: &Services,
    client: &Client,
    newcomer: &Newcomer,
) -> Result<Registered, SignUpError> {
    add_user(services, client, newcomer, "signed up").await
}

/// The work of a registration and of joining, which differ in the line of the security log.
pub(super) async fn add_user(
    services: &Services,
    client: &Client,
    newcomer: &Newcomer,
    event: &str,
) -> Result<Registered, SignUpError> {
    let registered = match services.database.sign_up().register(newcomer).await {
        Err(SignUpError::Database(DbError::LimitReached(limit))) => {
            limits::record(client, limit, &Subject::TypedName(newcomer.username.shown()));
            return Err(SignUpError::Database(DbError::LimitReached(limit)));
        }
        result => result?,
    };
    services.notifier.wake(&services.database.tenant(registered.tenant));
    audit::record(client, event, &Subject::User(registered.tenant, registered.user));
    Ok(registered)
}
