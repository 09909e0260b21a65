//! The HTTP client of tests and benches. Their servers speak plain HTTP.

use reqwest::ClientBuilder;

/// A client with the provider of TLS without which reqwest builds none, and without the certificates of the
/// system, whose reading takes longer than most requests here.
#[allow(clippy::disallowed_methods, reason = "the provider of TLS is installed here")]
pub fn client() -> ClientBuilder {
    // An error means that there is one already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().tls_certs_only([])
}
