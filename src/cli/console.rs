//! The operator's console: opened beside the application by `serve`, and asked by `pigeonhole console`.

use std::net::TcpListener;

use tokio_postgres::Config;

use crate::admin::{self, Console};
use crate::app::{self, ListenError, Listening};
use crate::settings::{AdminSettings, Settings};

/// The console's address, taken before anything is started.
pub(super) struct Door(Option<(TcpListener, AdminSettings)>);

/// A console that is open.
pub(super) struct Open {
    /// Where operators find it.
    pub(super) address: String,
    handle: actix_web::dev::ServerHandle,
    sampling: actix_web::rt::task::JoinHandle<()>,
    watching: actix_web::rt::task::JoinHandle<()>,
}

impl Door {
    /// Takes the address. One that nobody chose and somebody has is gone without: it must not keep a second program on the same
    /// machine from serving.
    pub(super) fn take(settings: &Settings) -> anyhow::Result<Self> {
        let Some(admin) = settings.admin.clone() else { return Ok(Self(None)) };
        match app::take_address(admin.bind) {
            Ok(listener) => Ok(Self(Some((listener, admin)))),
            Err(ListenError::InUse(address)) if !admin.chosen => {
                log::warn!("{address} is in use, so there is no operator's console; set ADMIN_BIND to another address");
                Ok(Self(None))
            }
            Err(ListenError::InUse(address)) => {
                anyhow::bail!("{address} is in use by another program; stop that one or set ADMIN_BIND to another port")
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Opens the console of the application that listens.
    pub(super) fn open(self, settings: &Settings, config: &Config, application: &Listening) -> anyhow::Result<Option<Open>> {
        let Some((listener, admin)) = self.0 else { return Ok(None) };
        let port = listener.local_addr()?.port();
        let address = admin.origins.first().cloned().unwrap_or_else(|| format!("http://localhost:{port}"));
        let console = actix_web::web::Data::new(Console::new(settings, &admin, config, application.context.clone()));
        let sampling = actix_web::rt::spawn(crate::monitor::sample_for_ever(console.nodes.clone()));
        let watching = actix_web::rt::spawn(crate::monitor::watch_jobs_for_ever(console.nodes.clone(), console.seen.clone()));
        let server = admin::listen(listener, &admin, console)?;
        let handle = server.handle();
        actix_web::rt::spawn(server);
        Ok(Some(Open { address, handle, sampling, watching }))
    }
}

impl Open {
    /// Closes it; what it was doing for somebody ends within two seconds.
    pub(super) async fn close(self) {
        self.sampling.abort();
        self.watching.abort();
        self.handle.stop(true).await;
    }
}
