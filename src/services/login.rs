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
/// A browser that logged in before is let in to its own accounts, whatever others failed. Any other account
/// of the name is tried as for a stranger. If a stranger would have to wait, the password is wrong: the
/// browser's user, who mistyped it, is not told to wait for the failures of others.
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
    let search = Search { services, client, attempt, identifier: &identifier };
    let own = search.try_known().await?;
    let (own_admission, tried) =
        own.map_or_else(Default::default, |(admission, tried)| (Some(admission), tried));
    let known_failed = tried.hashes > 0 && tried.matched.is_empty();
    let found = if tried.matched.is_empty() {
        search.try_others(&tried).await
    } else {
        search.with_copies(tried).await.map(|matched| (None, matched))
    };
    let (admission, matched) = match found {
        Ok(found) => found,
        Err(ServiceError::Throttled(_)) if known_failed => return Ok(LoginOutcome::Refused),
        Err(error) => {
            undo(own_admission).await;
            return Err(error);
        }
    };
    if matched.is_empty() {
        audit::refused(client.address, "login refused", "", &Subject::TypedName(&attempt.name));
        return Ok(LoginOutcome::Refused);
    }
    for admission in own_admission.into_iter().chain(admission) {
        admission.succeed().await?;
    }
    search.renew_hashes(&matched).await?;
    Ok(LoginOutcome::Matched(matched))
}

/// Whether the password belongs to `hash`, tried and throttled as a login with `name` would. Other requests
/// than a login may depend on a password.
///
/// # Errors
/// As [`log_in`].
pub async fn password_fits(
    services: &Services,
    client: &Client,
    attempt: &LoginAttempt,
    hash: Option<&str>,
) -> Result<bool, ServiceError> {
    let identifier = Identifier::from_typed(&attempt.name);
    let search = Search { services, client, attempt, identifier: &identifier };
    let hashes = vec![hash.map(str::to_owned)];
    let (admission, fits) = search.as_stranger(search.verify(hashes)).await?;
    if fits != [true] {
        audit::refused(client.address, "login refused", "", &Subject::TypedName(&attempt.name));
        return Ok(false);
    }
    admission.succeed().await?;
    Ok(true)
}

/// A login that was neither accepted nor refused uses nothing up.
async fn undo(admission: Option<AdmittedAttempt>) {
    if let Some(admission) = admission {
        admission.undo().await;
    }
}

impl LoginAttempt {
    fn names_tenant(&self) -> bool {
        self.tenant_name.is_some() || self.tenant_number.is_some()
    }

    /// The stored hashes against which the attempt checks the password.
    fn hashes(&self) -> usize {
        if self.names_tenant() { 1 } else { TRIED_HASHES }
    }

    /// The organization as the attempt names it; empty when it does not.
    fn organization(&self) -> String {
        match (self.tenant_number, &self.tenant_name) {
            (Some(number), _) => format!("number {number}"),
            (None, Some(name)) => format!("name {}", name.key()),
            (None, None) => String::new(),
        }
    }
}

/// The check of one attempt's password.
struct Search<'a> {
    services: &'a Services,
    client: &'a Client,
    attempt: &'a LoginAttempt,
    identifier: &'a Identifier,
}

/// The accounts that a known browser tried.
#[derive(Default)]
struct TriedAccounts {
    /// The accounts that were tried, whether or not the password belongs to them.
    candidates: Vec<Candidate>,
    /// The hashes that it cost.
    hashes: usize,
    matched: Vec<Matched>,
}

impl Search<'_> {
    /// Tries the accounts that the browser logged in to before. None when there are none of this name, and
    /// when the browser has failed too often: it is a stranger then.
    async fn try_known(&self) -> Result<Option<(AdmittedAttempt, TriedAccounts)>, ServiceError> {
        let Some(device) = self.attempt.device.as_ref().filter(|device| !device.accounts().is_empty()) else {
            return Ok(None);
        };
        let known = self.known_accounts(device).await?;
        let Some(first) = known.first().copied() else { return Ok(None) };
        let throttle = &self.services.throttle;
        let admitted = throttle.login_of_browser(&device.id, first, self.identifier).await;
        let Some(admission) = self.recorded(admitted)? else { return Ok(None) };
        let tried = async {
            let (accounts, _) = self.read(known, self.attempt.hashes()).await?;
            let stored = distinct(&accounts);
            let hashes = stored.iter().cloned().map(Some).collect();
            let turn = HashTurn::KnownBrowser(first);
            let fits = self.services.hasher.verify_each(turn, &self.attempt.password, hashes).await?;
            Ok(TriedAccounts {
                candidates: accounts.iter().map(|one| one.candidate).collect(),
                hashes: stored.len(),
                matched: fitting(accounts, &stored, &fits),
            })
        };
        match tried.await {
            Ok(tried) => Ok(Some((admission, tried))),
            Err(error) => {
                admission.undo().await;
                Err(error)
            }
        }
    }

    /// The accounts of the name that this browser logged in to before.
    async fn known_accounts(&self, device: &Device) -> Result<Vec<Candidate>, ServiceError> {
        let directory = self.services.database.directory();
        let mut known = directory.known_candidates(self.identifier, device.accounts()).await?;
        if self.attempt.names_tenant() && !known.is_empty() {
            let meant = self.candidates().await?;
            known.retain(|candidate| meant.contains(candidate));
        }
        Ok(known)
    }

    /// Tries the accounts of the name that were not tried yet, as a stranger.
    async fn try_others(
        &self,
        tried: &TriedAccounts,
    ) -> Result<(Option<AdmittedAttempt>, Vec<Matched>), ServiceError> {
        let left = self.attempt.hashes().saturating_sub(tried.hashes);
        if left == 0 {
            return Ok((None, Vec::new()));
        }
        let check = async {
            let mut others = self.candidates().await?;
            others.retain(|candidate| !tried.candidates.contains(candidate));
            let (accounts, rest) = self.read(others, left).await?;
            let stored = distinct(&accounts);
            let mut hashes: Vec<_> = stored.iter().cloned().map(Some).collect();
            hashes.resize(hashes.len().max(left), None);
            let fits = self.verify(hashes).await?;
            self.add_copies(fitting(accounts, &stored, &fits), rest).await
        };
        let (admission, matched) = self.as_stranger(check).await?;
        Ok((Some(admission), matched))
    }

    async fn verify(&self, hashes: Vec<Option<String>>) -> Result<Vec<bool>, ServiceError> {
        let turn = HashTurn::Address(self.client.address);
        Ok(self.services.hasher.verify_each(turn, &self.attempt.password, hashes).await?)
    }

    /// Lets the attempt in as that of a stranger, and checks it when it is the turn of the name.
    async fn as_stranger<T>(
        &self,
        check: impl Future<Output = Result<T, ServiceError>>,
    ) -> Result<(AdmittedAttempt, T), ServiceError> {
        let (services, address) = (self.services, self.client.address);
        let organization = self.attempt.organization();
        let login = ThrottledLogin { address, identifier: self.identifier, organization: &organization };
        let admission = self.recorded(services.throttle.login(&login).await)?;
        let checked = async {
            let _turn = services.hasher.turn_of_name(login.name_key(), HashTurn::Address(address)).await?;
            check.await
        };
        match checked.await {
            Ok(checked) => Ok((admission, checked)),
            Err(error) => {
                admission.undo().await;
                Err(error)
            }
        }
    }

    /// Writes the line of an attempt that was not let in.
    fn recorded<T>(&self, admitted: Result<T, ThrottleError>) -> Result<T, ThrottleError> {
        admitted.inspect_err(|error| {
            if let ThrottleError::Refused(_) = error {
                let subject = Subject::TypedName(&self.attempt.name);
                audit::refused(self.client.address, "login throttled", "", &subject);
            }
        })
    }

    async fn candidates(&self) -> Result<Vec<Candidate>, ServiceError> {
        let LoginAttempt { tenant_name, tenant_number, .. } = self.attempt;
        let directory = self.services.database.directory();
        Ok(directory.candidates(self.identifier, tenant_name.as_ref(), *tenant_number).await?)
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

    /// The accounts that a known browser found, and those among the others that have the same hash.
    async fn with_copies(&self, tried: TriedAccounts) -> Result<Vec<Matched>, ServiceError> {
        let mut others = self.candidates().await?;
        others.retain(|candidate| !tried.candidates.contains(candidate));
        self.add_copies(tried.matched, others).await
    }

    /// Adds the candidates that have the hash of a matched account: they need no hash of their own.
    async fn add_copies(
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
        let turn = HashTurn::Address(self.client.address);
        for Matched { candidate, account } in matched {
            let (old_hash, hasher) = (&account.password_hash, &self.services.hasher);
            if let Some(new_hash) = hasher.refresh(turn, &self.attempt.password, old_hash).await {
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
fn distinct(accounts: &[Matched]) -> Vec<String> {
    let mut hashes: Vec<String> = Vec::new();
    for account in accounts {
        let hash = &account.account.password_hash;
        if !hashes.contains(hash) {
            hashes.push(hash.clone());
        }
    }
    hashes
}

/// The accounts whose hash is one of those that fit.
fn fitting(accounts: Vec<Matched>, stored: &[String], fits: &[bool]) -> Vec<Matched> {
    let fitting: Vec<&String> =
        stored.iter().zip(fits).filter(|(_, fits)| **fits).map(|(hash, _)| hash).collect();
    accounts.into_iter().filter(|one| fitting.contains(&&one.account.password_hash)).collect()
}
