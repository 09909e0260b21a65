//! Requests to the JSON API of a server.

use std::io;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use reqwest::redirect::Policy;
use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::Value;

use super::api_answer::ApiAnswer;
use super::failure::{ClientFailure, RequestFate};
use super::login_file::SavedLogin;
use super::server_url::{LOCALHOST, ServerUrl};
use crate::settings::Secret;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// From the connecting to the last byte of the answer. A login may wait for the queue of hashes.
const TIMEOUT: Duration = Duration::from_secs(60);
/// The longest answer that is read, in bytes. A page of a list ends with the note that passes 4 MiB, and a
/// note of control characters takes 1.5 MiB of JSON.
const ANSWER_LIMIT: usize = 16 * 1024 * 1024;
/// The pauses before a request is sent again.
const BACKOFF: ExponentialBuilder = ExponentialBuilder::new()
    .with_min_delay(Duration::from_millis(250))
    .with_max_delay(Duration::from_secs(2))
    .with_max_times(3)
    .with_jitter();

/// A server, and the token to send to it.
pub(super) struct ApiClient {
    http: Client,
    server: ServerUrl,
    token: Option<Secret>,
}

/// The parts of a request.
pub(super) struct ApiCall<'a> {
    pub(super) method: Method,
    /// With an optional query; it begins with a slash, or is the target of a `Link`.
    pub(super) path: &'a str,
    pub(super) body: Option<Value>,
    pub(super) idempotency_key: Option<&'a str>,
}

impl<'a> ApiCall<'a> {
    pub(super) fn new(method: Method, path: &'a str) -> Self {
        Self { method, path, body: None, idempotency_key: None }
    }

    pub(super) fn body(self, body: Value) -> Self {
        Self { body: Some(body), ..self }
    }
}

impl ApiClient {
    pub(super) fn new(server: ServerUrl) -> Result<Self, ClientFailure> {
        let http = http_client(&server)
            .map_err(|error| ClientFailure::of_system("preparing the connection", &error))?;
        Ok(Self { http, server, token: None })
    }

    pub(super) fn of_login(login: SavedLogin) -> Result<Self, ClientFailure> {
        Ok(Self { token: Some(login.token), ..Self::new(login.server)? })
    }

    pub(super) fn server(&self) -> &ServerUrl {
        &self.server
    }

    /// Sends a request once.
    pub(super) async fn send(&self, call: &ApiCall<'_>) -> Result<ApiAnswer, ClientFailure> {
        let response = self.request(call)?.send().await.map_err(|error| self.unanswered(&error))?;
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let body = self.body_of(response).await?;
        Ok(ApiAnswer { status, headers, body })
    }

    /// Sends a request, and sends it again while the connection fails. The request must have an idempotency
    /// key, as the server may have done the work.
    pub(super) async fn send_repeatedly(&self, call: &ApiCall<'_>) -> Result<ApiAnswer, ClientFailure> {
        let mut pauses = BACKOFF.build();
        let mut sent = false;
        loop {
            let failure = match self.send(call).await {
                Err(failure) if failure.connection_failed() => failure,
                // A refusal says that nothing changed; silence after an attempt that was sent does not.
                Err(failure) if sent => return Err(failure.of_unknown_fate()),
                answered => return answered,
            };
            sent |= failure.fate() == RequestFate::Unknown;
            match pauses.next() {
                Some(pause) => tokio::time::sleep(pause).await,
                None if sent => return Err(failure.of_unknown_fate()),
                None => return Err(failure),
            }
        }
    }

    fn request(&self, call: &ApiCall<'_>) -> Result<RequestBuilder, ClientFailure> {
        let url = self.server.join(call.path).ok_or_else(|| {
            ClientFailure::other(format!("{} names another server, which is not asked.", self.server))
        })?;
        let mut request = self.http.request(call.method.clone(), url);
        if let Some(token) = &self.token {
            request = request.bearer_auth(token.expose());
        }
        if let Some(key) = call.idempotency_key {
            request = request.header("Idempotency-Key", key);
        }
        if let Some(body) = &call.body {
            request = request.json(body);
        }
        Ok(request)
    }

    async fn body_of(&self, mut response: Response) -> Result<Vec<u8>, ClientFailure> {
        let mut body = Vec::new();
        while let Some(part) = response.chunk().await.map_err(|error| self.unanswered(&error))? {
            if body.len() + part.len() > ANSWER_LIMIT {
                return Err(ClientFailure::other(format!("The answer of {} is too long.", self.server)));
            }
            body.extend_from_slice(&part);
        }
        Ok(body)
    }

    fn unanswered(&self, error: &reqwest::Error) -> ClientFailure {
        let server = &self.server;
        if let Some(fault) = tls_fault(error) {
            return ClientFailure::other(format!("The connection to {server} is not safe: {fault}"));
        }
        if error.is_connect() {
            let sentence = format!("Nothing answers at {server}. Try again later.");
            return ClientFailure::unanswered(RequestFate::NoEffect, !error.is_timeout(), &sentence);
        }
        if error.is_timeout() {
            let sentence = format!("{server} did not answer within {} seconds.", TIMEOUT.as_secs());
            return ClientFailure::unanswered(RequestFate::Unknown, false, &sentence);
        }
        let sentence = format!("The connection to {server} broke before its answer came. Try again later.");
        ClientFailure::unanswered(RequestFate::Unknown, true, &sentence)
    }
}

#[allow(clippy::disallowed_methods, reason = "the provider of TLS is installed here")]
fn http_client(server: &ServerUrl) -> reqwest::Result<Client> {
    // An error means that there is one already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = Client::builder()
        .user_agent(concat!("pigeonhole/", env!("CARGO_PKG_VERSION")))
        // The token goes to the server of the login and to no other.
        .redirect(Policy::none())
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(TIMEOUT)
        .pool_max_idle_per_host(0);
    if server.is_https() {
        builder.https_only(true).build()
    } else {
        // Not through a proxy of the environment, and to this machine whatever a name server says. The
        // system's certificates are not needed, and may not exist.
        builder.no_proxy().resolve_to_addrs("localhost", &LOCALHOST).tls_certs_only([]).build()
    }
}

/// What TLS found wrong. It is inside I/O errors, which do not give it as their source.
fn tls_fault(error: &reqwest::Error) -> Option<&rustls::Error> {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(found) = cause {
        if let Some(fault) = found.downcast_ref() {
            return Some(fault);
        }
        cause = match found.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => found.source(),
        };
    }
    None
}
