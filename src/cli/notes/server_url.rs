//! The address of a server: `https:` anywhere, `http:` on this machine only, because passwords and tokens
//! travel over it.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use url::{Host, Url};

use super::failure::{ClientFailure, FailureKind};

/// Where `localhost` is, whatever a name server says.
pub(super) const LOCALHOST: [SocketAddr; 2] = [
    SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0),
    SocketAddr::new(std::net::IpAddr::V6(Ipv6Addr::LOCALHOST), 0),
];

/// An origin to which a password may be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ServerUrl(Url);

impl ServerUrl {
    pub(super) fn parse(text: &str) -> Result<Self, ClientFailure> {
        let refused = |why: &str| ClientFailure::new(FailureKind::Usage, format!("{why} Nothing was sent."));
        let Ok(url) = Url::parse(text) else {
            return Err(refused("The server is no address such as https://notes.example.org."));
        };
        // Before the address is repeated in a message: a password may be in it.
        if !url.username().is_empty() || url.password().is_some() {
            return Err(refused("The server's address must have no name and no password."));
        }
        if !matches!(url.scheme(), "https" | "http") {
            return Err(refused("The server's address must begin with https."));
        }
        let origin_only = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
        if !origin_only {
            return Err(refused("The server's address must end after its host or port."));
        }
        if url.scheme() == "http" && !is_loopback(&url) {
            return Err(refused(&format!("{text} is not encrypted: use https. http is for localhost only.")));
        }
        Ok(Self(url))
    }

    pub(super) fn is_https(&self) -> bool {
        self.0.scheme() == "https"
    }

    /// The URL of a path with an optional query on this server; none when the text leads to another server.
    pub(super) fn join(&self, path: &str) -> Option<Url> {
        let url = self.0.join(path).ok()?;
        (url.origin() == self.0.origin()).then_some(url)
    }
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str().trim_end_matches('/'))
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn https_goes_anywhere_and_http_to_this_machine_only() {
        for good in [
            "https://notes.example.org",
            "https://10.0.0.1:8443/",
            "http://localhost:5000",
            "http://LOCALHOST",
            "http://127.8.9.1:5000",
            "http://[::1]:5000/",
            // The URL standard reads these as 127.0.0.1.
            "http://2130706433",
            "http://127.1",
        ] {
            assert!(ServerUrl::parse(good).is_ok(), "{good}");
        }
        for bad in [
            "http://notes.example.org",
            "http://localhost.example.org",
            "http://127.0.0.1.example.org",
            "http://localhost@example.org",
            "http://localhost.",
            "http://0.0.0.0:5000",
            "http://10.0.0.1",
            "http://[::ffff:10.0.0.1]",
            "http://[::]",
            "https://user:secret@notes.example.org",
            "https://notes.example.org/path",
            "https://notes.example.org/?q",
            "ftp://localhost",
            "file:///etc/passwd",
            "localhost:5000",
            "notes.example.org",
            "",
        ] {
            assert!(ServerUrl::parse(bad).is_err(), "{bad}");
        }
        let secret = ServerUrl::parse("http://user:hunter2@notes.example.org").expect_err("refused");
        assert!(!secret.sentence().contains("hunter2"), "{}", secret.sentence());
    }

    #[test]
    fn a_link_to_another_server_is_not_followed() {
        let server = ServerUrl::parse("https://notes.example.org").expect("a server");
        assert!(server.join("/api/notes?cursor=x").is_some());
        for foreign in
            ["https://evil.test/api", "//evil.test/api", "http://notes.example.org/api", "\\\\evil.test"]
        {
            assert_eq!(server.join(foreign), None, "{foreign}");
        }
    }
}
