//! Checking a login: from a user name or an e-mail and a password to the accounts that they belong to.

use super::audit::{self, Subject};
use super::{Client, Device, ServiceError, Services};
use crate::auth::{AdmittedAttempt, HashTurn, ThrottleError, ThrottledLogin};
use crate::domain::{Identifier, LoginPassword, TenantName};
use crate::store::{Candidate, TRIED_HASHES, UserAccount};

/// What a user or a script sent to log in.
pub struct LoginAttempt {
    /// A user name or an e-mail, as it was typed.
    pub name: String,
    pub password: LoginPassword,
    pub tenant_name: Option<TenantName>,
    /// The id of the tenant, which only the API takes.
    pub tenant_number: Option<i64>,
    /// The browser, if its cookie names one. Scripts have none.
    pub device: Option<Device>,
}

/// An account to which the password belongs.
pub struct Matched {
    pub candidate: Candidate,
    pub account: UserAccount,
}

/// The result of a login.
pub enum LoginOutcome {
    /// No account of that name has that password. The result does not tell which of the two is wrong, nor
    /// how many accounts have the name.
    Refused,
    /// At least one account; of several the user chooses.
    Matched(Vec<Matched>),
}

/// Finds the accounts of the name and checks the password. A refused login computes the same number of hashes
/// whatever the directory holds: one where the organization is named, [`TRIED_HASHES`] otherwise. So neither
/// answer nor time reveals whether a name exists (docs/decisions/0030-login-directory.md).
///
/// # Errors
/// [`ServiceError::Throttled`], [`ServiceError::Busy`] and [`ServiceError::Database`]; the login is neither
/// accepted nor refused then.
pub async fn log_in(
    services: &Services,
    client: &Client,
    attempt: &LoginAttempt,
) -> Result<LoginOutcome, ServiceError> {
    let identifier = Identifier::from_typed(&attempt.name);
    let known = known_accounts(services, &identifier, attempt).await?;
    let admitted = admit(services, client, attempt, (&identifier, &known)).await.inspect_err(|error| {
        if let ThrottleError::Refused(_) = error {
            audit::refused(client.address, "login throttled", "", &Subject::TypedName(&attempt.name));
        }
    });
    let (admission, turn) = admitted?;
    let search = Search { services, attempt, turn };
    let matched = match search.check(&identifier, known).await {
        Ok(matched) => matched,
        Err(error) => {
            admission.undo().await;
            return Err(error);
        }
    };
    if matched.is_empty() {
        audit::refused(client.address, "login refused", "", &Subject::TypedName(&attempt.name));
        return Ok(LoginOutcome::Refused);
    }
    admission.succeed().await?;
    search.renew_hashes(&matched).await?;
    Ok(LoginOutcome::Matched(matched))
}

/// The accounts of the name that this browser logged in to before.
async fn known_accounts(
    services: &Services,
    identifier: &Identifier,
    attempt: &LoginAttempt,
) -> Result<Vec<Candidate>, ServiceError> {
    let Some(device) = attempt.device.as_ref().filter(|device| !device.accounts().is_empty()) else {
        return Ok(Vec::new());
    };
    let mut known = services.database.directory().known_candidates(identifier, device.accounts()).await?;
    if attempt.names_tenant() && !known.is_empty() {
        let meant = attempt.candidates(services, identifier).await?;
        known.retain(|candidate| meant.contains(candidate));
    }
    Ok(known)
}

/// Lets the attempt in, and says in which line its hash waits. A browser that is known goes its own way, so
/// that others' failures do not keep it out.
async fn admit(
    services: &Services,
    client: &Client,
    attempt: &LoginAttempt,
    (identifier, known): (&Identifier, &[Candidate]),
) -> Result<(AdmittedAttempt, HashTurn), ThrottleError> {
    let organization = attempt.organization();
    let login = ThrottledLogin { address: client.address, identifier, organization: &organization };
    if let Some(device) = attempt.device.as_ref().filter(|_| !known.is_empty()) {
        match services.throttle.login_of_browser(&device.id, &login).await {
            // The browser has failed too often, and is a stranger from now on.
            Err(ThrottleError::Refused(_)) => {}
            admitted => return Ok((admitted?, HashTurn::KnownBrowser(device.id, client.address))),
        }
    }
    Ok((services.throttle.login(&login).await?, HashTurn::Address(client.address)))
}

impl LoginAttempt {
    fn names_tenant(&self) -> bool {
        self.tenant_name.is_some() || self.tenant_number.is_some()
    }

    /// The organization as the attempt names it; empty when it does not.
    fn organization(&self) -> String {
        match (self.tenant_number, &self.tenant_name) {
            (Some(number), _) => format!("number {number}"),
            (None, Some(name)) => format!("name {}", name.key()),
            (None, None) => String::new(),
        }
    }

    async fn candidates(
        &self,
        services: &Services,
        identifier: &Identifier,
    ) -> Result<Vec<Candidate>, ServiceError> {
        let directory = services.database.directory();
        Ok(directory.candidates(identifier, self.tenant_name.as_ref(), self.tenant_number).await?)
    }
}

/// The check of one attempt's password.
struct Search<'a> {
    services: &'a Services,
    attempt: &'a LoginAttempt,
    turn: HashTurn,
}

impl Search<'_> {
    /// The accounts to which the password belongs. Those that the browser knows come first; if one of them
    /// fits, the others cost no hash.
    async fn check(
        &self,
        identifier: &Identifier,
        known: Vec<Candidate>,
    ) -> Result<Vec<Matched>, ServiceError> {
        let mut hashes = if self.attempt.names_tenant() { 1 } else { TRIED_HASHES };
        let mut others = self.attempt.candidates(self.services, identifier).await?;
        others.retain(|candidate| !known.contains(candidate));
        let mut matched = Vec::new();
        if matches!(self.turn, HashTurn::KnownBrowser(..)) {
            let (tried, rest) = self.read(known, hashes).await?;
            hashes -= distinct(&tried).len();
            matched = self.fitting(tried, 0).await?;
            others.extend(rest);
        } else {
            others.splice(0..0, known);
        }
        let (tried, rest) = self.read(others, hashes).await?;
        let rest = if matched.is_empty() {
            matched = self.fitting(tried, hashes).await?;
            rest
        } else {
            matched.extend(tried.into_iter().filter(|one| has_hash_of(&matched, one)).collect::<Vec<_>>());
            rest
        };
        self.with_copies(matched, rest).await
    }

    /// The accounts of the first candidates, as many as have `hashes` different hashes, and the candidates
    /// behind them. An account that joined by invitation has a copy of another's hash.
    async fn read(
        &self,
        candidates: Vec<Candidate>,
        hashes: usize,
    ) -> Result<(Vec<Matched>, Vec<Candidate>), ServiceError> {
        let mut accounts = Vec::new();
        let mut candidates = candidates.into_iter();
        while distinct(&accounts).len() < hashes
            && let Some(candidate) = candidates.next()
        {
            accounts.extend(self.account(candidate).await?);
        }
        Ok((accounts, candidates.collect()))
    }

    async fn account(&self, candidate: Candidate) -> Result<Option<Matched>, ServiceError> {
        let account = self.services.database.tenant(candidate.tenant).account(candidate.user).await?;
        Ok(account.map(|account| Matched { candidate, account }))
    }

    /// The accounts to which the password belongs, at the cost of at least `hashes` hashes.
    async fn fitting(&self, accounts: Vec<Matched>, hashes: usize) -> Result<Vec<Matched>, ServiceError> {
        let stored = distinct(&accounts);
        let mut tried: Vec<_> = stored.iter().map(|hash| Some((*hash).to_owned())).collect();
        tried.resize(tried.len().max(hashes), None);
        if tried.is_empty() {
            return Ok(Vec::new());
        }
        let fits = self.services.hasher.verify_each(self.turn, &self.attempt.password, tried).await?;
        let fitting: Vec<String> =
            stored.iter().zip(fits).filter(|(_, fits)| *fits).map(|(hash, _)| (*hash).to_owned()).collect();
        Ok(accounts.into_iter().filter(|one| fitting.contains(&one.account.password_hash)).collect())
    }

    /// Adds the candidates that have the hash of a matched account: they need no hash of their own.
    async fn with_copies(
        &self,
        mut matched: Vec<Matched>,
        rest: Vec<Candidate>,
    ) -> Result<Vec<Matched>, ServiceError> {
        if matched.is_empty() {
            return Ok(matched);
        }
        for candidate in rest {
            let copy = self.account(candidate).await?.filter(|one| has_hash_of(&matched, one));
            matched.extend(copy);
        }
        Ok(matched)
    }

    /// Replaces hashes of another cost than the current setting, as the password is known only now.
    async fn renew_hashes(&self, matched: &[Matched]) -> Result<(), ServiceError> {
        for Matched { candidate, account } in matched {
            let (old_hash, hasher) = (&account.password_hash, &self.services.hasher);
            if let Some(new_hash) = hasher.refresh(self.turn, &self.attempt.password, old_hash).await {
                let tenant = self.services.database.tenant(candidate.tenant);
                tenant.rehash(candidate.user, old_hash, &new_hash).await?;
            }
        }
        Ok(())
    }
}

fn has_hash_of(matched: &[Matched], one: &Matched) -> bool {
    matched.iter().any(|known| known.account.password_hash == one.account.password_hash)
}

/// The different hashes of accounts, in their order.
fn distinct(accounts: &[Matched]) -> Vec<&str> {
    let mut hashes: Vec<&str> = Vec::new();
    for account in accounts {
        let hash = account.account.password_hash.as_str();
        if !hashes.contains(&hash) {
            hashes.push(hash);
        }
    }
    hashes
}
