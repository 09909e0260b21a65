//! Joining an organization by invitation, which pages and API do alike.

use actix_web::HttpRequest;

use super::audit::{self, Subject};
use super::context::Context;
use super::error::Error;
use crate::auth::InvitationToken;
use crate::domain::{Email, Username};
use crate::store::{Account, Newcomer, Once, Registered, SignUpError, TenantChoice};

/// What an invitation makes of its token.
pub fn invited_by(token: &InvitationToken) -> TenantChoice {
    TenantChoice::Invited { tenant: token.tenant(), token_hash: token.hash() }
}

/// A newcomer with the name, e-mail and password of an account elsewhere, which its session proves.
///
/// # Errors
/// [`Error::Internal`] for an account whose name could not be given today.
pub fn newcomer_from_elsewhere(
    account: Account,
    token: &InvitationToken,
    once: Option<Once>,
) -> Result<Newcomer, Error> {
    let unreadable =
        |_| Error::Internal("taking an account's name over", "it could not be given today".into());
    let username = Username::parse(&account.username).map_err(unreadable)?;
    let email = Email::parse_optional(account.email.as_deref().unwrap_or_default()).map_err(unreadable)?;
    Ok(Newcomer { username, email, password_hash: account.password_hash, tenant: invited_by(token), once })
}

/// Lets somebody in and has what is shared with everybody brought to them.
///
/// # Errors
/// See [`SignUpError`].
pub async fn enter(
    request: &HttpRequest,
    context: &Context,
    newcomer: &Newcomer,
) -> Result<Registered, SignUpError> {
    let registered = context.database.sign_up().register(newcomer).await?;
    context.messenger.wake(&context.database.tenant(registered.tenant));
    audit::record(request, "joined by invitation", &Subject::User(registered.tenant, registered.user));
    Ok(registered)
}
