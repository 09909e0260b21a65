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
use super::throttle_rules::{BucketRules, FAILURES_OF_A_NAME, ThrottleLimits};
use crate::db::{Database, DbError};
use crate::domain::{ClientNetwork, Identifier, TenantId, UserId};
use crate::store::BucketRule;

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

/// What a success does with a bucket.
#[derive(Clone, Copy)]
enum OnSuccess {
    Clear,
    GiveBack,
}

struct TakenAttempt {
    key: [u8; 32],
    interval: i64,
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

    /// Lets a login in of a client that is not known.
    ///
    /// # Errors
    /// [`ThrottleError::Refused`] for too many failures of the address, its network or the name.
    pub async fn login(&self, login: &ThrottledLogin<'_>) -> Result<AdmittedAttempt, ThrottleError> {
        self.count(login.address)?;
        let (rules, name) = (&self.rules, login.identifier.hash());
        let (host, network) =
            (ClientNetwork::of(login.address).bytes(), ClientNetwork::around(login.address).bytes());
        let here = key("login of name and address", &[&name, &host]);
        let everywhere = key("login of name", &[&name, login.organization.as_bytes()]);
        for known in [&here, &everywhere] {
            self.refuse_known(known)?;
        }
        let mut admission = self.attempt();
        let address = key("login of address", &[&host]);
        admission.take(address, &rules.failures_of_address, 1, OnSuccess::GiveBack).await?;
        let network = key("login of network", &[&network]);
        admission.take(network, &rules.failures_of_network, 1, OnSuccess::GiveBack).await?;
        let failures = admission.take(here, &rules.failures_of_name_and_address, 1, OnSuccess::Clear).await?;
        // One address adds a few failures to the name and no more, so that it alone slows no other client.
        let count = i32::from(failures <= FAILURES_OF_A_NAME);
        admission.take(everywhere, &rules.failures_of_name, count, OnSuccess::Clear).await?;
        Ok(admission)
    }

    /// Lets a login in of a browser that logged in to an account of this name before. Only its own failures
    /// count.
    ///
    /// # Errors
    /// [`ThrottleError::Refused`] when the browser has used up its failures for the name.
    pub async fn login_of_browser(
        &self,
        browser: &[u8; 16],
        login: &ThrottledLogin<'_>,
    ) -> Result<AdmittedAttempt, ThrottleError> {
        let name = login.identifier.hash();
        let mut admission = self.attempt();
        let own = key("login of browser", &[&name, browser]);
        admission.take(own, &self.rules.failures_of_browser, 1, OnSuccess::Clear).await?;
        let (interval, on_success) = (0, OnSuccess::Clear);
        for key in [
            key("login of name and address", &[&name, &ClientNetwork::of(login.address).bytes()]),
            key("login of name", &[&name, login.organization.as_bytes()]),
        ] {
            admission.taken.push(TakenAttempt { key, interval, on_success });
        }
        Ok(admission)
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
        admission.take(host, &rules.sign_ups_of_address, 1, OnSuccess::GiveBack).await?;
        let network = key("sign-up of network", &[&network]);
        admission.take(network, &rules.sign_ups_of_network, 1, OnSuccess::GiveBack).await?;
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
        admission.take(host, &self.rules.joins_of_address, 1, OnSuccess::GiveBack).await?;
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
        let mut admission = self.attempt();
        admission.take(key, &self.rules.failures_of_name_and_address, 1, OnSuccess::Clear).await?;
        Ok(admission)
    }

    /// Lets a user make an invitation.
    ///
    /// # Errors
    /// [`ThrottleError::Refused`] for too many in a short time.
    pub async fn invite(&self, tenant: TenantId, user: UserId) -> Result<(), ThrottleError> {
        let key = key("invitations of user", &[&user_bytes(tenant, user)]);
        let mut admission = self.attempt();
        admission.take(key, &self.rules.invitations_of_user, 1, OnSuccess::GiveBack).await.map(drop)
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
        admission.take(secret_key(secret, address), rule, 1, OnSuccess::GiveBack).await.map(drop)
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

impl AdmittedAttempt {
    /// Takes an attempt from one more bucket, and gives the bucket's failures. On a refusal what was taken from
    /// the buckets before comes back: an attempt that is not let in is no failure of its address.
    async fn take(
        &mut self,
        key: [u8; 32],
        rule: &BucketRule,
        count: i32,
        on_success: OnSuccess,
    ) -> Result<i32, ThrottleError> {
        if let Err(refused) = self.throttle.refuse_known(&key) {
            self.give_back().await;
            return Err(refused);
        }
        let throttle = &self.throttle;
        let answer = throttle.database.directory().take(&key, rule, count).await?;
        if !answer.admitted {
            let wait = Duration::from_millis(u64::try_from(answer.wait).unwrap_or_default());
            throttle.first_line.keep(key, wait);
            let refused = throttle.refuse(wait);
            self.give_back().await;
            return Err(refused);
        }
        self.taken.push(TakenAttempt { key, interval: rule.interval, on_success });
        Ok(answer.failures)
    }

    /// The attempt succeeded: failures in a row end, and what it took comes back.
    ///
    /// # Errors
    /// [`DbError`] of a statement.
    pub async fn succeed(self) -> Result<(), DbError> {
        let directory = self.throttle.database.directory();
        for TakenAttempt { key, interval, on_success } in &self.taken {
            self.throttle.first_line.forget(key);
            match on_success {
                OnSuccess::Clear => directory.clear(key).await?,
                OnSuccess::GiveBack => directory.give_back(key, *interval).await?,
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
        for TakenAttempt { key, interval, .. } in self.taken.drain(..).filter(|taken| taken.interval > 0) {
            if let Err(error) = directory.give_back(&key, interval).await {
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
