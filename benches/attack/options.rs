//! The arguments of `bin/attack`.

use crate::outcome::Outcome;

/// What is attacked, and how.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The names of the attacks are printed, and nothing is attacked.
    pub list: bool,
    /// Names of attacks; all if empty.
    pub only: Vec<String>,
    /// Multiplies the numbers of connections and requests.
    pub factor: usize,
    /// With a Citus cluster of two workers instead of PostgreSQL alone.
    pub cluster: bool,
    /// The program that is started, unless there is a `url`.
    pub binary: String,
    /// The folder of PostgreSQL's programs.
    pub postgres: Option<String>,
    /// A server that runs already.
    pub url: Option<String>,
    /// Its process, whose memory is measured.
    pub pid: Option<i32>,
    /// Its console.
    pub console: Option<String>,
    /// The console's token.
    pub console_token: Option<String>,
}

impl Options {
    /// Parses the arguments.
    pub fn read(mut arguments: impl Iterator<Item = String>) -> Outcome<Self> {
        let mut options = Self { factor: 1, ..Self::default() };
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or_else(|| format!("{argument} needs a value"));
            match argument.as_str() {
                "--only" => options.only.push(value()?),
                "--factor" => options.factor = value()?.parse()?,
                "--cluster" => options.cluster = true,
                "--binary" => options.binary = value()?,
                "--postgres" => options.postgres = Some(value()?),
                "--url" => options.url = Some(value()?.trim_end_matches('/').to_owned()),
                "--pid" => options.pid = Some(value()?.parse()?),
                "--console" => options.console = Some(value()?.trim_end_matches('/').to_owned()),
                "--console-token" => options.console_token = Some(value()?),
                "--list" => options.list = true,
                // `cargo bench` adds it.
                "--bench" => {}
                _ => return Err(format!("unknown argument {argument} (see bin/attack --help)").into()),
            }
        }
        if !(1..=10).contains(&options.factor) {
            return Err("--factor is a number from 1 to 10".into());
        }
        if !options.list && options.url.is_none() && options.binary.is_empty() {
            return Err("--binary or --url is missing (bin/attack gives it)".into());
        }
        Ok(options)
    }

    /// Whether this attack runs: its name is, or begins with, one that was given.
    pub fn chooses(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| name.starts_with(only.as_str()))
    }
}
