//! An HTTP client at an address of its own, with a new connection for each request, as a new visitor has.

use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

use crate::outcome::Outcome;

/// An answer later than this counts as none.
const TIMEOUT: Duration = Duration::from_secs(15);

/// A client.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    base: String,
}

/// A request to be sent.
#[derive(Clone, Debug)]
pub struct Call {
    method: &'static str,
    path: String,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

/// An answer; its status is 0 if there was none.
#[derive(Clone, Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    pub time: Duration,
}

impl Client {
    /// A client at this address.
    pub fn at(base: &str, address: Ipv4Addr) -> Outcome<Self> {
        Self::with_timeout(base, address, TIMEOUT)
    }

    /// The same with another timeout.
    pub fn with_timeout(base: &str, address: Ipv4Addr, timeout: Duration) -> Outcome<Self> {
        let http = crate::http::client()
            .local_address(IpAddr::V4(address))
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .pool_max_idle_per_host(0)
            .timeout(timeout)
            .build()?;
        Ok(Self { http, base: base.to_owned() })
    }

    /// Sends a request and reads the answer.
    pub async fn send(&self, call: Call) -> Reply {
        let started = Instant::now();
        let mut reply = self.try_send(call).await.unwrap_or(Reply {
            status: 0,
            headers: Vec::new(),
            body: Vec::new(),
            time: Duration::ZERO,
        });
        reply.time = started.elapsed();
        reply
    }

    async fn try_send(&self, call: Call) -> Result<Reply, reqwest::Error> {
        let method = call.method.parse().expect("a method");
        let mut request = self.http.request(method, format!("{}{}", self.base, call.path)).body(call.body);
        for (name, value) in call.headers {
            request = request.header(name, value);
        }
        let answer = request.send().await?;
        let status = answer.status().as_u16();
        let text = |value: &reqwest::header::HeaderValue| value.to_str().unwrap_or_default().to_owned();
        let headers = answer.headers().iter().map(|(name, value)| (name.to_string(), text(value))).collect();
        Ok(Reply { status, headers, body: answer.bytes().await?.to_vec(), time: Duration::ZERO })
    }
}

impl Call {
    /// A request without a body.
    pub fn new(method: &'static str, path: impl Into<String>) -> Self {
        Self { method, path: path.into(), headers: Vec::new(), body: Vec::new() }
    }

    /// With a header.
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// With a bearer token.
    pub fn bearer(self, token: &str) -> Self {
        self.header("authorization", format!("Bearer {token}"))
    }

    /// With a body of this type.
    pub fn body(mut self, kind: &str, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self.header("content-type", kind)
    }

    /// With a JSON body.
    pub fn json(self, value: &serde_json::Value) -> Self {
        self.body("application/json", value.to_string())
    }

    /// With a form as its body.
    pub fn form(self, fields: &[(&str, &str)]) -> Self {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        self.body("application/x-www-form-urlencoded", body)
    }
}

impl Reply {
    /// The first header with this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The values of all headers with this name.
    pub fn headers<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers.iter().filter(move |(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| &**value)
    }

    /// The body as JSON; null if it is none.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The reply if it has this status.
    pub fn expect(self, status: u16, what: &str) -> Outcome<Self> {
        if self.status == status {
            return Ok(self);
        }
        let text: String = self.text().chars().take(200).collect();
        Err(format!("{what} was answered {} instead of {status}: {text}", self.status).into())
    }

    /// The path of the link to the next page of a list.
    pub fn next_page(&self) -> Option<String> {
        let link = self.headers("link").find(|link| link.contains("rel=\"next\""))?;
        let target = link.split_once('<')?.1.split_once('>')?.0;
        let path = target.find("://").and_then(|scheme| {
            let rest = &target[scheme + 3..];
            rest.find('/').map(|slash| &rest[slash..])
        });
        Some(path.unwrap_or(target).to_owned())
    }
}
