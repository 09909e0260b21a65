//! Files of a cluster beside its tables, in a folder that only the servers' account can enter: the ports, the
//! password, and the two files by which servers demand and send the password (pg_hba.conf, pgpass).

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::net::TcpListener;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::super::account::ServerAccount;
use super::super::error::{EmbeddedError, IoContext};
use super::super::folder::{DataFolder, ensure_private_folder};

/// The address of all nodes. Other machines cannot reach it.
pub(super) const HOST: &str = "127.0.0.1";
const FOLDER: &str = "cluster";
const PORTS: &str = "ports";
const PASSWORD: &str = "password";
const HBA: &str = "pg_hba.conf";
const PASSFILE: &str = "pgpass";

/// Connections through the socket need no password, because its folder is closed to other accounts. `all`
/// does not include the connections for replication, which pg_basebackup makes.
const HBA_LINES: &str =
    "local all all trust\nlocal replication postgres trust\nhost all all 127.0.0.1/32 scram-sha-256\n";

/// A cluster's ports and its password.
#[derive(Debug)]
pub(super) struct ClusterRecord {
    folder: PathBuf,
    account: Option<ServerAccount>,
    /// The coordinator's is the first. A worker keeps its index, which is its group in Citus.
    pub(super) ports: Vec<u16>,
    pub(super) password: String,
}

impl ClusterRecord {
    /// The record of an earlier start.
    pub(super) fn read(data_dir: &Path) -> Result<Option<Self>, EmbeddedError> {
        let folder = data_dir.join(FOLDER);
        let ports = folder.join(PORTS);
        let text = match fs::read_to_string(&ports) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).io_context("read", ports),
        };
        let numbers: Result<Vec<u16>, _> = text.split_whitespace().map(str::parse).collect();
        let Some(numbers) = numbers.ok().filter(|numbers| numbers.len() > 1) else {
            return Err(EmbeddedError::Damaged(ports));
        };
        let password =
            read_password(&folder)?.ok_or_else(|| EmbeddedError::Damaged(folder.join(PASSWORD)))?;
        Ok(Some(Self { folder, account: None, ports: numbers, password }))
    }

    /// Creates the folder and its files for `nodes` nodes. A port that another program uses now is replaced.
    pub(super) fn prepare(
        folder: &DataFolder,
        account: Option<&ServerAccount>,
        known: Option<Self>,
        nodes: usize,
    ) -> Result<Self, EmbeddedError> {
        let path = folder.path().join(FOLDER);
        ensure_private_folder(&path, account)?;
        let password = match read_password(&path)? {
            Some(password) => password,
            None => random_password().io_context("make a password for", &path)?,
        };
        let mut record = Self {
            folder: path,
            account: account.cloned(),
            ports: known.map(|known| known.ports).unwrap_or_default(),
            password,
        };
        record.choose_ports(nodes)?;
        record.write(PASSWORD, &record.password)?;
        record.write(HBA, HBA_LINES)?;
        // For all roles: a node connects to the others as the role that the query runs as.
        record.write(PASSFILE, &format!("{HOST}:*:*:*:{}\n", record.password))?;
        Ok(record)
    }

    /// Writes the ports. From then on every start of the data folder starts a cluster.
    pub(super) fn save(&self) -> Result<(), EmbeddedError> {
        let lines: String = self.ports.iter().map(|port| format!("{port}\n")).collect();
        self.write(PORTS, &lines)
    }

    pub(super) fn hba(&self) -> PathBuf {
        self.folder.join(HBA)
    }

    pub(super) fn passfile(&self) -> PathBuf {
        self.folder.join(PASSFILE)
    }

    fn choose_ports(&mut self, nodes: usize) -> Result<(), EmbeddedError> {
        // The listeners are kept until each node has a port, so that no port is chosen twice.
        let mut listeners = Vec::new();
        for index in 0..nodes {
            let listener = match self.ports.get(index).map(|port| TcpListener::bind((HOST, *port))) {
                Some(Ok(listener)) => listener,
                _ => bind_random_port().io_context("find a port on", HOST)?,
            };
            let port = listener.local_addr().io_context("find a port on", HOST)?.port();
            match self.ports.get_mut(index) {
                Some(known) => *known = port,
                None => self.ports.push(port),
            }
            listeners.push(listener);
        }
        Ok(())
    }

    /// Writes to another file and renames it, so that no start finds half a file.
    fn write(&self, name: &str, text: &str) -> Result<(), EmbeddedError> {
        let path = self.folder.join(name);
        if fs::read_to_string(&path).is_ok_and(|existing| existing == text) {
            return Ok(());
        }
        let new = self.folder.join(format!("{name}.new"));
        let _ = fs::remove_file(&new);
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&new)
            .io_context("make", &new)?;
        file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).io_context("write", &new)?;
        if let Some(account) = &self.account {
            account.own(&new)?;
        }
        fs::rename(&new, &path).io_context("put in place", path)
    }
}

/// The ports are below the range of outgoing connections (ip_local_port_range), one of which could hold the
/// port when a node is started again.
fn bind_random_port() -> io::Result<TcpListener> {
    let mut last = None;
    for _ in 0..100 {
        match TcpListener::bind((HOST, fastrand::u16(20_000..32_000))) {
            Ok(listener) => return Ok(listener),
            Err(error) => last = Some(error),
        }
    }
    Err(last.unwrap_or_else(|| io::ErrorKind::AddrInUse.into()))
}

fn read_password(folder: &Path) -> Result<Option<String>, EmbeddedError> {
    let path = folder.join(PASSWORD);
    match fs::read_to_string(&path) {
        Ok(password) if password.trim().is_empty() => Err(EmbeddedError::Damaged(path)),
        Ok(password) => Ok(Some(password.trim().to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).io_context("read", path),
    }
}

/// 256 bits in hexadecimal, which needs no quotes in any file of PostgreSQL.
fn random_password() -> io::Result<String> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(io::Error::from)?;
    Ok(hex::encode(bytes))
}
