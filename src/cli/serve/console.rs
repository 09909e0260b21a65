//! The operator's console beside the application.

use std::net::TcpListener;

use actix_web::dev::ServerHandle;
use actix_web::rt::{spawn, task::JoinHandle};
use actix_web::web::Data;
use tokio_postgres::Config;

use crate::admin::{self, Console};
use crate::app::Listening;
use crate::monitor;
use crate::settings::Settings;

/// A console that listens, and the tasks that collect its data.
pub(super) struct RunningConsole {
    /// The address for browsers.
    pub(super) address: String,
    server: ServerHandle,
    sampling: JoinHandle<()>,
    watching_jobs: JoinHandle<()>,
}

impl RunningConsole {
    /// Starts the console of the application that listens.
    pub(super) fn start(
        listener: TcpListener,
        settings: &Settings,
        config: &Config,
        application: &Listening,
    ) -> anyhow::Result<Self> {
        let port = listener.local_addr()?.port();
        let console = Data::new(Console::new(settings, config, application.context.clone()));
        let sampling =
            monitor::sample_forever(console.nodes.clone(), application.context.services.database.clone());
        let watching_jobs = monitor::watch_jobs_forever(console.nodes.clone(), console.move_history.clone());
        let (sampling, watching_jobs) = (spawn(sampling), spawn(watching_jobs));
        let server = admin::listen(listener, settings.console.origins(port), console)?;
        let handle = server.handle();
        spawn(server);
        let address = settings.console.admin_origins.shown(port);
        Ok(Self { address, server: handle, sampling, watching_jobs })
    }

    /// Stops the console. Requests in flight end within two seconds.
    pub(super) async fn stop(self) {
        self.sampling.abort();
        self.watching_jobs.abort();
        self.server.stop(true).await;
    }
}
