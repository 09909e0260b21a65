//! The server that is attacked unless a URL is given: the release with its embedded database, or with an
//! embedded Citus cluster, in a temporary folder.

use std::os::unix::fs::PermissionsExt;

use tempfile::TempDir;

use crate::options::Options;
use crate::outcome::Outcome;
use crate::server_process::{Files, ServerCommand, ServerProcess};
use crate::stage::Target;

/// A server of our own, started again for each attack on the same data.
pub struct OwnServer {
    program: String,
    postgres: Option<String>,
    cluster: bool,
    key: String,
    // Before the folder, which is removed after it has stopped.
    running: Option<ServerProcess>,
    folder: TempDir,
}

impl OwnServer {
    /// Makes the folder; nothing is started yet.
    pub fn new(options: &Options) -> Outcome<Self> {
        let folder = tempfile::tempdir()?;
        // PostgreSQL's account must be able to enter the folder.
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755))?;
        let mut key = [0_u8; 64];
        getrandom::fill(&mut key)?;
        Ok(Self {
            program: options.binary.clone(),
            postgres: options.postgres.clone(),
            cluster: options.cluster,
            key: hex::encode(key),
            running: None,
            folder,
        })
    }

    /// Starts the server.
    pub async fn start(&mut self, files: Files) -> Outcome<Target> {
        let log = self.folder.path().join("server.log");
        let mut command = vec![self.program.clone(), "serve".to_owned()];
        if self.cluster {
            command.extend(["--workers", "2"].map(str::to_owned));
        }
        let folder = self.folder.path().to_owned();
        let environment = self.environment();
        let given = ServerCommand { command, environment, folder, log: log.clone(), files, addresses: 2 };
        let server = ServerProcess::start(&given).await?;
        let mut target = Target::at(server.base.clone())?;
        (target.console, target.pid) = (server.console.clone(), Some(server.pid()));
        (target.data, target.log) = (Some(self.folder.path().join("data")), Some(log));
        self.running = Some(server);
        Ok(target)
    }

    fn environment(&self) -> Vec<(String, String)> {
        let data = self.folder.path().join("data");
        let mut environment = vec![
            ("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin".to_owned()),
            ("DATA_DIR", data.to_string_lossy().into_owned()),
            ("BIND", "127.0.0.1:0".to_owned()),
            ("ADMIN_BIND", "127.0.0.1:0".to_owned()),
            ("APP_ENV", "development".to_owned()),
            ("SECRET_KEY", self.key.clone()),
            ("RUST_LOG", "info".to_owned()),
        ];
        environment.extend(self.postgres.clone().map(|folder| ("PG_BIN_DIR", folder)));
        environment.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// Stops the server. One that does not stop in time is killed.
    pub async fn stop(&mut self) -> Outcome<()> {
        match self.running.take() {
            Some(server) => server.stop().await,
            None => Ok(()),
        }
    }
}
