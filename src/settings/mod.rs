//! All settings of the program, read once at the start.
//!
//! Each setting is one field of one of the structs below. The field's attribute holds the name of the
//! environment variable, the default and the parser, and its doc comment is the help. A default that is no
//! fixed text is described in a second paragraph that begins with `Default:`. `--help`, the man page, the
//! table in docs/settings.md and `.env.example` are written from, or tested against, these definitions.

#[cfg(test)]
mod any_input;
mod cluster;
mod connections;
mod console;
mod database;
mod documentation;
mod environment;
mod error;
mod given_value;
mod limits;
mod messaging;
mod networks;
mod origins;
mod parsers;
mod secret;
mod server;
mod sign_up;
mod throttling;
mod uploads;

use clap::builder::Resettable;
use clap::parser::ValueSource;
use clap::{CommandFactory, FromArgMatches, Parser};

pub use cluster::ClusterSettings;
pub use connections::ConnectionSettings;
pub use console::ConsoleSettings;
pub use database::DatabaseSettings;
pub use documentation::{SettingDescription, descriptions, help};
pub use environment::{load_env_file, variable};
pub use error::InvalidSetting;
pub use limits::LimitSettings;
pub use messaging::{BrokerUrl, MessagingSettings};
pub use networks::Networks;
pub use origins::Origins;
pub use secret::{CookieKey, Secret};
pub use server::{AppEnv, ServerSettings};
pub use sign_up::{EmailDomains, SignUpSettings};
pub use throttling::ThrottlingSettings;
pub use uploads::UploadSettings;

use given_value::{GivenValue, names, refused};

/// The settings of one run.
#[derive(Clone, Debug, Parser)]
#[command(no_binary_name = true, disable_help_flag = true)]
pub struct Settings {
    #[command(flatten)]
    pub server: ServerSettings,
    #[command(flatten)]
    pub throttling: ThrottlingSettings,
    #[command(flatten)]
    pub connections: ConnectionSettings,
    #[command(flatten)]
    pub database: DatabaseSettings,
    #[command(flatten)]
    pub sign_up: SignUpSettings,
    #[command(flatten)]
    pub console: ConsoleSettings,
    #[command(flatten)]
    pub messaging: MessagingSettings,
    #[command(flatten)]
    pub cluster: ClusterSettings,
    #[command(flatten)]
    pub uploads: UploadSettings,
    #[command(flatten)]
    pub limits: LimitSettings,
    /// Logged as soon as there is a log.
    #[arg(skip)]
    pub warnings: Vec<String>,
}

impl Settings {
    /// Reads the settings from the environment, or from the files that variables called NAME_FILE name.
    ///
    /// # Errors
    /// One line for the first setting that cannot be used.
    pub fn from_environment() -> Result<Self, InvalidSetting> {
        environment::require_files(Self::command().get_arguments().flat_map(names))?;
        Self::read(variable)
    }

    /// Reads the settings through `variable`, which gives the value of an environment variable. An empty
    /// value counts as missing.
    ///
    /// clap parses the values as if they were options of a command line. It does not read the environment
    /// itself, because it knows neither NAME_FILE nor that an empty variable counts as missing.
    ///
    /// # Errors
    /// One line for the first setting that cannot be used.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, InvalidSetting> {
        let command = Self::command();
        let given: Vec<GivenValue> =
            command.get_arguments().filter_map(|argument| GivenValue::find(argument, &variable)).collect();
        let matches = command
            .mut_args(|argument| argument.env(Resettable::Reset))
            .try_get_matches_from(given.iter().map(GivenValue::argument))
            .map_err(|error| refused(&error, &given))?;
        let mut settings = Self::from_arg_matches(&matches).map_err(|error| refused(&error, &given))?;
        settings.warnings.extend(given.iter().filter_map(GivenValue::warning));
        settings.console.admin_bind_is_set =
            matches.value_source("admin_bind") == Some(ValueSource::CommandLine);
        settings.server.check(&mut settings.warnings)?;
        settings.database.check(settings.server.production())?;
        let production = settings.server.production();
        settings.sign_up.check(production, &mut settings.warnings);
        settings.console.check()?;
        settings.messaging.check(settings.server.production())?;
        Ok(settings)
    }

    /// Whether this run is production.
    pub fn production(&self) -> bool {
        self.server.production()
    }

    /// Whether tenant 1 exists, which any user may join.
    pub fn demo_tenant(&self) -> bool {
        self.database.demo_tenant.unwrap_or(!self.production())
    }

    /// Whether `serve` also does the work of `worker`.
    pub fn worker_in_serve(&self) -> bool {
        self.messaging.worker.unwrap_or(!self.production() || self.database.url.is_none())
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
    fn the_definitions_are_sound() {
        Settings::command().debug_assert();
        for argument in Settings::command().get_arguments() {
            assert!(argument.get_env().is_some(), "{argument} names no environment variable");
        }
    }

    #[test]
    fn the_old_applications_env_keeps_working_in_development() {
        let old = [
            ("FLASK_ENV", "development"),
            ("SECRET_KEY", "dev"),
            ("DATABASE_URL", "postgresql+psycopg2://postgres:mypass@localhost:5432/tenant_db"),
        ];
        let settings = read(&old).expect("an old .env");
        assert_eq!(settings.server.environment, AppEnv::Development);
        assert!(settings.server.secret_key.is_some());
        assert_eq!(settings.warnings.len(), 1);
        assert!(settings.warnings[0].contains("SECRET_KEY"));
        assert_eq!(settings.database.url.expect("a database").get_dbname(), Some("tenant_db"));
    }

    #[test]
    fn defaults_are_those_of_the_documentation() {
        let settings = read(&[("BIND", " "), ("ADMIN_TOKEN", "")]).expect("settings");
        assert_eq!(settings.server.bind.to_string(), "127.0.0.1:5000");
        assert_eq!(
            settings.console.address().map(|address| address.to_string()),
            Some("127.0.0.1:5001".into())
        );
        assert!(!settings.console.admin_bind_is_set);
        assert_eq!((settings.database.pool_size, settings.server.bcrypt_cost), (16, 12));
        assert_eq!(settings.cluster.node_timeout.as_millis(), 1200);
        assert!(settings.demo_tenant() && settings.worker_in_serve() && settings.cluster.tenant_routing);
    }

    #[test]
    fn production_has_no_demo_tenant_and_a_worker_only_beside_the_embedded_database() {
        let key = "0123456789abcdef".repeat(8);
        let mut variables = vec![
            ("APP_ENV", "production"),
            ("SECRET_KEY", key.as_str()),
            ("PUBLIC_ORIGIN", "https://notes.example.org"),
        ];
        let settings = read(&variables).expect("settings");
        assert!(!settings.demo_tenant() && settings.worker_in_serve());
        variables.push(("DATABASE_URL", "postgresql://notes:own-password@db/notes"));
        assert!(!read(&variables).expect("settings").worker_in_serve());
        variables.extend([("WORKER", "Yes"), ("DEMO_TENANT", "ON")]);
        let settings = read(&variables).expect("settings");
        assert!(settings.demo_tenant() && settings.worker_in_serve());
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
            let refusal = read(&bad).expect_err("a refusal").to_string();
            assert!(refusal.starts_with(name), "{name}={value:?}: {refusal}");
        }
    }

    #[test]
    fn wrong_values_are_refused_in_a_sentence_that_names_the_variable() {
        for (name, value, sentence) in [
            ("APP_ENV", "staging", "APP_ENV is \"staging\"; it must be development or production"),
            ("BIND", "x", "BIND is \"x\"; it must be an address and a port such as 127.0.0.1:5000"),
            (
                "ADMIN_BIND",
                "x",
                "ADMIN_BIND is \"x\"; it must be an address and a port such as 127.0.0.1:5000",
            ),
            ("POOL_SIZE", "0", "POOL_SIZE must be a number from 1 to 1000"),
            ("UPLOAD_SPACE", "0", "UPLOAD_SPACE must be a number from 1 to 1048576"),
            ("BCRYPT_COST", "17", "BCRYPT_COST must be a number from 10 to 16"),
            ("NODE_TIMEOUT", "NaN", "NODE_TIMEOUT must be a number of seconds from 0.1 to 60"),
            ("NODE_PATIENCE", "0", "NODE_PATIENCE must be a number of seconds from 0.1 to 60"),
            ("DEMO_TENANT", "Perhaps", "DEMO_TENANT is \"perhaps\"; it must be on or off"),
            ("DATABASE_URL", "postgresql://u@/x", "DATABASE_URL names no host"),
            ("AMQP_URL", "x", "AMQP_URL is no URL such as amqp://user:password@host:5672/vhost"),
            ("PUBLIC_ORIGIN", "x", "PUBLIC_ORIGIN \"x\" is not an origin such as https://notes.example.org"),
        ] {
            assert_eq!(read(&[(name, value)]).expect_err("a refusal").to_string(), sentence);
        }
    }

    #[test]
    fn a_former_name_is_read_with_a_warning_and_the_new_name_wins() {
        let milliseconds = |variables: &[(&str, &str)]| {
            let settings = read(variables).expect("settings");
            (settings.cluster.node_timeout.as_millis(), settings.warnings)
        };
        let warning = "NODE_PATIENCE is now called NODE_TIMEOUT; rename it".to_owned();
        assert_eq!(milliseconds(&[("NODE_TIMEOUT", "2")]), (2000, vec![]));
        assert_eq!(milliseconds(&[("NODE_PATIENCE", "3")]), (3000, vec![warning]));
        assert_eq!(milliseconds(&[("NODE_PATIENCE", "3"), ("NODE_TIMEOUT", "2")]), (2000, vec![]));
    }

    #[test]
    fn the_console_needs_a_token_where_other_machines_reach_it() {
        let refusal = |variables: &[(&str, &str)]| read(variables).err().map(|error| error.to_string());
        let open = refusal(&[("ADMIN_BIND", "0.0.0.0:5001")]).expect("a refusal");
        assert!(open.starts_with("ADMIN_BIND is 0.0.0.0:5001") && open.contains("ADMIN_TOKEN"), "{open}");
        let short = refusal(&[("ADMIN_TOKEN", "short")]).expect("a refusal");
        assert!(short.starts_with("ADMIN_TOKEN is too short"), "{short}");
        assert!(refusal(&[("ADMIN_BIND", "OFF"), ("ADMIN_TOKEN", "short")]).is_none());
        let token = "0123456789abcdef0123456789abcdef";
        assert!(refusal(&[("ADMIN_BIND", "0.0.0.0:5001"), ("ADMIN_TOKEN", token)]).is_none());
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
    fn no_secret_shows_in_the_debug_output() {
        let settings = read(&[
            ("SECRET_KEY", &"very-secret-".repeat(6)),
            ("SECRET_KEY_PREVIOUS", "very-secret-key"),
            ("ADMIN_TOKEN", &"very-secret-".repeat(3)),
            ("DATABASE_URL", "postgresql://user:very-secret-url@db/x"),
            ("AMQP_URL", "amqp://user:very-secret-broker@broker/x"),
            ("NODE_PASSWORD", "very-secret-node"),
            ("WEB_PASSWORD", "very-secret-web"),
        ]);
        let text = format!("{:?}", settings.expect("settings"));
        assert!(text.contains("ADMIN_TOKEN") || text.contains("admin_token"), "{text}");
        assert!(!text.contains("very-secret"), "{text}");
    }
}
