//! The subnets by which attempts are counted. A home or an office has one IPv4 address or a /64 of IPv6
//! (RFC 6177); a provider hands out the /24 or the /48 around it.

use std::net::IpAddr;

/// The first bits of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Subnet {
    bits: u128,
    length: u8,
}

impl Subnet {
    /// A number that no other subnet of the same kind has.
    pub(super) fn key(self) -> u128 {
        self.bits
    }

    /// The subnet as bytes, for a hash.
    pub(super) fn bytes(self) -> [u8; 17] {
        let mut bytes = [self.length; 17];
        bytes[..16].copy_from_slice(&self.bits.to_be_bytes());
        bytes
    }
}

/// The client itself: an IPv4 address or a /64 of IPv6.
pub(super) fn host_of(address: IpAddr) -> Subnet {
    subnet(address, 128, 64)
}

/// The network around it: a /24 of IPv4 or a /48 of IPv6.
pub(super) fn network_of(address: IpAddr) -> Subnet {
    subnet(address, 120, 48)
}

/// Addresses of IPv4 are taken in their form within IPv6 (RFC 4291, 2.5.5.2), where they have 96 bits before.
fn subnet(address: IpAddr, v4: u8, v6: u8) -> Subnet {
    let (bits, length) = match address.to_canonical() {
        IpAddr::V4(address) => (u128::from(address.to_ipv6_mapped()), v4),
        IpAddr::V6(address) => (u128::from(address), v6),
    };
    Subnet { bits: bits & (u128::MAX << (128 - length)), length }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_an_ipv4_address_or_a_64_of_ipv6() {
        let address = |text: &str| text.parse::<IpAddr>().expect("an address");
        let (host, network) = (|text| host_of(address(text)), |text| network_of(address(text)));
        assert_ne!(host("192.0.2.1"), host("192.0.2.2"));
        assert_eq!(network("192.0.2.1"), network("192.0.2.2"));
        assert_ne!(network("192.0.2.1"), network("192.0.3.1"));
        assert_eq!(host("::ffff:192.0.2.1"), host("192.0.2.1"));
        assert_eq!(host("2001:db8:1:2::1"), host("2001:db8:1:2:ffff::9"));
        assert_ne!(host("2001:db8:1:2::1"), host("2001:db8:1:3::1"));
        assert_eq!(network("2001:db8:1:2::1"), network("2001:db8:1:3::1"));
    }
}
