//! The addresses of the clients. All of 127.0.0.0/8 is this machine, so attackers and others differ in their
//! sockets' own addresses and no header is needed. Each attack has a block of its own: a limit that an
//! earlier attack used up does not count against a later one. Each newcomer has a network of its own (/24),
//! since a limit may count networks.

use std::net::Ipv4Addr;

/// The third byte of the attackers' addresses is at most this.
const LAST_ATTACKERS: u8 = 80;

/// The addresses of one attack: `127.block.0.0/16`.
#[derive(Clone, Copy, Debug)]
pub struct Block(u8);

impl Block {
    /// The block of the attack with this index.
    pub fn of(index: usize) -> Self {
        // The time of the start makes a second run against the same server use other blocks.
        let now = std::time::UNIX_EPOCH.elapsed().map_or(0, |time| time.as_secs() / 60);
        Self(20 + ((index as u64 + 31 * now) % 230) as u8)
    }

    /// The one address of attacks that come from one.
    pub fn attacker(self) -> Ipv4Addr {
        Ipv4Addr::new(127, self.0, 0, 66)
    }

    /// The address with this number, of attacks that come from many; 200 in each network.
    pub fn attacker_number(self, number: usize) -> Ipv4Addr {
        let number = number % (200 * usize::from(LAST_ATTACKERS));
        Ipv4Addr::new(127, self.0, 1 + (number / 200) as u8, 1 + (number % 200) as u8)
    }

    /// Where accounts are made before the attack.
    pub fn preparation(self, number: usize) -> Ipv4Addr {
        Ipv4Addr::new(127, self.0, 81 + (number % 18) as u8, 1 + (number / 18 % 200) as u8)
    }

    /// Where the known person is, whose answers are timed.
    pub fn known(self) -> Ipv4Addr {
        Ipv4Addr::new(127, self.0, 100, 7)
    }

    /// Where a person signs up for the first time.
    pub fn newcomer(self, number: usize) -> Ipv4Addr {
        Ipv4Addr::new(127, self.0, 101 + (number % 150) as u8, 8)
    }

    /// Whether this is the address of an attacker in this block.
    pub fn is_attacker(self, address: Ipv4Addr) -> bool {
        let [_, block, network, _] = address.octets();
        block == self.0 && network <= LAST_ATTACKERS
    }
}
