//! The client that sent a request.

/// What the operations record of a client.
pub struct Client {
    /// The IP address, or `unknown`.
    pub address: String,
    /// The User-Agent header, shortened.
    pub user_agent: String,
}
