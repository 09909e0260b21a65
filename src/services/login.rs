//! Checking a login: from a user name or an e-mail and a password to the accounts that they belong to.

use super::audit::{self, Subject};
use super::{Client, ServiceError, Services};
use crate::domain::{Identifier, LoginPassword, TenantName};
use crate::store::{CANDIDATE_LIMIT, Candidate, UserAccount};

/// What a user or a script sent to log in.
pub struct LoginAttempt {
    /// A user name or an e-mail, as it was typed.
    pub name: String,
    pub password: LoginPassword,
    pub tenant_name: Option<TenantName>,
    /// The id of the tenant, which only the API takes.
    pub tenant_number: Option<i64>,
}

/// An account to which the password belongs.
pub struct Matched {
    pub candidate: Candidate,
    pub account: UserAccount,
}

/// The result of a login.
pub enum LoginOutcome {
    /// No account of that name has that password. The result does not tell which of the two is wrong.
    Refused,
    /// The name is in more tenants than one login may try; the tenant's name is needed as well.
    TooManyTenants,
    /// At least one account; of several the user chooses.
    Matched(Vec<Matched>),
}

/// Finds the accounts of the name and checks the password on each. It computes one hash for each account, and
/// one where there is no account, so that the time of the response does not reveal whether a name exists.
///
/// # Errors
/// [`ServiceError::Busy`] and [`ServiceError::Database`]; the login is neither accepted nor refused then.
pub async fn log_in(
    services: &Services,
    client: &Client,
    attempt: &LoginAttempt,
) -> Result<LoginOutcome, ServiceError> {
    let identifier = Identifier::from_typed(&attempt.name);
    let candidates = services
        .database
        .directory()
        .candidates(&identifier, attempt.tenant_name.as_ref(), attempt.tenant_number)
        .await?;
    if candidates.len() > CANDIDATE_LIMIT {
        return Ok(LoginOutcome::TooManyTenants);
    }
    let matched = check(services, attempt, candidates).await?;
    if matched.is_empty() {
        audit::refused(client.address, "login refused", "", &Subject::TypedName(&attempt.name));
        return Ok(LoginOutcome::Refused);
    }
    renew_hashes(services, attempt, &matched).await?;
    Ok(LoginOutcome::Matched(matched))
}

async fn check(
    services: &Services,
    attempt: &LoginAttempt,
    candidates: Vec<Candidate>,
) -> Result<Vec<Matched>, ServiceError> {
    let mut matched = Vec::new();
    if candidates.is_empty() {
        services.hasher.verify(&attempt.password, None).await?;
    }
    for candidate in candidates {
        let account = services.database.tenant(candidate.tenant).account(candidate.user).await?;
        let hash = account.as_ref().map(|account| account.password_hash.as_str());
        let matches = services.hasher.verify(&attempt.password, hash).await?;
        if let Some(account) = account.filter(|_| matches) {
            matched.push(Matched { candidate, account });
        }
    }
    Ok(matched)
}

/// Replaces hashes of another cost than the current setting, as the password is known only now.
async fn renew_hashes(
    services: &Services,
    attempt: &LoginAttempt,
    matched: &[Matched],
) -> Result<(), ServiceError> {
    for Matched { candidate, account } in matched {
        let old_hash = &account.password_hash;
        if let Some(new_hash) = services.hasher.refresh(&attempt.password, old_hash).await {
            let tenant = services.database.tenant(candidate.tenant);
            tenant.rehash(candidate.user, old_hash, &new_hash).await?;
        }
    }
    Ok(())
}
