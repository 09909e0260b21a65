//! What the console's handlers share.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use actix_web::HttpResponse;
use actix_web::web::Data;
use tokio_postgres::Config;

use super::application::DatabaseFigures;
use super::console_token::ConsoleToken;
use crate::monitor::{MoveHistory, Nodes};
use crate::settings::{AdminSettings, Settings};
use crate::web::{self, see_other};

/// What nobody fetched is dropped.
const MOST_SAID: usize = 100;

/// The console's shared state.
pub struct Console {
    /// The way to the nodes, to look.
    pub nodes: Arc<Nodes>,
    /// When moves ran, as far as this process saw it.
    pub seen: Arc<MoveHistory>,
    /// How to connect for an action, as the user of DATABASE_URL.
    pub config: Config,
    /// What the application beside it shares with its own handlers.
    pub application: Data<web::Context>,
    /// What only the database knows of the application.
    pub figures: DatabaseFigures,
    pub token: ConsoleToken,
    /// The settings of this process.
    pub settings: Settings,
    /// What was just done, to be said once.
    said: Mutex<HashMap<String, String>>,
}

impl Console {
    /// The console of an application that serves on the database of `config`.
    pub fn new(
        settings: &Settings,
        admin: &AdminSettings,
        config: &Config,
        application: Data<web::Context>,
    ) -> Self {
        Self {
            nodes: Arc::new(Nodes::for_console(config, settings.node_patience)),
            seen: Arc::default(),
            config: config.clone(),
            application,
            figures: DatabaseFigures::new(settings.node_patience),
            token: ConsoleToken::new(admin.token.clone()),
            settings: settings.clone(),
            said: Mutex::default(),
        }
    }

    /// Sends the browser to `path`, where `text` is said once. The text stays here: what stands in an address
    /// could be anybody's.
    pub fn done(&self, path: &str, text: impl Into<String>) -> HttpResponse {
        let number = format!("{:016x}", fastrand::u64(..));
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if said.len() >= MOST_SAID {
            said.clear();
        }
        said.insert(number.clone(), text.into());
        let joint = if path.contains('?') { '&' } else { '?' };
        see_other(&format!("{path}{joint}done={number}"))
    }

    /// What is to be said under this number.
    pub(super) fn say(&self, number: &str) -> Option<String> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).remove(number)
    }
}
