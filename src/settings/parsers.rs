//! Parsers of values that more than one setting has. An error is the rest of a sentence that begins with the
//! name of the variable.

use std::fmt::Display;
use std::net::{SocketAddr, ToSocketAddrs};
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

/// Passwords that attackers try first.
const WELL_KNOWN_PASSWORDS: &[&str] =
    &["", "postgres", "password", "pigeonhole", "admin", "citus", "mypass", "changeme"];

pub(super) fn is_well_known(password: &[u8]) -> bool {
    WELL_KNOWN_PASSWORDS.iter().any(|known| known.as_bytes() == password)
}

pub(super) fn on_or_off(text: &str) -> Result<bool, String> {
    match text.to_lowercase().as_str() {
        "on" | "true" | "1" | "yes" => Ok(true),
        "off" | "false" | "0" | "no" => Ok(false),
        other => Err(format!("is {other:?}; it must be on or off")),
    }
}

/// A host name is looked up, and its first address is taken.
pub(super) fn address(text: &str) -> Result<SocketAddr, String> {
    let found = text.to_socket_addrs().ok().and_then(|mut found| found.next());
    found.ok_or_else(|| format!("is {text:?}; it must be an address and a port such as 127.0.0.1:5000"))
}

pub(super) fn whole_number<T>(range: RangeInclusive<T>) -> impl Fn(&str) -> Result<T, String> + Clone
where
    T: FromStr + PartialOrd + Display + Clone,
{
    move |text| {
        let number = text.parse().ok().filter(|number| range.contains(number));
        number.ok_or_else(|| format!("must be a number from {} to {}", range.start(), range.end()))
    }
}

pub(super) fn seconds(range: RangeInclusive<f64>) -> impl Fn(&str) -> Result<Duration, String> + Clone {
    move |text| {
        let seconds = text.parse().ok().filter(|seconds| range.contains(seconds));
        seconds
            .map(Duration::from_secs_f64)
            .ok_or_else(|| format!("must be a number of seconds from {} to {}", range.start(), range.end()))
    }
}
