//! The client that sent a request.

/// The client that sent a request.
pub struct Client {
    /// The IP address, or `unknown`.
    pub address: String,
    /// The User-Agent header, shortened.
    pub user_agent: String,
}
