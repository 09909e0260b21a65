//! Changing one's password.

use super::audit;
use super::{Actor, ServiceError, Services};
use crate::auth::{AdmittedAttempt, HashTurn, ThrottleError, Token};
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
    let admission = admit(services, actor).await?;
    let turn = HashTurn::Address(actor.client.address);
    match services.hasher.verify(turn, current, Some(&account.password_hash)).await {
        Ok(true) => admission.succeed().await?,
        Ok(false) => {
            audit::refused(actor.client.address, "wrong current password", "", &actor.subject());
            return Ok(PasswordChange::WrongPassword);
        }
        Err(busy) => {
            admission.undo().await;
            return Err(busy.into());
        }
    }
    let hash = services.hasher.hash(turn, new).await?;
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

/// A stolen session must not be good for guessing the password.
async fn admit(services: &Services, actor: &Actor<'_>) -> Result<AdmittedAttempt, ServiceError> {
    let admitted = services.throttle.password_change(actor.tenant.tenant(), actor.user()).await;
    if let Err(ThrottleError::Refused(_)) = &admitted {
        audit::refused(actor.client.address, "password change throttled", "", &actor.subject());
    }
    Ok(admitted?)
}
