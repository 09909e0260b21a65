//! The console's token: its comparison, the cookie of a browser that has given it, and the limit on wrong
//! ones.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use actix_web::cookie::Key;
use actix_web::{HttpRequest, web};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::services::audit::{self, Subject};
use crate::web::Site;
use crate::web::cookie::{seal, unseal};

/// Seconds for which a browser stays logged in.
pub(super) const COOKIE_LIFE: i64 = 12 * 60 * 60;
const PURPOSE: &str = "console login";
/// Wrong tokens that one address may send in a window, and all addresses together.
const FAILURE_LIMITS: (u32, u32) = (5, 50);
/// The window in which wrong tokens are counted.
pub(super) const FAILURE_WINDOW: Duration = Duration::from_secs(60);

/// The most logins that are in force at a time. Each takes some 50 bytes, and a login needs the token.
const LOGINS_LIMIT: usize = 10_000;

/// ADMIN_TOKEN, if it is set.
pub struct ConsoleToken {
    token: Option<String>,
    /// Seals the cookie; derived from the token.
    key: Option<Key>,
    /// The logins in force: the random number in each cookie, and when it expires, in seconds since 1970.
    /// They are those of this process alone, so that a restart ends them and brings none back.
    logins: Mutex<HashMap<u128, i64>>,
    failures: Mutex<HashMap<IpAddr, (Instant, u32)>>,
}

impl ConsoleToken {
    /// Without a token every request is let through.
    ///
    /// # Panics
    /// For a token of fewer than 32 bytes, which the settings refuse.
    pub fn new(token: Option<String>) -> Self {
        let key = token.as_ref().map(|token| Key::derive_from(token.as_bytes()));
        Self { token, key, logins: Mutex::default(), failures: Mutex::default() }
    }

    /// Whether requests need a token.
    pub fn is_set(&self) -> bool {
        self.token.is_some()
    }

    /// Compares in constant time.
    pub(super) fn matches(&self, given: &str) -> bool {
        self.token.as_ref().is_some_and(|token| {
            mac(token, "the token itself")
                .verify_slice(&mac(given, "the token itself").finalize().into_bytes())
                .is_ok()
        })
    }

    /// Starts a login that expires at `until`, in seconds since 1970, and gives the value of its cookie; none
    /// where no token is set, or without randomness.
    pub(super) fn start_login(&self, until: i64) -> Option<String> {
        let key = self.key.as_ref()?;
        let mut number = [0; 16];
        getrandom::fill(&mut number).ok()?;
        let number = u128::from_ne_bytes(number);
        let mut logins = self.logins();
        let started = until - COOKIE_LIFE;
        logins.retain(|_, end| *end > started);
        if logins.len() >= LOGINS_LIMIT {
            // Those that log in so often are programs, which send the token itself.
            logins.clear();
        }
        logins.insert(number, until);
        Some(seal(key, PURPOSE, format!("{number:032x}")))
    }

    /// Whether a cookie belongs to a login in force at `now`, in seconds since 1970.
    pub(super) fn accepts_cookie(&self, value: &str, now: i64) -> bool {
        let until = self.login_of(value).and_then(|number| self.logins().get(&number).copied());
        until.is_some_and(|until| now < until && until <= now + COOKIE_LIFE)
    }

    /// Ends the login of a cookie: a copy of the cookie is worthless then.
    pub(super) fn end_login(&self, value: &str) {
        if let Some(number) = self.login_of(value) {
            self.logins().remove(&number);
        }
    }

    fn login_of(&self, value: &str) -> Option<u128> {
        u128::from_str_radix(&unseal(self.key.as_ref()?, PURPOSE, value)?, 16).ok()
    }

    fn logins(&self) -> MutexGuard<'_, HashMap<u128, i64>> {
        self.logins.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether this address or all addresses together have sent too many wrong tokens within the window. It
    /// is asked after the comparison: a right token is let in whatever others have sent, and with 32 bytes or
    /// more no guess is ever right.
    pub(super) fn is_locked_for(&self, address: IpAddr) -> bool {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        failures.retain(|_, (since, _)| since.elapsed() < FAILURE_WINDOW);
        let own = failures.get(&address).map_or(0, |(_, count)| *count);
        own >= FAILURE_LIMITS.0 || failures.values().map(|(_, count)| *count).sum::<u32>() >= FAILURE_LIMITS.1
    }

    /// Counts and logs a wrong token.
    pub(super) fn record_failure(&self, address: IpAddr) {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        failures.entry(address).or_insert_with(|| (Instant::now(), 0)).1 += 1;
        audit::refused(address, "wrong token for the console", "", &Subject::Stranger);
    }
}

fn mac(key: &str, text: &str) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).expect("a key of any length");
    mac.update(b"pigeonhole console v1: ");
    mac.update(text.as_bytes());
    mac
}

/// The cookie's name: browsers accept a `__Host-` name only over TLS (RFC 6265bis, 4.1.3.2).
pub(super) fn cookie_name(request: &HttpRequest) -> &'static str {
    if is_tls_only(request) { "__Host-pigeonhole-console" } else { "pigeonhole-console" }
}

/// Whether all origins of the console are HTTPS.
pub(super) fn is_tls_only(request: &HttpRequest) -> bool {
    request.app_data::<web::Data<Site>>().is_some_and(|site| site.tls_only)
}

/// The address that wrong tokens of a request are counted under.
pub(super) fn peer(request: &HttpRequest) -> IpAddr {
    request.peer_addr().map_or(IpAddr::from([0, 0, 0, 0]), |address| address.ip())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "0123456789abcdef0123456789abcdef";

    #[test]
    fn a_cookie_is_accepted_until_it_expires_and_with_its_token_only() {
        let access = ConsoleToken::new(Some(TOKEN.to_owned()));
        let value = access.start_login(1000).expect("a cookie");
        assert!(access.accepts_cookie(&value, 999));
        assert!(!access.accepts_cookie(&value, 1000));
        assert!(!access.accepts_cookie(&value, 1000 - COOKIE_LIFE - 1));
        let mut changed = value.clone();
        changed.replace_range(20..21, if &value[20..21] == "A" { "B" } else { "A" });
        assert!(!access.accepts_cookie(&changed, 999));
        for token in [TOKEN, "another token of thirty-two chars"] {
            let other = ConsoleToken::new(Some(token.to_owned()));
            assert!(!other.accepts_cookie(&value, 999), "another process");
        }
        assert!(!ConsoleToken::new(None).accepts_cookie(&value, 999));
        for broken in ["", ".", "1000", "1000.zz", "1000.é", "x.00"] {
            assert!(!access.accepts_cookie(broken, 999), "{broken:?}");
            access.end_login(broken);
        }
        let second = access.start_login(1000).expect("a cookie");
        access.end_login(&value);
        assert!(!access.accepts_cookie(&value, 999) && access.accepts_cookie(&second, 999));
    }

    #[test]
    fn one_address_is_locked_out_after_five_failures_and_others_are_not() {
        let access = ConsoleToken::new(Some(TOKEN.to_owned()));
        let (here, there) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        for _ in 0..FAILURE_LIMITS.0 {
            assert!(!access.is_locked_for(here));
            access.record_failure(here);
        }
        assert!(access.is_locked_for(here));
        assert!(!access.is_locked_for(there));
    }
}
