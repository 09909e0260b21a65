//! The address of the operator's console and of a worker, both ADMIN_BIND.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use crate::settings::AdminSettings;
use crate::web::listen::{ListenError, take_address};

/// Where a worker listens when ADMIN_BIND is not set: beside a `serve` on the same machine, whose console has
/// port 5001 then.
const WORKER_DEFAULT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 5002);

/// The address of a worker.
pub(super) fn of_worker(admin: &AdminSettings) -> SocketAddr {
    if admin.chosen { admin.bind } else { WORKER_DEFAULT }
}

/// Takes an address of ADMIN_BIND. A default address that is in use is skipped with a warning that names the
/// `purpose`, so that a second program on the same machine starts.
///
/// # Errors
/// When the operator's own address cannot be taken.
pub(super) fn take(address: SocketAddr, chosen: bool, purpose: &str) -> anyhow::Result<Option<TcpListener>> {
    match take_address(address) {
        Ok(listener) => Ok(Some(listener)),
        Err(ListenError::InUse(address)) if !chosen => {
            log::warn!("{address} is in use, so there is no {purpose}; set ADMIN_BIND to another address");
            Ok(None)
        }
        Err(ListenError::InUse(address)) => anyhow::bail!(
            "{address} is in use by another program; stop that one or set ADMIN_BIND to another port"
        ),
        Err(error) => Err(error.into()),
    }
}
