//! The address that a server listens on.

use std::net::{SocketAddr, TcpListener};

/// Why a server cannot listen on its address.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    #[error("{0} is in use by another program; stop that one or set BIND to another port")]
    InUse(SocketAddr),
    #[error("cannot listen on {0}: {1}")]
    Other(SocketAddr, std::io::Error),
}

/// Binds the address. Call it before anything else is started, so that a second process that is started by
/// mistake changes nothing.
///
/// # Errors
/// [`ListenError`], which names the address.
pub fn take_address(address: SocketAddr) -> Result<TcpListener, ListenError> {
    TcpListener::bind(address).map_err(|error| match error.kind() {
        std::io::ErrorKind::AddrInUse => ListenError::InUse(address),
        _ => ListenError::Other(address, error),
    })
}
