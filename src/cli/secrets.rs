//! `pigeonhole secrets`: creates the secrets of a cluster of containers. There are four folders, so that each
//! container sees only its own secrets: one for the databases and the containers that set them up, one for
//! `serve`, one for `worker`, and one for the broker and its clients.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;

use super::output;

/// Arguments of `secrets`.
#[derive(Args)]
pub struct SecretsArguments {
    /// Folder for the databases: postgres_password, node_password, web_password, admin_database_url.
    #[arg(long)]
    nodes: PathBuf,
    /// Folder for serve: secret_key, admin_token, database_url.
    #[arg(long)]
    web: PathBuf,
    /// Folder for worker: secret_key, with which nothing is signed, and database_url.
    #[arg(long)]
    worker: Option<PathBuf>,
    /// Folder for the broker and the worker: broker.conf, amqp_url.
    #[arg(long)]
    broker: Option<PathBuf>,
    /// The broker, as the containers know it.
    #[arg(long, default_value = "rabbitmq:5672")]
    broker_address: String,
    /// The coordinator, as the containers know it.
    #[arg(long, default_value = "citus_master:5432")]
    coordinator: String,
    /// The database.
    #[arg(long, default_value = "tenant_db")]
    database: String,
}

/// Creates missing secrets. A value in the environment replaces the one in its file.
///
/// # Errors
/// One line that says what failed.
pub fn run(secrets: &SecretsArguments, variable: impl Fn(&str) -> Option<String>) -> anyhow::Result<()> {
    let variable =
        |name: &str| variable(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
    let nodes = SecretsFolder(&secrets.nodes);
    let web = SecretsFolder(&secrets.web);
    let given =
        variable("POSTGRES_PASSWORD").or_else(|| password_of_administrator(&variable("DATABASE_URL")?));
    let postgres = nodes.keep("postgres_password", given, 32)?;
    nodes.keep("node_password", variable("NODE_PASSWORD"), 32)?;
    let web_password = nodes.keep("web_password", variable("WEB_PASSWORD"), 32)?;
    web.keep("secret_key", variable("SECRET_KEY"), 64)?;
    web.keep("admin_token", variable("ADMIN_TOKEN"), 32)?;
    nodes.write("admin_database_url", &secrets.url("postgres", &postgres))?;
    web.write("database_url", &secrets.url("pigeonhole_web", &web_password))?;
    if let Some(worker) = &secrets.worker {
        // The worker has neither the cookies' key nor the console's token. Production asks for a key.
        let worker = SecretsFolder(worker);
        worker.keep("secret_key", None, 64)?;
        worker.write("database_url", &secrets.url("pigeonhole_web", &web_password))?;
    }
    if let Some(broker) = &secrets.broker {
        secrets.keep_broker(&SecretsFolder(broker), variable("AMQP_URL"))?;
    }
    output::line(&format!("the secrets are in {} and {}", secrets.nodes.display(), secrets.web.display()));
    Ok(())
}

impl SecretsArguments {
    /// The broker has one user, in a vhost of its own. RabbitMQ creates no user `guest` if another one is
    /// configured. Both files contain the same password.
    fn keep_broker(&self, folder: &SecretsFolder<'_>, given: Option<String>) -> anyhow::Result<()> {
        let url = |password: &str| format!("amqp://pigeonhole:{password}@{}/pigeonhole", self.broker_address);
        if let Some(given) = given {
            // The operator's own broker, whose users we do not create.
            return folder.write("amqp_url", &given);
        }
        let password = folder.keep("broker_password", None, 32)?;
        folder.write("amqp_url", &url(&password))?;
        folder.write(
            "broker.conf",
            &format!(
                "default_vhost = pigeonhole\ndefault_user = pigeonhole\ndefault_pass = {password}\n\
                 default_permissions.configure = .*\n\
                 default_permissions.read = .*\ndefault_permissions.write = .*\n\
                 default_user_tags.administrator = false\nlog.console = true\nlog.file = false\n"
            ),
        )
    }

    fn url(&self, user: &str, password: &str) -> String {
        let password = percent_encoding::utf8_percent_encode(password, percent_encoding::NON_ALPHANUMERIC);
        format!("postgresql://{user}:{password}@{}/{}", self.coordinator, self.database)
    }
}

/// In the settings of older versions the administrator's password is only part of the URL.
fn password_of_administrator(url: &str) -> Option<String> {
    let (_, rest) = url.split_once("://")?;
    let config: tokio_postgres::Config = format!("postgresql://{rest}").parse().ok()?;
    if config.get_user() != Some("postgres") {
        return None;
    }
    String::from_utf8(config.get_password()?.to_vec()).ok()
}

struct SecretsFolder<'a>(&'a Path);

impl SecretsFolder<'_> {
    /// Writes and returns the given value, else the stored one, else a new one of `bytes` random bytes.
    fn keep(&self, name: &str, given: Option<String>, bytes: usize) -> anyhow::Result<String> {
        let path = self.0.join(name);
        let kept = match fs::read_to_string(&path) {
            Ok(kept) => Some(kept.trim().to_owned()).filter(|kept| !kept.is_empty()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error).with_context(|| format!("reading {}", path.display())),
        };
        let value = match given.or(kept) {
            Some(value) => value,
            None => random(bytes)?,
        };
        self.write(name, &value)?;
        Ok(value)
    }

    /// Writes a file that only our account and group can read. It is never half written.
    fn write(&self, name: &str, value: &str) -> anyhow::Result<()> {
        let path = self.0.join(name);
        if fs::read_to_string(&path).is_ok_and(|kept| kept == value) {
            return Ok(());
        }
        let new = self.0.join(format!(".{name}.new"));
        let written = || -> io::Result<()> {
            let _ = fs::remove_file(&new);
            let mut file = OpenOptions::new().write(true).create_new(true).mode(0o440).open(&new)?;
            file.write_all(value.as_bytes())?;
            file.sync_all()?;
            fs::rename(&new, &path)
        };
        written().with_context(|| format!("writing {}", path.display()))
    }
}

fn random(bytes: usize) -> anyhow::Result<String> {
    let mut random = vec![0; bytes];
    getrandom::fill(&mut random).map_err(io::Error::from).context("asking the system for random bytes")?;
    Ok(hex::encode(random))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(folder: &Path, variables: &[(&str, &str)]) -> Vec<String> {
        let secrets = SecretsArguments {
            nodes: folder.to_owned(),
            web: folder.to_owned(),
            worker: Some(folder.join("worker")),
            broker: Some(folder.to_owned()),
            broker_address: "rabbitmq:5672".to_owned(),
            coordinator: "citus_master:5432".to_owned(),
            database: "tenant_db".to_owned(),
        };
        fs::create_dir_all(folder.join("worker")).expect("a folder");
        run(&secrets, |name| {
            variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        })
        .expect("made");
        let names = [
            "postgres_password",
            "node_password",
            "web_password",
            "secret_key",
            "admin_database_url",
            "database_url",
            "admin_token",
        ];
        names.iter().map(|name| fs::read_to_string(folder.join(name)).expect(name)).collect()
    }

    #[test]
    fn secrets_are_made_once_and_what_is_given_wins() {
        let folder = tempfile::tempdir().expect("a folder");
        let first = made(folder.path(), &[]);
        assert!(first[..3].iter().all(|secret| secret.len() == 64) && first[3].len() == 128);
        assert_eq!(first[4], format!("postgresql://postgres:{}@citus_master:5432/tenant_db", first[0]));
        assert_eq!(made(folder.path(), &[]), first);
        let of_worker = |name: &str| fs::read_to_string(folder.path().join("worker").join(name));
        assert_eq!(of_worker("database_url").expect("a URL"), first[5]);
        assert_ne!(of_worker("secret_key").expect("a key"), first[3]);
        assert!(of_worker("admin_token").is_err());
        let url = fs::read_to_string(folder.path().join("amqp_url")).expect("amqp_url");
        let settings = fs::read_to_string(folder.path().join("broker.conf")).expect("broker.conf");
        let password = url.split([':', '@']).nth(2).expect("a password");
        assert!(password.len() == 64 && settings.contains(&format!("default_pass = {password}\n")), "{url}");
        assert!(crate::settings::BrokerUrl::parse(&url).is_ok());
        let given = made(folder.path(), &[("POSTGRES_PASSWORD", "it's/odd"), ("SECRET_KEY", "k")]);
        assert_eq!((given[0].as_str(), given[3].as_str(), &given[1]), ("it's/odd", "k", &first[1]));
        let config: tokio_postgres::Config = given[4].parse().expect("a URL");
        assert_eq!(config.get_password(), Some(b"it's/odd".as_slice()));
    }

    #[test]
    fn an_old_url_gives_the_administrators_password_and_another_users_does_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let old = made(
            folder.path(),
            &[("DATABASE_URL", "postgresql+psycopg2://postgres:mypass@localhost:5432/tenant_db")],
        );
        assert_eq!(old[0], "mypass");
        let folder = tempfile::tempdir().expect("a folder");
        assert_ne!(
            made(folder.path(), &[("DATABASE_URL", "postgresql://someone:mypass@localhost/tenant_db")])[0],
            "mypass"
        );
    }
}
