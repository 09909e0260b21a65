//! A GET request to a server of this program on this machine. Each request has its own connection and is
//! HTTP/1.0, so the response is never chunked and ends with the connection (RFC 9112, sections 6.3 and 7.1).

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::Context;

use crate::settings::Secret;

/// The largest response that is read, in bytes. No page of the console comes near it.
const RESPONSE_LIMIT: u64 = 64 * 1024 * 1024;

/// A connection for one request.
pub(super) struct HttpConnection {
    stream: TcpStream,
    address: SocketAddr,
}

/// The status and the body of a response.
pub(super) struct HttpResponse {
    pub(super) status: u16,
    pub(super) body: String,
}

/// The address by which this machine reaches a server that listens on `address`: loopback for a server that
/// listens on all addresses.
pub(super) fn loopback_if_unspecified(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(if address.is_ipv4() {
            Ipv4Addr::LOCALHOST.into()
        } else {
            Ipv6Addr::LOCALHOST.into()
        });
    }
    address
}

impl HttpConnection {
    /// `timeout` limits the connecting and each read.
    pub(super) fn open(address: SocketAddr, timeout: Duration) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&address, timeout)?;
        stream.set_read_timeout(Some(timeout))?;
        Ok(Self { stream, address })
    }

    /// Sends a request for `target`, a path with an optional query, and reads the response.
    pub(super) fn get(mut self, target: &str, bearer: Option<&Secret>) -> anyhow::Result<HttpResponse> {
        let address = self.address;
        let authorization =
            bearer.map_or_else(String::new, |token| format!("Authorization: Bearer {}\r\n", token.expose()));
        write!(
            self.stream,
            "GET {target} HTTP/1.0\r\nHost: localhost\r\n{authorization}Connection: close\r\n\r\n"
        )?;
        let mut response = String::new();
        self.stream
            .take(RESPONSE_LIMIT)
            .read_to_string(&mut response)
            .with_context(|| format!("{address} does not answer"))?;
        parse(&response).with_context(|| format!("{address} answered something else than HTTP"))
    }
}

fn parse(response: &str) -> Option<HttpResponse> {
    let (head, body) = response.split_once("\r\n\r\n")?;
    let status = head.split_whitespace().nth(1)?.parse().ok()?;
    Some(HttpResponse { status, body: body.trim().to_owned() })
}
