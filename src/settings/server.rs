//! Settings of the application's web server and of the process.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use super::error::{InvalidSetting, invalid};
use super::networks::Networks;
use super::origins::{Origins, is_local};
use super::parsers;
use super::secret::CookieKey;

/// How the process runs, and where it serves the application.
#[derive(Clone, Debug, clap::Args)]
pub struct ServerSettings {
    /// development or production (FLASK_ENV is read where it is missing)
    #[arg(
        long,
        env = "APP_ENV",
        visible_alias = "FLASK_ENV",
        default_value = "development",
        value_parser = app_env
    )]
    pub environment: AppEnv,
    /// 64 bytes or more; encrypts and signs the cookies; required in production
    ///
    /// Default: made at the first start and kept in DATA_DIR (development)
    #[arg(long, env = "SECRET_KEY")]
    pub secret_key: Option<CookieKey>,
    /// the key before this one: its cookies are still read, new ones are written with SECRET_KEY
    ///
    /// Default: none
    #[arg(long, env = "SECRET_KEY_PREVIOUS")]
    pub previous_secret_key: Option<CookieKey>,
    /// address and port to listen on; port 0 takes a free one
    #[arg(long, env = "BIND", default_value = "127.0.0.1:5000", value_parser = parsers::address)]
    pub bind: SocketAddr,
    /// the origins people open, comma separated, such as https://notes.example.org; required and https in
    /// production
    ///
    /// Default: http://localhost and http://127.0.0.1 with the port of BIND
    #[arg(long, env = "PUBLIC_ORIGIN", default_value = "")]
    pub public_origins: Origins,
    /// networks of the proxies in front, comma separated, such as 10.0.0.0/8: the client's address is read
    /// from their Forwarded or X-Forwarded-For, and from no other sender's
    ///
    /// Default: none: the client's address is that of its connection
    #[arg(long, env = "PROXY_TRUSTED", default_value = "")]
    pub trusted_proxies: Networks,
    // OWASP Password Storage asks for 10 or more, and 16 takes seconds.
    /// work factor of password hashes, 10 to 16; each step doubles the time of a login, and a hash of another
    /// factor is replaced at its next login
    #[arg(long, env = "BCRYPT_COST", default_value = "12", value_parser = parsers::whole_number(10u32..=16))]
    pub bcrypt_cost: u32,
    /// what is logged, in the syntax of env_logger
    #[arg(long, env = "RUST_LOG", default_value = "info")]
    pub log_filter: String,
}

/// Where the process runs: production refuses what development only warns about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppEnv {
    /// On a developer's machine, over plain HTTP.
    Development,
    /// Behind TLS, with secrets of its own.
    Production,
}

fn app_env(text: &str) -> Result<AppEnv, String> {
    match text {
        "development" | "dev" | "testing" | "test" => Ok(AppEnv::Development),
        "production" => Ok(AppEnv::Production),
        other => Err(format!("is {other:?}; it must be development or production")),
    }
}

impl ServerSettings {
    /// Whether this run is production.
    pub fn production(&self) -> bool {
        self.environment == AppEnv::Production
    }

    /// The origins of the application's pages when it listens on `port`.
    pub fn origins(&self, port: u16) -> BTreeSet<String> {
        self.public_origins.or_local(port)
    }

    pub(super) fn check(&self, warnings: &mut Vec<String>) -> Result<(), InvalidSetting> {
        self.check_secret_key(warnings)?;
        if self.production() {
            if self.trusted_proxies.is_empty() {
                warnings.push(
                    "PROXY_TRUSTED is not set: all clients behind the proxy count as one address, and the \
                     failed logins of one keep the others out"
                        .to_owned(),
                );
            }
            return self.check_origins();
        }
        self.warn_about_origins(warnings);
        Ok(())
    }

    fn check_secret_key(&self, warnings: &mut Vec<String>) -> Result<(), InvalidSetting> {
        const ADVICE: &str =
            "production needs 64 random bytes or more, for example from `openssl rand -hex 64`";
        match &self.secret_key {
            None if self.production() => invalid(format!("SECRET_KEY is missing; {ADVICE}")),
            Some(key) if key.is_weak() && self.production() => {
                invalid(format!("SECRET_KEY is too short or a sample; {ADVICE}"))
            }
            Some(key) if key.is_weak() => {
                warnings.push(
                    "SECRET_KEY is short or a sample and was stretched; good enough for development only"
                        .to_owned(),
                );
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn check_origins(&self) -> Result<(), InvalidSetting> {
        if self.public_origins.is_empty() {
            return invalid(
                "PUBLIC_ORIGIN is missing; production needs it, such as https://notes.example.org",
            );
        }
        match self.public_origins.find(|origin| !origin.starts_with("https://")) {
            Some(origin) => invalid(format!("PUBLIC_ORIGIN {origin} must be https in production")),
            None => Ok(()),
        }
    }

    fn warn_about_origins(&self, warnings: &mut Vec<String>) {
        if let Some(origin) = self.public_origins.find(|origin| !is_local(origin)) {
            warnings.push(format!(
                "PUBLIC_ORIGIN {origin} is not this machine, and in development cookies are also sent \
                 unencrypted: anyone who reads one is logged in. Serve by https with APP_ENV=production"
            ));
        }
        if self.public_origins.is_empty() && !self.bind.ip().is_loopback() {
            let (bind, port) = (self.bind, self.bind.port());
            warnings.push(format!(
                "BIND is {bind} but PUBLIC_ORIGIN is not set: only http://localhost:{port} is answered"
            ));
        }
    }
}
