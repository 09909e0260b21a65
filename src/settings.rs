//! Every setting of the program, read once at start from the environment and `.env`; nothing reads them
//! later.

use std::collections::BTreeSet;
use std::fmt;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::time::Duration;

use actix_web::cookie::Key;
use url::{Host, Url};

use crate::embedded::default_data_dir;
use crate::messaging::BrokerUrl;

/// A variable that the program reads: its name, its default in words, and what it is for.
pub struct Variable {
    /// The environment variable.
    pub name: &'static str,
    /// What holds when it is not set.
    pub default: &'static str,
    /// What it does.
    pub help: &'static str,
}

/// All variables, in the order of `serve --help` and `.env.example`.
pub const VARIABLES: &[Variable] = &[
    Variable {
        name: "APP_ENV",
        default: "development",
        help: "development or production (FLASK_ENV is read where it is missing)",
    },
    Variable {
        name: "DATABASE_URL",
        default: "none: an embedded PostgreSQL in DATA_DIR",
        help: "postgresql://… of a PostgreSQL or of the Citus coordinator",
    },
    Variable {
        name: "SECRET_KEY",
        default: "made at the first start and kept in DATA_DIR (development)",
        help: "64 bytes or more; encrypts and signs the cookies; required in production",
    },
    Variable {
        name: "SECRET_KEY_PREVIOUS",
        default: "none",
        help: "the key before this one: its cookies are still read, new ones are written with SECRET_KEY",
    },
    Variable {
        name: "BIND",
        default: "127.0.0.1:5000",
        help: "address and port to listen on; port 0 takes a free one",
    },
    Variable {
        name: "PUBLIC_ORIGIN",
        default: "http://localhost and http://127.0.0.1 with the port of BIND",
        help: "the origins people open, comma separated, such as https://notes.example.org; required and \
            https in production",
    },
    Variable {
        name: "ADMIN_BIND",
        default: "127.0.0.1:5001 (worker: 127.0.0.1:5002)",
        help: "address and port of the operator's console and /metrics, or off; of /readyz and /metrics for \
            worker; other addresses than loopback need ADMIN_TOKEN",
    },
    Variable {
        name: "ADMIN_TOKEN",
        default: "none: whoever can reach ADMIN_BIND is let in",
        help: "32 characters or more that open the console; programs send it as a bearer token",
    },
    Variable {
        name: "ADMIN_ORIGIN",
        default: "http://localhost and http://127.0.0.1 with the port of ADMIN_BIND",
        help: "the origins by which operators open the console, comma separated",
    },
    Variable {
        name: "DATA_DIR",
        default: "/var/lib/pigeonhole for root, else ~/.local/share/pigeonhole",
        help: "folder of the embedded database and of generated secrets",
    },
    Variable {
        name: "DEMO_TENANT",
        default: "on in development, off in production",
        help: "on or off: an organization named Demo with id 1 that anyone may join",
    },
    Variable { name: "POOL_SIZE", default: "16", help: "database connections for tenants' work" },
    Variable {
        name: "BCRYPT_COST",
        default: "12",
        help: "work factor of password hashes, 10 to 16; each step doubles the time of a login, and a hash \
            of another factor is \
               replaced at its next login",
    },
    Variable {
        name: "NODE_PATIENCE",
        default: "1.2",
        help: "seconds that the console, its numbers and `cluster status` wait for what a database server \
            is asked; then it counts as silent",
    },
    Variable {
        name: "TENANT_ROUTING",
        default: "on",
        help: "on or off: on Citus, send a tenant's work to the node that holds its shard",
    },
    Variable {
        name: "AMQP_URL",
        default: "none: messages are handled by the process that finds them",
        help: "for worker (and serve with WORKER=on): amqp://user:password@host:5672/vhost of a RabbitMQ \
            that messages go through",
    },
    Variable {
        name: "WORKER",
        default: "on in development and with the embedded database, else off",
        help: "on or off: whether serve also does the work of pigeonhole worker; with off, a worker must run",
    },
    Variable {
        name: "NODE_PASSWORD",
        default: "none: the nodes of a cluster trust each other, or roles have passwords already",
        help: "for migrate and cluster init: given to our roles, because Citus nodes connect to each other \
            as the role that asks",
    },
    Variable {
        name: "WEB_PASSWORD",
        default: "none: serve connects as an administrator",
        help: "for migrate and cluster init: makes the login pigeonhole_web with this password, which is \
            enough for serve",
    },
    Variable {
        name: "PG_BIN_DIR",
        default: "found by itself",
        help: "folder of the PostgreSQL programs (15 to 18) for the embedded database",
    },
    Variable { name: "RUST_LOG", default: "info", help: "what is logged, in the syntax of env_logger" },
];

/// Where the program runs: production refuses what development only warns about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Environment {
    /// On a developer's machine, over plain HTTP.
    Development,
    /// Behind TLS, with secrets of its own.
    Production,
}

/// The settings of one run.
#[derive(Clone)]
pub struct Settings {
    /// Development or production.
    pub environment: Environment,
    /// A database to use; none means the embedded one.
    pub database: Option<tokio_postgres::Config>,
    /// Encrypts and signs cookies; none is filled from the data folder in development.
    pub secret_key: Option<Key>,
    /// The key before `secret_key`, only read.
    pub previous_secret_key: Option<Key>,
    /// Where to listen.
    pub bind: SocketAddr,
    /// The origins that people's browsers name; empty means localhost with the port that is listened on.
    pub public_origins: Vec<String>,
    /// The operator's console; none when it is off.
    pub admin: Option<AdminSettings>,
    /// The folder for the embedded database and generated secrets.
    pub data_dir: PathBuf,
    /// Whether tenant 1, open to all, exists.
    pub demo_tenant: bool,
    /// Connections for tenants' work.
    pub pool_size: usize,
    /// The work factor of password hashes.
    pub bcrypt_cost: u32,
    /// How long those who only look, such as the console, wait for what a database server is asked.
    pub node_patience: Duration,
    /// Whether a tenant's work goes to the node that holds its shard.
    pub tenant_routing: bool,
    /// A RabbitMQ that messages go through; none means that they are handled in process.
    pub broker: Option<BrokerUrl>,
    /// Whether `serve` also does the work of `worker`.
    pub worker: bool,
    /// The password of our roles, by which the nodes of a cluster connect to each other.
    pub node_password: Option<String>,
    /// The password of the login that `serve` uses where it is not given an administrator's.
    pub web_password: Option<String>,
    /// The folder of PostgreSQL's programs.
    pub pg_bin_dir: Option<PathBuf>,
    /// What is logged, in the syntax of env_logger.
    pub log_filter: String,
    /// What the reader should be told at start, once there is a log.
    pub warnings: Vec<String>,
}

/// Where the operator's console is and who may open it.
#[derive(Clone)]
pub struct AdminSettings {
    /// Where to listen.
    pub bind: SocketAddr,
    /// Whether somebody chose that address.
    pub chosen: bool,
    /// What opens it; none lets everybody in who can reach it.
    pub token: Option<String>,
    /// The origins that operators' browsers name; empty means localhost with the port that is listened on.
    pub origins: Vec<String>,
}

/// A setting that cannot be used, in one line that names it.
#[derive(Debug)]
pub struct InvalidSetting(String);

impl fmt::Display for InvalidSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for InvalidSetting {}

fn invalid<T>(text: impl Into<String>) -> Result<T, InvalidSetting> {
    Err(InvalidSetting(text.into()))
}

/// Keys that stand in guides and samples and so are known to everybody.
const SAMPLE_KEYS: &[&str] =
    &["dev", "secret", "changeme", "change-me", "your-secret-key", "your_secret_key", "supersecret"];
/// Passwords that are tried first by everybody.
const DEFAULT_DATABASE_PASSWORDS: &[&str] =
    &["", "postgres", "password", "pigeonhole", "admin", "citus", "mypass", "changeme"];

impl Settings {
    /// Reads the settings through `variable`, which gives the value of a variable or none. Empty counts as
    /// missing.
    ///
    /// # Errors
    /// One line for the first variable that cannot be used.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, InvalidSetting> {
        let variable = |name: &str| {
            variable(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
        };
        let mut warnings = Vec::new();
        let environment = match variable("APP_ENV").or_else(|| variable("FLASK_ENV")).as_deref() {
            None | Some("development" | "dev" | "testing" | "test") => Environment::Development,
            Some("production") => Environment::Production,
            Some(other) => {
                return invalid(format!("APP_ENV is {other:?}; it must be development or production"));
            }
        };
        let production = environment == Environment::Production;
        let database =
            variable("DATABASE_URL").map(|url| parse_database_url(&url, production)).transpose()?;
        let secret_key = match variable("SECRET_KEY") {
            None if production => {
                return invalid(
                    "SECRET_KEY is missing; production needs 64 random bytes or more, for example from \
                     `openssl rand -hex 64`",
                );
            }
            None => None,
            Some(key) => Some(parse_secret_key("SECRET_KEY", &key, production, &mut warnings)?),
        };
        let previous_secret_key = variable("SECRET_KEY_PREVIOUS")
            .map(|key| parse_secret_key("SECRET_KEY_PREVIOUS", &key, false, &mut Vec::new()))
            .transpose()?;
        let bind = parse_bind("BIND", &variable("BIND").unwrap_or_else(|| "127.0.0.1:5000".to_owned()))?;
        let public_origins = parse_origins(variable("PUBLIC_ORIGIN").as_deref(), production)?;
        if public_origins.is_empty() && !bind.ip().is_loopback() {
            warnings.push(format!(
                "BIND is {bind} but PUBLIC_ORIGIN is not set: only http://localhost:{} is answered",
                bind.port()
            ));
        }
        if let Some(origin) = public_origins.iter().find(|origin| !production && !is_of_this_machine(origin))
        {
            warnings.push(format!(
                "PUBLIC_ORIGIN {origin} is not this machine, and in development cookies also travel \
                 unencrypted: whoever sees one is \
                 logged in. Serve by https with APP_ENV=production"
            ));
        }
        let admin = parse_admin(
            variable("ADMIN_BIND").as_deref(),
            variable("ADMIN_TOKEN"),
            variable("ADMIN_ORIGIN").as_deref(),
        )?;
        let switch =
            |name: &str, default: bool| match variable(name).map(|value| value.to_lowercase()).as_deref() {
                None => Ok(default),
                Some("on" | "true" | "1" | "yes") => Ok(true),
                Some("off" | "false" | "0" | "no") => Ok(false),
                Some(other) => invalid(format!("{name} is {other:?}; it must be on or off")),
            };
        let demo_tenant = switch("DEMO_TENANT", !production)?;
        let tenant_routing = switch("TENANT_ROUTING", true)?;
        let worker = switch("WORKER", !production || database.is_none())?;
        let broker = variable("AMQP_URL").map(|url| parse_broker_url(&url, production)).transpose()?;
        let pool_size = match variable("POOL_SIZE").map(|size| size.parse()) {
            None => 16,
            Some(Ok(size @ 1..=1000)) => size,
            Some(_) => return invalid("POOL_SIZE must be a number from 1 to 1000"),
        };
        let bcrypt_cost = match variable("BCRYPT_COST").map(|cost| cost.parse()) {
            None => 12,
            // OWASP Password Storage asks for 10 or more, and 16 takes seconds.
            Some(Ok(cost @ 10..=16)) => cost,
            Some(_) => return invalid("BCRYPT_COST must be a number from 10 to 16"),
        };
        let node_patience = match variable("NODE_PATIENCE").map(|seconds| seconds.parse::<f64>()) {
            None => Duration::from_millis(1200),
            Some(Ok(seconds)) if (0.1..=60.0).contains(&seconds) => Duration::from_secs_f64(seconds),
            Some(_) => return invalid("NODE_PATIENCE must be a number of seconds from 0.1 to 60"),
        };
        Ok(Self {
            environment,
            database,
            secret_key,
            previous_secret_key,
            bind,
            public_origins,
            admin,
            data_dir: variable("DATA_DIR").map_or_else(default_data_dir, PathBuf::from),
            demo_tenant,
            pool_size,
            bcrypt_cost,
            node_patience,
            tenant_routing,
            broker,
            worker,
            node_password: variable("NODE_PASSWORD"),
            web_password: variable("WEB_PASSWORD"),
            pg_bin_dir: variable("PG_BIN_DIR").map(PathBuf::from),
            log_filter: variable("RUST_LOG").unwrap_or_else(|| "info".to_owned()),
            warnings,
        })
    }

    /// Whether this run is production.
    pub fn production(&self) -> bool {
        self.environment == Environment::Production
    }

    /// The origins of our own pages when listening on `port`.
    pub fn origins(&self, port: u16) -> BTreeSet<String> {
        origins_or_local(&self.public_origins, port)
    }
}

impl AdminSettings {
    /// The origins of the console's pages when listening on `port`.
    pub fn origins(&self, port: u16) -> BTreeSet<String> {
        origins_or_local(&self.origins, port)
    }
}

fn origins_or_local(chosen: &[String], port: u16) -> BTreeSet<String> {
    if chosen.is_empty() {
        ["localhost", "127.0.0.1", "[::1]"].iter().map(|host| format!("http://{host}:{port}")).collect()
    } else {
        chosen.iter().cloned().collect()
    }
}

fn parse_database_url(url: &str, production: bool) -> Result<tokio_postgres::Config, InvalidSetting> {
    // SQLAlchemy names its driver in the scheme.
    let url = match url.split_once("://") {
        Some((scheme, rest)) if scheme.starts_with("postgresql+") => format!("postgresql://{rest}"),
        _ => url.to_owned(),
    };
    let mut config: tokio_postgres::Config = match url.parse() {
        Ok(config) => config,
        Err(_) => {
            return invalid(
                "DATABASE_URL is not a PostgreSQL URL such as postgresql://user:password@host:5432/database",
            );
        }
    };
    if config.get_hosts().is_empty() {
        return invalid("DATABASE_URL names no host");
    }
    if config.get_user().is_none() {
        return invalid("DATABASE_URL names no user");
    }
    if config.get_dbname().is_none() {
        let user = config.get_user().unwrap_or_default().to_owned();
        config.dbname(user);
    }
    if production
        && let Some(password) = config.get_password()
        && DEFAULT_DATABASE_PASSWORDS.iter().any(|known| known.as_bytes() == password)
    {
        return invalid(
            "DATABASE_URL carries a password that everybody knows; production needs one of its own",
        );
    }
    Ok(config)
}

fn parse_broker_url(url: &str, production: bool) -> Result<BrokerUrl, InvalidSetting> {
    let broker = BrokerUrl::parse(url).map_err(|reason| InvalidSetting(format!("AMQP_URL {reason}")))?;
    if production && (broker.password() == "guest" || DEFAULT_DATABASE_PASSWORDS.contains(&broker.password()))
    {
        return invalid("AMQP_URL carries a password that everybody knows; production needs one of its own");
    }
    Ok(broker)
}

fn parse_secret_key(
    name: &str,
    key: &str,
    production: bool,
    warnings: &mut Vec<String>,
) -> Result<Key, InvalidSetting> {
    let sample = SAMPLE_KEYS.iter().any(|known| key.eq_ignore_ascii_case(known))
        || key.bytes().all(|byte| byte == key.as_bytes()[0]);
    if key.len() >= 64 && !sample {
        return Ok(Key::from(key.as_bytes()));
    }
    if production {
        return invalid(format!(
            "{name} is too short or a sample; production needs 64 random bytes or more, for example from \
             `openssl rand -hex 64`"
        ));
    }
    warnings.push(format!("{name} is short or a sample and was stretched; good enough for development only"));
    Ok(stretch(key))
}

/// Makes a key of full length from a short one. It is no stronger than what it is made from.
fn stretch(key: &str) -> Key {
    use sha2::{Digest, Sha512};
    let digest = Sha512::digest([b"pigeonhole stretched key v1 ", key.as_bytes()].concat());
    Key::derive_from(&digest)
}

fn parse_bind(name: &str, bind: &str) -> Result<SocketAddr, InvalidSetting> {
    match bind.to_socket_addrs().ok().and_then(|mut found| found.next()) {
        Some(address) => Ok(address),
        None => {
            invalid(format!("{name} is {bind:?}; it must be an address and a port such as 127.0.0.1:5000"))
        }
    }
}

fn parse_admin(
    bind: Option<&str>,
    token: Option<String>,
    origins: Option<&str>,
) -> Result<Option<AdminSettings>, InvalidSetting> {
    if bind.is_some_and(|bind| bind.eq_ignore_ascii_case("off")) {
        return Ok(None);
    }
    let address = parse_bind("ADMIN_BIND", bind.unwrap_or("127.0.0.1:5001"))?;
    if token.is_none() && !address.ip().is_loopback() {
        return invalid(format!(
            "ADMIN_BIND is {address}, which others can reach: set ADMIN_TOKEN, for example from `openssl \
             rand -hex 32`"
        ));
    }
    if token.as_ref().is_some_and(|token| token.len() < 32) {
        return invalid(
            "ADMIN_TOKEN is too short; it needs 32 characters or more, for example from `openssl rand -hex \
             32`",
        );
    }
    let origins = origins
        .map_or_else(|| Ok(Vec::new()), |origins| parse_origin_list("ADMIN_ORIGIN", origins, false))?;
    Ok(Some(AdminSettings { bind: address, chosen: bind.is_some(), token, origins }))
}

fn parse_origins(origins: Option<&str>, production: bool) -> Result<Vec<String>, InvalidSetting> {
    let Some(origins) = origins else {
        return if production {
            invalid("PUBLIC_ORIGIN is missing; production needs it, such as https://notes.example.org")
        } else {
            Ok(Vec::new())
        };
    };
    parse_origin_list("PUBLIC_ORIGIN", origins, production)
}

fn parse_origin_list(name: &str, origins: &str, production: bool) -> Result<Vec<String>, InvalidSetting> {
    let mut parsed = Vec::new();
    for origin in origins.split(',').map(str::trim).filter(|origin| !origin.is_empty()) {
        match Url::parse(origin) {
            Ok(url) if production && url.scheme() != "https" => {
                return invalid(format!("{name} {origin} must be https in production"));
            }
            Ok(url)
                if matches!(url.scheme(), "http" | "https") && url.path() == "/" && url.query().is_none() =>
            {
                parsed.push(url.origin().ascii_serialization())
            }
            _ => {
                return invalid(format!(
                    "{name} {origin:?} is not an origin such as https://notes.example.org"
                ));
            }
        }
    }
    Ok(parsed)
}

/// Whether an origin is reached without a network.
fn is_of_this_machine(origin: &str) -> bool {
    let host = Url::parse(origin).ok().and_then(|url| url.host().map(|host| host.to_owned()));
    match host {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Settings, InvalidSetting> {
        Settings::read(|name| {
            variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn the_old_applications_env_keeps_working_in_development() {
        let old = [
            ("FLASK_ENV", "development"),
            ("SECRET_KEY", "dev"),
            ("DATABASE_URL", "postgresql+psycopg2://postgres:mypass@localhost:5432/tenant_db"),
        ];
        let settings = read(&old).expect("an old .env");
        assert_eq!(settings.environment, Environment::Development);
        assert!(settings.secret_key.is_some());
        assert!(settings.warnings[0].contains("SECRET_KEY"));
        assert_eq!(settings.database.expect("a database").get_dbname(), Some("tenant_db"));
    }

    #[test]
    fn production_refuses_what_is_weak_and_names_it() {
        let key = "0123456789abcdef".repeat(8);
        let good = [
            ("APP_ENV", "production"),
            ("SECRET_KEY", key.as_str()),
            ("PUBLIC_ORIGIN", "https://notes.example.org"),
        ];
        assert!(read(&good).is_ok());
        for (name, value) in [
            ("SECRET_KEY", ""),
            ("SECRET_KEY", "short"),
            ("PUBLIC_ORIGIN", "http://notes.example.org"),
            ("PUBLIC_ORIGIN", ""),
            ("DATABASE_URL", "postgresql://postgres:postgres@db/x"),
            ("AMQP_URL", "amqp://guest:guest@broker/x"),
            ("AMQP_URL", "amqps://a:b@broker/x"),
        ] {
            let mut bad = vec![(name, value)];
            bad.extend(good);
            let refusal = read(&bad).err().expect("a refusal").to_string();
            assert!(refusal.contains(name), "{name}={value:?}: {refusal}");
        }
    }

    #[test]
    fn development_that_others_can_reach_is_warned_of() {
        let warned = |origins: &str| {
            let settings = read(&[("PUBLIC_ORIGIN", origins), ("BIND", "0.0.0.0:5000")]).expect("settings");
            settings.warnings.iter().any(|warning| warning.contains("APP_ENV=production"))
        };
        for origins in
            ["http://localhost:5000", "http://127.0.0.1:5000,http://[::1]:5000", "http://notes.localhost"]
        {
            assert!(!warned(origins), "{origins}");
        }
        for origins in [
            "http://192.168.1.5:5000",
            "http://localhost:5000,http://notes.example.org",
            "http://localhost.evil.test",
        ] {
            assert!(warned(origins), "{origins}");
        }
    }

    #[test]
    fn env_example_lists_every_variable_and_no_other() {
        let example = include_str!("../.env.example");
        let listed: Vec<&str> = example
            .lines()
            .filter_map(|line| line.strip_prefix('#').unwrap_or(line).trim().split_once('='))
            .map(|(name, _)| name)
            .collect();
        let known: Vec<&str> = VARIABLES.iter().map(|variable| variable.name).collect();
        assert_eq!(listed, known);
    }
}
