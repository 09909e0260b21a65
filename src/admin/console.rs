//! The state that the console's handlers share.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use actix_web::HttpResponse;
use actix_web::web::Data;
use tokio_postgres::Config;

use super::application::DatabaseFigures;
use super::console_token::ConsoleToken;
use crate::db;
use crate::monitor::{MoveHistory, Nodes};
use crate::settings::Settings;
use crate::web::{self, see_other};

/// The number of notices that may wait for a browser to show them.
const NOTICE_LIMIT: usize = 100;

/// The console's shared state.
pub struct Console {
    /// Connections to all nodes, for reading.
    pub nodes: Arc<Nodes>,
    /// When shard moves ran, as far as this process has observed it.
    pub move_history: Arc<MoveHistory>,
    /// The connection for actions, as the user of DATABASE_URL or the embedded database's administrator.
    pub config: Config,
    /// The state of the application in the same process.
    pub application: Data<web::Context>,
    /// Numbers of the application that need a query.
    pub figures: DatabaseFigures,
    pub token: ConsoleToken,
    pub settings: Settings,
    /// Results of actions by a random number, each to be shown once.
    notices: Mutex<HashMap<String, String>>,
}

impl Console {
    /// For an application that serves on the database of `config`.
    pub fn new(settings: &Settings, config: &Config, application: Data<web::Context>) -> Self {
        let embedded = settings.database.url.is_none();
        let reading = if embedded { db::as_web_login(config) } else { config.clone() };
        Self {
            nodes: Arc::new(Nodes::for_console(&reading, settings.cluster.node_timeout)),
            move_history: Arc::default(),
            config: config.clone(),
            application,
            figures: DatabaseFigures::new(settings.cluster.node_timeout),
            token: ConsoleToken::new(
                settings.console.admin_token.as_ref().map(|token| token.expose().to_owned()),
            ),
            settings: settings.clone(),
            notices: Mutex::default(),
        }
    }

    /// Redirects the browser to `path`, which shows `text` once. The address has only a number of the text:
    /// anyone can write a text into a link.
    pub fn done(&self, path: &str, text: impl Into<String>) -> HttpResponse {
        let number = format!("{:016x}", fastrand::u64(..));
        let mut notices = self.notices.lock().unwrap_or_else(PoisonError::into_inner);
        if notices.len() >= NOTICE_LIMIT {
            notices.clear();
        }
        notices.insert(number.clone(), text.into());
        let separator = if path.contains('?') { '&' } else { '?' };
        see_other(&format!("{path}{separator}done={number}"))
    }

    /// Removes and returns the notice of a number.
    pub(super) fn take_notice(&self, number: &str) -> Option<String> {
        self.notices.lock().unwrap_or_else(PoisonError::into_inner).remove(number)
    }
}
