//! The address of the operator's console and of a worker, both ADMIN_BIND.

use std::net::{SocketAddr, TcpListener};

use crate::settings::Settings;
use crate::web::listen::{ListenError, take_address};

/// Listens at an address of ADMIN_BIND, unless that is off. A default address that is in use is skipped with
/// a warning that names the `purpose`, so that a second program on the same machine starts.
///
/// # Errors
/// When the operator's own address cannot be taken.
pub(super) fn take(
    settings: &Settings,
    address: Option<SocketAddr>,
    purpose: &str,
) -> anyhow::Result<Option<TcpListener>> {
    let Some(address) = address else { return Ok(None) };
    match take_address(address) {
        Ok(listener) => Ok(Some(listener)),
        Err(ListenError::InUse(address)) if !settings.console.admin_bind_is_set => {
            log::warn!("{address} is in use, so there is no {purpose}; set ADMIN_BIND to another address");
            Ok(None)
        }
        Err(ListenError::InUse(address)) => anyhow::bail!(
            "{address} is in use by another program; stop that one or set ADMIN_BIND to another port"
        ),
        Err(error) => Err(error.into()),
    }
}
