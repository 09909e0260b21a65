//! The client that sent a request.

use std::net::IpAddr;

/// What the operations record of a client.
pub struct Client {
    /// The IP address, 0.0.0.0 where there is none.
    pub address: IpAddr,
    /// The User-Agent header, shortened.
    pub user_agent: String,
}
