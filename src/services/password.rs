//! Changing one's password.

use super::audit;
use super::{Actor, ServiceError, Services};
use crate::auth::Token;
use crate::domain::{LoginPassword, NewPassword};

/// The result of changing a password.
pub enum PasswordChange {
    /// The password is changed, and the session of the request has this token from now on.
    Changed(Token),
    /// The current password is wrong.
    WrongPassword,
    /// Another request changed the password in the meantime.
    Conflict,
    /// The user was removed in the meantime.
    NoAccount,
}

/// Sets a new password, ends every other session of the actor, and gives the session of the request a new
/// token.
///
/// # Errors
/// [`ServiceError`]; the password is unchanged then.
pub async fn change(
    services: &Services,
    actor: &Actor<'_>,
    current: &LoginPassword,
    new: &NewPassword,
) -> Result<PasswordChange, ServiceError> {
    let Some(account) = actor.tenant.account(actor.user()).await? else {
        return Ok(PasswordChange::NoAccount);
    };
    if !services.hasher.verify(current, Some(&account.password_hash)).await? {
        audit::refused(actor.client.address, "wrong current password", "", &actor.subject());
        return Ok(PasswordChange::WrongPassword);
    }
    let hash = services.hasher.hash(new).await?;
    let token = Token::generate(actor.tenant.tenant())?;
    let changed = actor
        .tenant
        .change_password(actor.user(), actor.session.id, &account.password_hash, &hash, &token.hash())
        .await?;
    if !changed {
        return Ok(PasswordChange::Conflict);
    }
    services.session_cache.forget_all();
    audit::record(&actor.client, "password changed", &actor.subject());
    Ok(PasswordChange::Changed(token))
}
