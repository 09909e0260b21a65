//! The IP address of the client that sent a request.
//!
//! A proxy in front of the program reports it in a header that any client can send as well. So the headers
//! count only on connections from the networks in PROXY_TRUSTED, and only the part that these proxies wrote.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use actix_web::http::header::{self, HeaderMap, HeaderName};
use actix_web::{HttpMessage, HttpRequest};

use crate::settings::Networks;

/// The address of a client, as a request guard leaves it in the extensions of the request.
#[derive(Clone, Copy, Debug)]
pub struct ClientAddress(pub IpAddr);

/// The address that the request guard found; 0.0.0.0 without a guard.
pub fn client_address_of(request: &HttpRequest) -> IpAddr {
    let found = request.extensions().get::<ClientAddress>().map(|address| address.0);
    found.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED))
}

/// The client's address. `peer` is the other end of the connection; none counts as 0.0.0.0.
///
/// Each proxy adds the address that it was called from at the right end of `X-Forwarded-For` or `Forwarded`
/// (RFC 7239). Read from the right, the first address that is no trusted proxy is the client's. Where a
/// request has both headers and they differ, one of them came from the client, and neither counts.
pub fn client_address(peer: Option<SocketAddr>, headers: &HeaderMap, trusted: &Networks) -> IpAddr {
    let peer = peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.ip().to_canonical());
    if !trusted.contains(peer) {
        return peer;
    }
    let listed = reported(headers, &header::X_FORWARDED_FOR, |item| Some(item.to_owned()));
    let forwarded = reported(headers, &header::FORWARDED, for_parameter);
    let from = |hops: &[Option<IpAddr>]| nearest_client(peer, hops, trusted);
    match (listed.as_slice(), forwarded.as_slice()) {
        (hops, []) | ([], hops) => from(hops),
        (listed, forwarded) if from(listed) == from(forwarded) => from(listed),
        _ => peer,
    }
}

/// Walks from the nearest hop to the farthest while the reporter is trusted. A hop that is no address ends
/// the walk at the proxy that reported it.
fn nearest_client(peer: IpAddr, hops: &[Option<IpAddr>], trusted: &Networks) -> IpAddr {
    let mut client = peer;
    for hop in hops.iter().rev() {
        let Some(address) = hop else { break };
        client = *address;
        if !trusted.contains(client) {
            break;
        }
    }
    client
}

/// The hops that all headers of a name report, the nearest last; none for a hop that is no address.
fn reported(
    headers: &HeaderMap,
    name: &HeaderName,
    address_of: impl Fn(&str) -> Option<String>,
) -> Vec<Option<IpAddr>> {
    let values = headers.get_all(name).map(|value| value.to_str().unwrap_or("?"));
    let items = values.flat_map(|value| value.split(','));
    items.map(|item| address_of(item.trim()).and_then(|text| parse_hop(&text))).collect()
}

/// The value of `for=` in an element of `Forwarded`. No address has a comma or a semicolon, so a quoted
/// string that has one is no address either way.
fn for_parameter(element: &str) -> Option<String> {
    let pairs = element.split(';').filter_map(|pair| pair.split_once('='));
    let value = pairs.into_iter().find(|(name, _)| name.trim().eq_ignore_ascii_case("for"))?.1.trim();
    let unquoted = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    Some(unquoted.unwrap_or(value).to_owned())
}

/// An address, with or without a port, an IPv6 address with or without brackets.
fn parse_hop(text: &str) -> Option<IpAddr> {
    let bare = || text.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    let address = bare().or_else(|_| text.parse::<SocketAddr>().map(|with_port| with_port.ip()));
    address.ok().map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    fn address(peer: &str, headers: &[(HeaderName, &str)]) -> String {
        let trusted = "10.0.0.0/8,2001:db8:1::/48".parse().expect("networks");
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(name.clone(), HeaderValue::from_str(value).expect("a value"));
        }
        client_address(Some(peer.parse().expect("an address")), &map, &trusted).to_string()
    }

    #[test]
    fn headers_of_an_untrusted_peer_do_not_count() {
        let headers = [
            (header::X_FORWARDED_FOR, "198.51.100.7"),
            (header::FORWARDED, "for=198.51.100.7"),
            (HeaderName::from_static("x-real-ip"), "198.51.100.7"),
        ];
        assert_eq!(address("203.0.113.9:4000", &headers), "203.0.113.9");
        assert_eq!(address("[::ffff:203.0.113.9]:4000", &headers), "203.0.113.9");
    }

    #[test]
    fn of_a_trusted_proxy_the_nearest_untrusted_hop_counts() {
        for (value, expected) in [
            ("198.51.100.7", "198.51.100.7"),
            ("192.0.2.1, 198.51.100.7", "198.51.100.7"),
            ("192.0.2.1,198.51.100.7 , 10.2.2.2", "198.51.100.7"),
            ("198.51.100.7:4711", "198.51.100.7"),
            ("2001:db8:2::1", "2001:db8:2::1"),
            ("[2001:db8:2::1]:443", "2001:db8:2::1"),
            ("10.3.3.3, 10.2.2.2", "10.3.3.3"),
            ("198.51.100.7, unknown", "10.1.1.1"),
            ("198.51.100.7, ", "10.1.1.1"),
            ("198.51.100.7, unknown, 10.2.2.2", "10.2.2.2"),
        ] {
            assert_eq!(address("10.1.1.1:80", &[(header::X_FORWARDED_FOR, value)]), expected, "{value}");
        }
        for (value, expected) in [
            ("for=198.51.100.7;proto=https;by=10.1.1.1", "198.51.100.7"),
            ("for=192.0.2.1, For=\"[2001:db8:2::1]:4711\"", "2001:db8:2::1"),
            ("proto=https;for=_hidden", "10.1.1.1"),
            ("for=192.0.2.1, proto=https", "10.1.1.1"),
            ("for=\"192.0.2.1, for=198.51.100.7\"", "10.1.1.1"),
        ] {
            assert_eq!(address("10.1.1.1:80", &[(header::FORWARDED, value)]), expected, "{value}");
        }
    }

    #[test]
    fn several_headers_of_one_name_are_one_list() {
        let headers = [(header::X_FORWARDED_FOR, "192.0.2.1"), (header::X_FORWARDED_FOR, "198.51.100.7")];
        assert_eq!(address("10.1.1.1:80", &headers), "198.51.100.7");
    }

    #[test]
    fn headers_that_differ_do_not_count() {
        let spoofed = [(header::FORWARDED, "for=192.0.2.1"), (header::X_FORWARDED_FOR, "198.51.100.7")];
        assert_eq!(address("10.1.1.1:80", &spoofed), "10.1.1.1");
        let same = [(header::FORWARDED, "for=198.51.100.7"), (header::X_FORWARDED_FOR, "198.51.100.7")];
        assert_eq!(address("10.1.1.1:80", &same), "198.51.100.7");
    }
}
