//! The arguments of the program, most of which bin/bench passes on.

use std::path::PathBuf;

use crate::outcome::Outcome;
use crate::rows::ROWS;

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The rows of the table.
    Rows,
    /// One tenant beside another that sends too much.
    Storm,
    /// Growth along four axes.
    Scale,
    /// Instructions of the server.
    Instructions,
}

/// The ends of the axes of `--scale`.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    /// Notes in all.
    pub notes: u64,
    /// Notes of one user.
    pub notes_of_user: u64,
    pub tenants: u64,
    /// Idle connections.
    pub idle: usize,
}

/// The arguments.
#[derive(Clone, Debug)]
pub struct Options {
    pub mode: Mode,
    /// The program that is measured.
    pub binary: String,
    /// The program of benches/floor.
    pub floor: String,
    pub pgbench: String,
    /// host:port of each database server, the coordinator first.
    pub nodes: Vec<String>,
    /// Their processes.
    pub postmasters: Vec<i32>,
    /// The servers in words.
    pub database: String,
    /// A folder that is removed after the run.
    pub folder: PathBuf,
    pub rounds: usize,
    pub seconds: u64,
    pub connections: usize,
    /// Names of rows or axes; all if empty.
    pub only: Vec<String>,
    pub tenants: i64,
    /// Readers of each tenant.
    pub users: i64,
    pub json: Option<PathBuf>,
    pub svg: Option<PathBuf>,
    pub sizes: Sizes,
    /// The file with the stored number of instructions.
    pub stored: PathBuf,
    /// Store the measured number.
    pub store: bool,
}

impl Options {
    /// Parses the arguments.
    ///
    /// # Errors
    /// A sentence that says which argument is wrong.
    pub fn read(arguments: impl Iterator<Item = String>) -> Outcome<Self> {
        let mut options = Self {
            mode: Mode::Rows,
            binary: String::new(),
            floor: String::new(),
            pgbench: String::new(),
            nodes: Vec::new(),
            postmasters: Vec::new(),
            database: String::new(),
            folder: PathBuf::new(),
            rounds: 3,
            seconds: 8,
            connections: 16,
            only: Vec::new(),
            tenants: 1000,
            users: 20,
            json: None,
            svg: None,
            sizes: Sizes { notes: 1_000_000, notes_of_user: 100_000, tenants: 100_000, idle: 10_000 },
            stored: PathBuf::new(),
            store: false,
        };
        let mut arguments = arguments.peekable();
        while let Some(argument) = arguments.next() {
            // `cargo bench` adds it.
            if argument == "--bench" || options.take_flag(&argument) {
                continue;
            }
            let value = arguments.next().ok_or_else(|| format!("{argument} needs a value"))?;
            options.take(&argument, value)?;
        }
        options.check()?;
        Ok(options)
    }

    fn take_flag(&mut self, argument: &str) -> bool {
        match argument {
            "--storm" => self.mode = Mode::Storm,
            "--scale" => self.mode = Mode::Scale,
            "--instructions" => self.mode = Mode::Instructions,
            "--store" => self.store = true,
            _ => return false,
        }
        true
    }

    fn take(&mut self, argument: &str, value: String) -> Outcome<()> {
        match argument {
            "--binary" => self.binary = value,
            "--floor" => self.floor = value,
            "--pgbench" => self.pgbench = value,
            "--node" => self.nodes.push(value),
            "--postmaster" => self.postmasters.push(value.parse()?),
            "--database" => self.database = value,
            "--folder" => self.folder = value.into(),
            "--rounds" => self.rounds = value.parse()?,
            "--seconds" => self.seconds = value.parse()?,
            "--connections" => self.connections = value.parse()?,
            "--only" => self.only.push(value),
            "--tenants" => self.tenants = value.parse()?,
            "--users" => self.users = value.parse()?,
            "--json" => self.json = Some(value.into()),
            "--svg" => self.svg = Some(value.into()),
            "--scale-notes" => self.sizes.notes = value.parse()?,
            "--scale-notes-of-user" => self.sizes.notes_of_user = value.parse()?,
            "--scale-tenants" => self.sizes.tenants = value.parse()?,
            "--scale-idle" => self.sizes.idle = value.parse()?,
            "--stored" => self.stored = value.into(),
            _ => return Err(format!("unknown argument {argument} (see bin/bench --help)").into()),
        }
        Ok(())
    }

    fn check(&self) -> Outcome<()> {
        if self.binary.is_empty() || self.nodes.is_empty() {
            return Err("bin/bench starts this program with its servers".into());
        }
        if self.mode == Mode::Rows
            && let Some(unknown) = self.only.iter().find(|name| !ROWS.iter().any(|row| row.name == **name))
        {
            let names: Vec<&str> = ROWS.iter().map(|row| row.name).collect();
            return Err(format!("no row is called {unknown}; the rows are {}", names.join(" ")).into());
        }
        if !(1..=1_000_000).contains(&self.tenants) || !(1..=400).contains(&self.users) {
            return Err("--tenants is a number up to 1000000, --users one up to 400".into());
        }
        Ok(())
    }

    /// Whether the database servers are a Citus cluster.
    pub fn citus(&self) -> bool {
        self.nodes.len() > 1
    }

    /// Whether this row or axis is measured.
    pub fn chooses(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == name)
    }
}
