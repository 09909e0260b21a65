//! Settings of the database: an existing one, or the embedded one and its folder.

use std::path::PathBuf;

use clap::ArgAction;
use tokio_postgres::Config;

use super::environment::default_data_dir;
use super::error::{InvalidSetting, invalid};
use super::parsers;

/// Where the data is, and how it is reached.
#[derive(Clone, Debug, clap::Args)]
pub struct DatabaseSettings {
    /// postgresql://… of a PostgreSQL or of the Citus coordinator
    ///
    /// Default: none: an embedded PostgreSQL in DATA_DIR
    #[arg(long, env = "DATABASE_URL", value_parser = database_url)]
    pub url: Option<Config>,
    /// folder of the embedded database, of generated secrets and of uploads
    ///
    /// Default: /var/lib/pigeonhole for root, else ~/.local/share/pigeonhole
    #[arg(long, env = "DATA_DIR", default_value_os_t = default_data_dir())]
    pub data_dir: PathBuf,
    /// folder of the PostgreSQL programs (15 to 18) for the embedded database
    ///
    /// Default: found by itself
    #[arg(long, env = "PG_BIN_DIR")]
    pub pg_bin_dir: Option<PathBuf>,
    /// database connections for tenants' work
    #[arg(long, env = "POOL_SIZE", default_value = "16", value_parser = parsers::whole_number(1usize..=1000))]
    pub pool_size: usize,
    /// database calls that each node works on at once; others wait, but for one that takes long
    ///
    /// Default: its cores + 1 on this machine, else twice its cores + 1; POOL_SIZE when it does not tell
    #[arg(long, env = "NODE_CONCURRENCY", value_parser = parsers::whole_number(1usize..=1000))]
    pub node_concurrency: Option<usize>,
    /// on or off: production serves with a login of DATABASE_URL that is a superuser, owns the tables,
    /// bypasses row-level security or may create roles
    #[arg(
        long,
        env = "ADMINISTRATOR_LOGIN",
        action = ArgAction::Set,
        default_value = "off",
        value_parser = parsers::on_or_off
    )]
    pub administrator_login: bool,
    /// on or off: an organization named Demo with id 1 that anyone may join
    ///
    /// Default: on in development, off in production
    #[arg(long, env = "DEMO_TENANT", value_parser = parsers::on_or_off)]
    pub(super) demo_tenant: Option<bool>,
}

impl DatabaseSettings {
    pub(super) fn check(&self, production: bool) -> Result<(), InvalidSetting> {
        let password = self.url.as_ref().and_then(Config::get_password);
        if production && password.is_some_and(parsers::is_well_known) {
            return invalid(
                "DATABASE_URL carries a password that everybody knows; production needs one of its own",
            );
        }
        Ok(())
    }
}

fn database_url(url: &str) -> Result<Config, &'static str> {
    // SQLAlchemy names its driver in the scheme.
    let url = match url.split_once("://") {
        Some((scheme, rest)) if scheme.starts_with("postgresql+") => format!("postgresql://{rest}"),
        _ => url.to_owned(),
    };
    let mut config: Config = url
        .parse()
        .map_err(|_| "is not a PostgreSQL URL such as postgresql://user:password@host:5432/database")?;
    if config.get_hosts().is_empty() {
        return Err("names no host");
    }
    let user = config.get_user().ok_or("names no user")?.to_owned();
    if config.get_dbname().is_none() {
        config.dbname(user);
    }
    Ok(config)
}
