//! The networks by which clients are told apart where something is limited by address.

use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;

/// The network of a client. One IPv4 address, or a /64 of IPv6, is a client: a home or an office has at least
/// that many addresses of IPv6 (RFC 6177), so a limit by whole addresses would be none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ClientNetwork(IpNet);

impl ClientNetwork {
    /// The client of an address: the IPv4 address itself, or its /64 of IPv6.
    pub fn of(address: IpAddr) -> Self {
        Self::with_prefix(address, 32, 64)
    }

    /// The network around a client, as a provider hands it out: a /24 of IPv4 or a /48 of IPv6.
    pub fn around(address: IpAddr) -> Self {
        Self::with_prefix(address, 24, 48)
    }

    /// An IPv4 address may also be given in its form within IPv6 (RFC 4291, 2.5.5.2).
    fn with_prefix(address: IpAddr, v4: u8, v6: u8) -> Self {
        let address = address.to_canonical();
        let length = if address.is_ipv4() { v4 } else { v6 };
        Self(IpNet::new_assert(address, length).trunc())
    }

    /// A number that no other network of the same kind has.
    pub fn key(self) -> u128 {
        match self.0.addr() {
            IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
            IpAddr::V6(address) => address.to_bits(),
        }
    }

    /// The network as bytes, for a hash.
    pub fn bytes(self) -> [u8; 17] {
        let mut bytes = [self.0.prefix_len(); 17];
        bytes[..16].copy_from_slice(&self.key().to_be_bytes());
        bytes
    }
}

impl fmt::Display for ClientNetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.prefix_len() == self.0.max_prefix_len() { self.0.addr().fmt(f) } else { self.0.fmt(f) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_an_ipv4_address_or_a_64_of_ipv6() {
        let address = |text: &str| text.parse::<IpAddr>().expect("an address");
        let client = |text| ClientNetwork::of(address(text));
        let network = |text| ClientNetwork::around(address(text));
        assert_ne!(client("192.0.2.1"), client("192.0.2.2"));
        assert_eq!(network("192.0.2.1"), network("192.0.2.2"));
        assert_ne!(network("192.0.2.1"), network("192.0.3.1"));
        assert_eq!(client("::ffff:192.0.2.1"), client("192.0.2.1"));
        assert_eq!(client("2001:db8:1:2::1"), client("2001:db8:1:2:ffff::9"));
        assert_ne!(client("2001:db8:1:2::1"), client("2001:db8:1:3::1"));
        assert_eq!(network("2001:db8:1:2::1"), network("2001:db8:1:3::1"));
        assert_ne!(client("192.0.2.0").bytes(), network("192.0.2.0").bytes());
    }

    #[test]
    fn a_network_is_shown_with_its_length_and_an_address_without() {
        let shown = |text: &str| ClientNetwork::of(text.parse().expect("an address")).to_string();
        assert_eq!(shown("192.0.2.1"), "192.0.2.1");
        assert_eq!(shown("2001:db8:1:2:3::4"), "2001:db8:1:2::/64");
    }
}
