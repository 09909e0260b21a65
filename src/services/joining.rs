//! Joining a tenant by invitation.

use super::registration::{NewAccount, add_user, hash_admitted};
use super::{Client, ServiceError, Services, invitations};
use crate::auth::InvitationToken;
use crate::domain::{Email, Invalid, Username};
use crate::store::{IdempotentRequest, Newcomer, Registered, SignUpError, TenantChoice, UserAccount};

/// The tenant of an invitation, as a registration takes it.
pub fn invited_by(token: &InvitationToken) -> TenantChoice {
    TenantChoice::Invited { tenant: token.tenant(), token_hash: token.hash() }
}

/// A new user with the name, e-mail and password of an account in another tenant. The account's session
/// proves who the user is.
///
/// # Errors
/// [`ServiceError::OutdatedAccount`].
pub fn newcomer_from_account(
    account: UserAccount,
    token: &InvitationToken,
    request: Option<IdempotentRequest>,
) -> Result<Newcomer, ServiceError> {
    let outdated = |Invalid(message)| ServiceError::OutdatedAccount(message);
    let username = Username::parse(&account.username).map_err(outdated)?;
    let email = Email::parse_optional(account.email.as_deref().unwrap_or_default()).map_err(outdated)?;
    Ok(Newcomer { username, email, password_hash: account.password_hash, tenant: invited_by(token), request })
}

/// Lets a sign-up by invitation in, and hashes its password.
///
/// # Errors
/// [`ServiceError::Throttled`], [`ServiceError::Busy`] and [`ServiceError::Database`].
pub async fn hash_password(
    services: &Services,
    client: &Client,
    account: &NewAccount,
) -> Result<String, ServiceError> {
    let admitted = services.throttle.join(client.address).await;
    hash_admitted(services, client, account, admitted).await
}

/// Lets a user in that joins with an existing account.
///
/// # Errors
/// [`ServiceError::Throttled`] and [`ServiceError::Database`].
pub async fn admit(services: &Services, client: &Client) -> Result<(), ServiceError> {
    Ok(services.throttle.join(client.address).await.map(drop)?)
}

/// Adds a user to the tenant of an invitation. What the tenant shares with everyone is delivered to the new
/// user by a message. An invitation that does not exist is counted.
///
/// # Errors
/// See [`SignUpError`].
pub async fn join(
    services: &Services,
    client: &Client,
    newcomer: &Newcomer,
) -> Result<Registered, SignUpError> {
    let joined = add_user(services, client, newcomer, "joined by invitation").await;
    if let Err(SignUpError::NoInvitation) = &joined {
        invitations::count_unknown(services, client).await.map_err(SignUpError::Throttled)?;
    }
    joined
}
