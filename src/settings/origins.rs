//! The origins by which browsers open the application or the console.

use std::collections::BTreeSet;
use std::str::FromStr;

use url::{Host, Url};

/// A comma separated list of origins (RFC 6454).
#[derive(Clone, Debug, Default)]
pub struct Origins(Vec<String>);

impl FromStr for Origins {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let origins = text.split(',').map(str::trim).filter(|origin| !origin.is_empty());
        origins.map(origin).collect::<Result<_, _>>().map(Self)
    }
}

fn origin(text: &str) -> Result<String, String> {
    let url = Url::parse(text)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https") && url.path() == "/" && url.query().is_none());
    let url = url.ok_or_else(|| format!("{text:?} is not an origin such as https://notes.example.org"))?;
    Ok(url.origin().ascii_serialization())
}

impl Origins {
    /// The address to show to users: the first origin, or this machine with `port` if none is set.
    pub fn shown(&self, port: u16) -> String {
        self.0.first().cloned().unwrap_or_else(|| format!("http://localhost:{port}"))
    }

    /// The origins, or this machine with `port` if none is set.
    pub fn or_local(&self, port: u16) -> BTreeSet<String> {
        if self.0.is_empty() {
            ["localhost", "127.0.0.1", "[::1]"].iter().map(|host| format!("http://{host}:{port}")).collect()
        } else {
            self.0.iter().cloned().collect()
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn find(&self, wanted: impl Fn(&str) -> bool) -> Option<&str> {
        self.0.iter().map(String::as_str).find(|origin| wanted(origin))
    }
}

/// Whether requests to the origin stay on this machine.
pub(super) fn is_local(origin: &str) -> bool {
    let host = Url::parse(origin).ok().and_then(|url| url.host().map(|host| host.to_owned()));
    match host {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}
