//! Registration: a new user founds a tenant or joins an open one.

use super::audit::{self, Subject};
use super::{Client, ServiceError, Services, limits};
use crate::auth::{AdmittedAttempt, HashTurn, ThrottleError};
use crate::db::DbError;
use crate::domain::{Email, NewPassword, Username};
use crate::store::{Newcomer, Registered, SignUpError, TenantChoice};

/// Refuses a new account that the operator's rule does not allow. Handlers ask before they hash a password;
/// [`register`] and joining ask again.
///
/// # Errors
/// [`SignUpError::NotPermitted`].
pub fn permit(services: &Services, tenant: &TenantChoice, email: Option<&Email>) -> Result<(), SignUpError> {
    let invited = matches!(tenant, TenantChoice::Invited { .. });
    services.sign_up.permit(invited, email).map_err(SignUpError::NotPermitted)
}

/// What a new user types to sign up.
pub struct NewAccount {
    pub username: Username,
    pub email: Option<Email>,
    pub password: NewPassword,
}

/// Lets a sign-up in, and hashes its password.
///
/// # Errors
/// [`ServiceError::Throttled`], [`ServiceError::Busy`] and [`ServiceError::Database`].
pub async fn hash_password(
    services: &Services,
    client: &Client,
    account: &NewAccount,
) -> Result<String, ServiceError> {
    let admitted = services.throttle.sign_up(client.address).await;
    hash_admitted(services, client, account, admitted).await
}

/// Hashes the password of an admitted sign-up, or records that it was not admitted.
pub(super) async fn hash_admitted(
    services: &Services,
    client: &Client,
    account: &NewAccount,
    admitted: Result<AdmittedAttempt, ThrottleError>,
) -> Result<String, ServiceError> {
    if let Err(ThrottleError::Refused(_)) = &admitted {
        audit::refused(
            client.address,
            "sign-up throttled",
            "",
            &Subject::TypedName(account.username.shown()),
        );
    }
    let admission = admitted?;
    match services.hasher.hash(HashTurn::Address(client.address), &account.password).await {
        Ok(hash) => Ok(hash),
        Err(busy) => {
            admission.undo().await;
            Err(busy.into())
        }
    }
}

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
    permit(services, &newcomer.tenant, newcomer.email.as_ref())?;
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
