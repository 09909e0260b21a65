//! Slowing down guesses: of passwords, tokens and invitations, and sign-ups in great number. Each attempt is
//! taken from buckets that all processes share (`store::throttles`), before a password is hashed. A success
//! gives it back, so that only failures count.
//!
//! All keys come from the request alone and never from what the directory holds. So a refusal does not tell
//! whether an account exists.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::first_line::FirstLine;
use super::throttle_rules::{BucketRules, ThrottleLimits};
use crate::db::{Database, DbError};
use crate::domain::{ClientNetwork, Identifier, TenantId, UserId};
use crate::store::{BucketRule, Candidate};

/// Why an attempt is not let in.
#[derive(Debug, thiserror::Error)]
pub enum ThrottleError {
    #[error("too many attempts; the next one is let in after {0:?}")]
    Refused(Duration),
    #[error(transparent)]
    Database(#[from] DbError),
}

/// The throttle of a process. Clones share it.
#[derive(Clone)]
pub struct Throttle {
    database: Database,
    rules: BucketRules,
    first_line: Arc<FirstLine>,
    refused: Arc<AtomicU64>,
}

/// What a success does with a bucket. A bucket that several accounts may share is never cleared: the owner of
/// one of them would give guesses at the others back.
#[derive(Clone, Copy)]
enum OnSuccess {
    Clear,
    GiveBack,
}

struct TakenAttempt {
    key: [u8; 32],
    moved: i64,
    on_success: OnSuccess,
}

/// An attempt that was let in.
#[must_use]
pub struct AdmittedAttempt {
    throttle: Throttle,
    taken: Vec<TakenAttempt>,
}

/// An attempt to log in, as far as the throttle knows it.
pub struct ThrottledLogin<'a> {
    pub address: IpAddr,
    pub identifier: &'a Identifier,
    /// The organization, as the request names it; empty when it does not.
    pub organization: &'a str,
}

/// Where a secret comes from that was not found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnknownSecret {
    BearerToken,
    /// Our own seal protects a cookie, so it names a session that ended and is no guess.
    Cookie,
    Invitation,
}

impl Throttle {
    /// The throttle with these limits.
    pub fn new(database: &Database, limits: ThrottleLimits) -> Self {
        Self {
            database: database.clone(),
            rules: BucketRules::new(limits),
            first_line: Arc::new(FirstLine::new(limits.attempts)),
            refused: Arc::default(),
        }
    }

    /// Attempts that this process refused since the start.
    pub fn refused(&self) -> u64 {
        self.refused.load(Relaxed)
    }

    /// Lets a login in of a client that is not known. A success gives its own attempt back and no other.
    ///
    /// # Errors
    /// [`ThrottleError::Refused`] for too many failures of the address, its network or the name, and for more
    /// logins of the name from the address than a person or a script makes, also successful ones.
    pub async fn login(&self, login: &ThrottledLogin<'_>) -> Result<AdmittedAttempt, ThrottleError> {
        self.count(login.address)?;
        let (rules, name) = (&self.rules, login.identifier.hash());
        let (host, network) =
            (ClientNetwork::of(login.address).bytes(), ClientNetwork::around(login.address).bytes());
        let here = key("login of name and address", &[&name, &host]);
        let everywhere = key("login of name", &[&name, login.named_organization()]);
        for known in [&here, &everywhere] {
            self.refuse_known(known)?;
        }
        let logins = key("logins", &[&name, login.organization.as_bytes(), &host]);
        self.first_line.count_name(&logins).map_err(|wait| self.refuse(wait))?;
        let mut admission = self.attempt();
        let address = key("login of address", &[&host]);
        admission.take(address, &rules.failures_of_address, OnSuccess::GiveBack).await?;
        let network = key("login of network", &[&network]);
        admission.take(network, &rules.failures_of_network, OnSuccess::GiveBack).await?;
        admission.take(here, &rules.failures_of_name_and_address, OnSuccess::GiveBack).await?;
        // One address adds its first failures of a day to the name and no more, so that it alone slows no
        // other client. The further ones of all such addresses have a bucket of their own.
        let first = key("first logins of name and address", &[&name, &host]);
        if admission.take_if_admitted(first, &rules.first_failures_of_day).await? {
            admission.take(everywhere, &rules.failures_of_name, OnSuccess::GiveBack).await?;
        } else {
            let further = key("further logins of name", &[&name, login.named_organization()]);
            let rule = &rules.failures_of_name_from_persistent;
            admission.take(further, rule, OnSuccess::GiveBack).await?;
        }
        Ok(admission)
    }

    /// Lets a login in of a browser to `account`, to which it logged in before under this name. None when the
    /// browser has used up its failures for the name. Others' failures do not count here, and their logins
    /// from the same address neither.
    ///
    /// # Errors
    /// [`ThrottleError::Refused`] for more logins of the browser or the account than a person makes.
    pub async fn login_of_browser(
        &self,
        browser: &[u8; 16],
        account: Candidate,
        identifier: &Identifier,
    ) -> Result<Option<AdmittedAttempt>, ThrottleError> {
        let account = user_bytes(account.tenant, account.user);
        for counted in [key("known browser", &[browser]), key("known account", &[&account])] {
            self.first_line.count_browser(&counted).map_err(|wait| self.refuse(wait))?;
        }
        let mut admission = self.attempt();
        let own = key("login of browser", &[&identifier.hash(), browser]);
        let admitted = admission.take_if_admitted(own, &self.rules.failures_of_browser).await?;
        Ok(admitted.then_some(admission))
    }

    /// Lets a sign-up in.
    ///
    /// # Errors
    /// [`ThrottleError::Refused`] for too many sign-ups of the address or its network.
    pub async fn sign_up(&self, address: IpAddr) -> Result<AdmittedAttempt, ThrottleError> {
        self.count(address)?;
        let mut admission = self.attempt();
        let (host, network) = (ClientNetwork::of(address).bytes(), ClientNetwork::around(address).bytes());
        let rules = &self.rules;
        let host = key("sign-up of address", &[&host]);
        admission.take(host, &rules.sign_ups_of_address, OnSuccess::GiveBack).await?;
        let network = key("sign-up of network", &[&network]);
        admission.take(network, &rules.sign_ups_of_network, OnSuccess::GiveBack).await?;
        Ok(admission)
    }

    /// Lets a client in that joins by an invitation in force. Many colleagues may do so from one office.
    ///
    /// # Errors
    /// [`ThrottleError::Refused`] for too many from the address.
    pub async fn join(&self, address: IpAddr) -> Result<AdmittedAttempt, ThrottleError> {
        self.count(address)?;
        let mut admission = self.attempt();
        let host = key("join of address", &[&ClientNetwork::of(address).bytes()]);
        admission.take(host, &self.rules.joins_of_address, OnSuccess::GiveBack).await?;
        Ok(admission)
    }

    /// Lets a user try the current password, to change it.
    ///
    /// # Errors
    /// [`ThrottleError::Refused`] for too many wrong ones.
    pub async fn password_change(
        &self,
        tenant: TenantId,
        user: UserId,
    ) -> Result<AdmittedAttempt, ThrottleError> {
        let key = key("password of user", &[&user_bytes(tenant, user)]);
        self.refuse_known(&key)?;
        // Each change costs two hashes, also a right one.
        self.first_line.count_name(&key).map_err(|wait| self.refuse(wait))?;
        let mut admission = self.attempt();
        admission.take(key, &self.rules.password_of_user, OnSuccess::Clear).await?;
        Ok(admission)
    }

    /// Lets a user make an invitation.
    ///
    /// # Errors
    /// [`ThrottleError::Refused`] for too many in a short time.
    pub async fn invite(&self, tenant: TenantId, user: UserId) -> Result<(), ThrottleError> {
        let key = key("invitations of user", &[&user_bytes(tenant, user)]);
        let mut admission = self.attempt();
        admission.take(key, &self.rules.invitations_of_user, OnSuccess::GiveBack).await.map(drop)
    }

    /// Refuses to look a secret up, when the address has sent too many that do not exist and keeps sending.
    /// A client behind the same address with a right one is let in, up to the rate of the first line.
    ///
    /// # Errors
    /// [`ThrottleError::Refused`].
    pub fn before_lookup(&self, secret: UnknownSecret, address: IpAddr) -> Result<(), ThrottleError> {
        match self.first_line.refusal(&secret_key(secret, address)) {
            Some(_) => self.count(address),
            None => Ok(()),
        }
    }

    /// Counts a secret that was not found.
    ///
    /// # Errors
    /// [`ThrottleError::Refused`] for too many of the address.
    pub async fn not_found(&self, secret: UnknownSecret, address: IpAddr) -> Result<(), ThrottleError> {
        let rule = match secret {
            UnknownSecret::Cookie => &self.rules.ended_cookies,
            UnknownSecret::BearerToken | UnknownSecret::Invitation => &self.rules.failures_of_address,
        };
        let mut admission = self.attempt();
        admission.take(secret_key(secret, address), rule, OnSuccess::GiveBack).await.map(drop)
    }

    /// An attempt that has taken nothing yet.
    fn attempt(&self) -> AdmittedAttempt {
        AdmittedAttempt { throttle: self.clone(), taken: Vec::new() }
    }

    fn count(&self, address: IpAddr) -> Result<(), ThrottleError> {
        self.first_line.count(address).map_err(|wait| self.refuse(wait))
    }

    fn refuse_known(&self, key: &[u8; 32]) -> Result<(), ThrottleError> {
        match self.first_line.refusal(key) {
            Some(wait) => Err(self.refuse(wait)),
            None => Ok(()),
        }
    }

    fn refuse(&self, wait: Duration) -> ThrottleError {
        self.refused.fetch_add(1, Relaxed);
        ThrottleError::Refused(wait)
    }
}

impl ThrottledLogin<'_> {
    /// The organization that separates users of one name. An e-mail is one person's, whatever organization is
    /// named with it.
    fn named_organization(&self) -> &[u8] {
        if self.identifier.is_email() { &[] } else { self.organization.as_bytes() }
    }

    /// The key of the logins that are checked one after the other. With an organization only its own user has
    /// logins that succeed.
    pub fn name_key(&self) -> [u8; 32] {
        key("turn of name", &[&self.identifier.hash(), self.organization.as_bytes()])
    }
}

impl AdmittedAttempt {
    /// Takes an attempt from one more bucket. On a refusal what was taken from the buckets before comes back:
    /// an attempt that is not let in is no failure of its address.
    async fn take(
        &mut self,
        key: [u8; 32],
        rule: &BucketRule,
        on_success: OnSuccess,
    ) -> Result<(), ThrottleError> {
        if let Err(refused) = self.throttle.refuse_known(&key) {
            self.give_back().await;
            return Err(refused);
        }
        let throttle = &self.throttle;
        let answer = throttle.database.directory().take(&key, rule).await?;
        if !answer.admitted {
            let wait = Duration::from_millis(u64::try_from(answer.wait).unwrap_or_default());
            throttle.first_line.keep(key, wait);
            let refused = throttle.refuse(wait);
            self.give_back().await;
            return Err(refused);
        }
        self.taken.push(TakenAttempt { key, moved: rule.moved_by(answer.failures), on_success });
        Ok(())
    }

    /// The same for a bucket that does not refuse: whether it had an attempt left.
    async fn take_if_admitted(&mut self, key: [u8; 32], rule: &BucketRule) -> Result<bool, DbError> {
        let answer = self.throttle.database.directory().take(&key, rule).await?;
        if answer.admitted {
            let moved = rule.moved_by(answer.failures);
            self.taken.push(TakenAttempt { key, moved, on_success: OnSuccess::GiveBack });
        }
        Ok(answer.admitted)
    }

    /// The attempt succeeded: what it took comes back.
    ///
    /// # Errors
    /// [`DbError`] of a statement.
    pub async fn succeed(self) -> Result<(), DbError> {
        let directory = self.throttle.database.directory();
        for TakenAttempt { key, moved, on_success } in &self.taken {
            self.throttle.first_line.forget(key);
            match on_success {
                OnSuccess::Clear => directory.clear(key).await?,
                OnSuccess::GiveBack => directory.give_back(key, *moved).await?,
            }
        }
        Ok(())
    }

    /// The attempt was neither accepted nor refused, as the server is busy: what it took comes back.
    pub async fn undo(mut self) {
        self.give_back().await;
    }

    async fn give_back(&mut self) {
        let directory = self.throttle.database.directory();
        for TakenAttempt { key, moved, .. } in self.taken.drain(..) {
            if let Err(error) = directory.give_back(&key, moved).await {
                log::warn!("an attempt could not be given back: {error}");
            }
        }
    }
}

fn secret_key(secret: UnknownSecret, address: IpAddr) -> [u8; 32] {
    let kind = match secret {
        UnknownSecret::BearerToken => "unknown token",
        UnknownSecret::Cookie => "ended cookie",
        UnknownSecret::Invitation => "unknown invitation",
    };
    key(kind, &[&ClientNetwork::of(address).bytes()])
}

fn user_bytes(tenant: TenantId, user: UserId) -> Vec<u8> {
    [tenant.number().to_be_bytes(), user.number().to_be_bytes()].concat()
}

/// The key of a bucket. The length of each part is hashed with it, so that no two subjects have one key.
fn key(kind: &str, parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in [b"pigeonhole throttle v1", kind.as_bytes()].into_iter().chain(parts.iter().copied()) {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}
