//! The address that a server listens on.

use std::net::{SocketAddr, TcpListener};

use socket2::SockRef;

/// The connections that may wait until the program accepts them; Linux cuts it to `net.core.somaxconn`, 4,096
/// by default. The standard library asks for 128: of a burst of more the system drops the rest, and each of
/// those clients tries again after a second, whatever its address.
const BACKLOG: i32 = 65_535;

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
    let listener = TcpListener::bind(address).map_err(|error| match error.kind() {
        std::io::ErrorKind::AddrInUse => ListenError::InUse(address),
        _ => ListenError::Other(address, error),
    })?;
    // A second call changes the length of the queue only.
    SockRef::from(&listener).listen(BACKLOG).map_err(|error| ListenError::Other(address, error))?;
    Ok(listener)
}
