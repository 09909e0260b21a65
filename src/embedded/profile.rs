//! The differences between a single server and a node of a cluster.

use std::path::PathBuf;

use super::binaries::Binaries;

/// Part of the name of the socket's file. A single server has no TCP port.
pub(super) const SOCKET_PORT: u16 = 5432;

/// Settings of one server, in addition to those that all servers have.
#[derive(Clone, Debug)]
pub(super) struct ServerProfile {
    /// The TCP port, if it listens on one, and part of the socket's name.
    pub(super) port: u16,
    /// Passed on the command line.
    pub(super) settings: Vec<(&'static str, String)>,
    /// Variables for the connections that the server opens itself.
    pub(super) environment: Vec<(&'static str, PathBuf)>,
}

impl ServerProfile {
    /// A server that is reached through its socket only.
    pub(super) fn single(binaries: &Binaries) -> Self {
        let settings = [
            ("listen_addresses", String::new()),
            ("max_connections", "100".to_owned()),
            ("shared_preload_libraries", binaries.preloaded_libraries(&[])),
        ];
        Self { port: SOCKET_PORT, settings: settings.to_vec(), environment: Vec::new() }
    }
}
