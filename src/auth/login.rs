//! Logging in: from a name or e-mail and a password to the accounts that they fit.

use super::passwords::{Busy, Hasher};
use crate::db::{Database, DbError};
use crate::domain::{Identifier, LoginPassword, TenantName};
use crate::store::{Account, CANDIDATE_LIMIT, Candidate};

/// What was sent to log in.
pub struct LoginAttempt {
    /// A user name or an e-mail.
    pub identifier: Identifier,
    /// The password.
    pub password: LoginPassword,
    /// The name of the tenant, where it was given.
    pub tenant_name: Option<TenantName>,
    /// The number of the tenant, where a script gave it.
    pub tenant_number: Option<i64>,
}

/// An account that the password fits.
pub struct Matched {
    /// Which one.
    pub candidate: Candidate,
    /// Its user and tenant.
    pub account: Account,
}

/// What came of it.
pub enum LoginOutcome {
    /// Nobody, or not this password: which of the two is not told.
    Refused,
    /// The name is in more tenants than one login may try; the organization's name is needed as well.
    TooManyTenants,
    /// The one account, or several between which the user chooses.
    Matched(Vec<Matched>),
}

/// Why a login could not be decided.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// All cores are hashing.
    #[error(transparent)]
    Busy(#[from] Busy),
    /// The database.
    #[error(transparent)]
    Database(#[from] DbError),
}

/// Finds the accounts and tries the password on each, one hash for each account and one where there is none.
///
/// # Errors
/// [`LoginError`], after which nothing is known.
pub async fn log_in(
    database: &Database,
    hasher: &Hasher,
    attempt: &LoginAttempt,
) -> Result<LoginOutcome, LoginError> {
    let candidates = database
        .directory()
        .candidates(&attempt.identifier, attempt.tenant_name.as_ref(), attempt.tenant_number)
        .await?;
    if candidates.len() > CANDIDATE_LIMIT {
        return Ok(LoginOutcome::TooManyTenants);
    }
    let mut matched = Vec::new();
    let mut tried = false;
    for candidate in candidates {
        let account = database.tenant(candidate.tenant).account(candidate.user).await?;
        let fits = hasher
            .verify(&attempt.password, account.as_ref().map(|account| account.password_hash.as_str()))
            .await?;
        tried = true;
        if let Some(account) = account.filter(|_| fits) {
            matched.push(Matched { candidate, account });
        }
    }
    if !tried {
        hasher.verify(&attempt.password, None).await?;
    }
    if matched.is_empty() {
        return Ok(LoginOutcome::Refused);
    }
    for Matched { candidate, account } in &matched {
        if let Some(hash) = hasher.refresh(&attempt.password, &account.password_hash).await {
            database.tenant(candidate.tenant).rehash(candidate.user, &account.password_hash, &hash).await?;
        }
    }
    Ok(LoginOutcome::Matched(matched))
}
