//! What differs between a server alone and a node of a cluster.

use std::path::PathBuf;

use super::PORT;
use super::binaries::Binaries;

/// Settings of one server on top of those that all have.
#[derive(Clone, Debug)]
pub(super) struct Profile {
    /// The TCP port, if it listens on one, and part of the socket's name.
    pub port: u16,
    /// Given on the command line.
    pub settings: Vec<(&'static str, String)>,
    /// Given in the environment, for the connections that a server opens itself.
    pub environment: Vec<(&'static str, PathBuf)>,
}

impl Profile {
    /// A server that is reached through its socket only.
    pub fn alone(binaries: &Binaries) -> Self {
        let settings = [
            ("listen_addresses", String::new()),
            ("max_connections", "100".to_owned()),
            ("shared_preload_libraries", binaries.preloaded(&[])),
        ];
        Self { port: PORT, settings: settings.to_vec(), environment: Vec::new() }
    }
}
