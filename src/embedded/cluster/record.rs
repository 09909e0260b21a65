//! What a cluster keeps about itself beside its tables, in a folder that only the servers' account enters:
//! the ports, the password, and the two files by which the servers ask for it and give it.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::net::TcpListener;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::super::account::Account;
use super::super::error::{EmbeddedError, Tried};
use super::super::folder::{DataFolder, ensure_private_folder};

/// Where nodes listen. Other machines cannot reach it.
pub(super) const HOST: &str = "127.0.0.1";
const FOLDER: &str = "cluster";
const PORTS: &str = "ports";
const PASSWORD: &str = "password";
const HBA: &str = "pg_hba.conf";
const PASSFILE: &str = "pgpass";

/// Who may connect to a node. The socket's folder is closed to others, as with a server alone.
const HBA_LINES: &str = "local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n";

/// A cluster's ports and its password.
#[derive(Debug)]
pub(super) struct Record {
    folder: PathBuf,
    account: Option<Account>,
    /// The coordinator's first. A worker keeps its place, which is its group in Citus.
    pub ports: Vec<u16>,
    pub password: String,
}

impl Record {
    /// The record of an earlier start.
    pub fn read(data_dir: &Path) -> Result<Option<Self>, EmbeddedError> {
        let folder = data_dir.join(FOLDER);
        let ports = folder.join(PORTS);
        let text = match fs::read_to_string(&ports) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).tried("read", ports),
        };
        let numbers: Result<Vec<u16>, _> = text.split_whitespace().map(str::parse).collect();
        let Some(numbers) = numbers.ok().filter(|numbers| numbers.len() > 1) else {
            return Err(EmbeddedError::Damaged(ports));
        };
        let password =
            read_password(&folder)?.ok_or_else(|| EmbeddedError::Damaged(folder.join(PASSWORD)))?;
        Ok(Some(Self { folder, account: None, ports: numbers, password }))
    }

    /// Makes the folder and its files for that many nodes. A port that something else has taken since is
    /// replaced.
    pub fn prepare(
        folder: &DataFolder,
        account: Option<&Account>,
        known: Option<Self>,
        nodes: usize,
    ) -> Result<Self, EmbeddedError> {
        let path = folder.path().join(FOLDER);
        ensure_private_folder(&path, account)?;
        let password = match read_password(&path)? {
            Some(password) => password,
            None => random_password().tried("make a password for", &path)?,
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
        // Whatever role a query runs as, a node connects to the others as that role.
        record.write(PASSFILE, &format!("{HOST}:*:*:*:{}\n", record.password))?;
        Ok(record)
    }

    /// From now on the data folder is a cluster's.
    pub fn keep(&self) -> Result<(), EmbeddedError> {
        let lines: String = self.ports.iter().map(|port| format!("{port}\n")).collect();
        self.write(PORTS, &lines)
    }

    pub fn hba(&self) -> PathBuf {
        self.folder.join(HBA)
    }

    pub fn passfile(&self) -> PathBuf {
        self.folder.join(PASSFILE)
    }

    fn choose_ports(&mut self, nodes: usize) -> Result<(), EmbeddedError> {
        // All are held until each has its own.
        let mut held = Vec::new();
        for place in 0..nodes {
            let listener = match self.ports.get(place).map(|port| TcpListener::bind((HOST, *port))) {
                Some(Ok(listener)) => listener,
                _ => bind_somewhere().tried("find a port on", HOST)?,
            };
            let port = listener.local_addr().tried("find a port on", HOST)?.port();
            match self.ports.get_mut(place) {
                Some(known) => *known = port,
                None => self.ports.push(port),
            }
            held.push(listener);
        }
        Ok(())
    }

    /// Written aside and renamed, so that no start finds half of it.
    fn write(&self, name: &str, text: &str) -> Result<(), EmbeddedError> {
        let path = self.folder.join(name);
        if fs::read_to_string(&path).is_ok_and(|existing| existing == text) {
            return Ok(());
        }
        let aside = self.folder.join(format!("{name}.new"));
        let _ = fs::remove_file(&aside);
        let mut file =
            OpenOptions::new().write(true).create_new(true).mode(0o600).open(&aside).tried("make", &aside)?;
        file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).tried("write", &aside)?;
        if let Some(account) = &self.account {
            account.give(&aside)?;
        }
        fs::rename(&aside, &path).tried("put in place", path)
    }
}

/// Below the range that the system takes ports of outgoing connections from: one of those could have the port
/// when a node is started again.
fn bind_somewhere() -> io::Result<TcpListener> {
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
        Err(error) => Err(error).tried("read", path),
    }
}

/// 256 bits in letters and digits that no file of PostgreSQL needs quoted.
fn random_password() -> io::Result<String> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(io::Error::from)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
