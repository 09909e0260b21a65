//! Failed messages: having them tried again or giving them up, one by its name or all of them. It is done as
//! a role that can do nothing else, and written into the list of events.

use std::time::Duration;

use actix_web::{HttpResponse, web};
use askama::Template;
use serde::Deserialize;
use tokio_postgres::Config;

use crate::admin::Failure;
use crate::admin::console::Console;
use crate::admin::frame::ConsoleFrame;
use crate::admin::operator::Operator;
use crate::cluster::{ClusterError, events};
use crate::db::as_backlog_role;
use crate::messaging::{Backlog, BacklogError, MessageName, Selection};
use crate::store::BacklogMessage;
use crate::web::{Error, Form};

/// TENANT/MESSAGE; empty for all failed messages.
#[derive(Default, Deserialize)]
pub struct MessageQuery {
    #[serde(default)]
    message: String,
}

#[derive(Clone, Copy)]
enum MessageAction {
    Replay,
    Drop,
}

#[derive(Template)]
#[template(path = "admin/message.html")]
struct MessagesPage<'a> {
    frame: ConsoleFrame,
    action: MessageAction,
    selected: &'a str,
    messages: Vec<BacklogMessage>,
    refused: Option<String>,
}

impl MessageAction {
    fn path(self) -> &'static str {
        match self {
            Self::Replay => "/messages/replay",
            Self::Drop => "/messages/removal",
        }
    }

    /// The subcommand of `pigeonhole messages`.
    fn subcommand(self) -> &'static str {
        match self {
            Self::Replay => "replay",
            Self::Drop => "drop",
        }
    }

    fn question(self) -> &'static str {
        match self {
            Self::Replay => "Try again what failed?",
            Self::Drop => "Give up what failed?",
        }
    }

    fn consequence(self) -> &'static str {
        match self {
            Self::Replay => {
                "Each gets five new attempts, beginning at once. Doing one twice changes nothing."
            }
            Self::Drop => {
                "Their rows are deleted, and what they ask for will not be done. The notes themselves stay \
                 as they are."
            }
        }
    }

    /// What the page says afterwards.
    fn report(self, done: usize) -> String {
        let what = match self {
            Self::Replay => "due again",
            Self::Drop => "given up",
        };
        match done {
            0 => "Nothing was changed: no such message has failed.".to_owned(),
            1 => format!("1 message is {what}."),
            done => format!("{done} messages are {what}."),
        }
    }
}

/// GET /messages/replay/new
pub async fn new_replay(
    console: web::Data<Console>,
    frame: ConsoleFrame,
    query: web::Query<MessageQuery>,
) -> Result<HttpResponse, Failure> {
    confirm(&console, frame, MessageAction::Replay, &query.message).await
}

/// GET /messages/removal/new
pub async fn new_removal(
    console: web::Data<Console>,
    frame: ConsoleFrame,
    query: web::Query<MessageQuery>,
) -> Result<HttpResponse, Failure> {
    confirm(&console, frame, MessageAction::Drop, &query.message).await
}

/// POST /messages/replay
pub async fn create_replay(
    console: web::Data<Console>,
    operator: Operator,
    Form(query): Form<MessageQuery>,
) -> Result<HttpResponse, Failure> {
    act(&console, operator, MessageAction::Replay, query.message).await
}

/// POST /messages/removal
pub async fn create_removal(
    console: web::Data<Console>,
    operator: Operator,
    Form(query): Form<MessageQuery>,
) -> Result<HttpResponse, Failure> {
    act(&console, operator, MessageAction::Drop, query.message).await
}

async fn confirm(
    console: &Console,
    frame: ConsoleFrame,
    action: MessageAction,
    selected: &str,
) -> Result<HttpResponse, Failure> {
    let selection = parse(selected)?;
    let reading = async {
        let backlog = Backlog::connect(&console.config, console.settings.cluster.node_timeout).await?;
        backlog.selected(&selection).await
    };
    let (messages, refused) = match reading.await {
        Ok(messages) => (messages, None),
        Err(error) => (Vec::new(), Some(error.to_string())),
    };
    // This page is part of the page that leads here.
    let frame = ConsoleFrame { path: "/application".to_owned(), ..frame };
    let page = MessagesPage { frame, action, selected, messages, refused };
    Ok(HttpResponse::Ok().content_type("text/html; charset=utf-8").body(page.render()?))
}

async fn act(
    console: &Console,
    operator: Operator,
    action: MessageAction,
    selected: String,
) -> Result<HttpResponse, Failure> {
    let selection = parse(&selected)?;
    let (config, timeout) = (console.config.clone(), console.settings.cluster.node_timeout);
    let operator = operator.connecting_as(as_backlog_role(&config, timeout));
    let report = operator
        .act(async move |session| {
            let detail = if selected.is_empty() { "all that failed" } else { &selected };
            let event = events::begin(session, &format!("messages {}", action.subcommand()), detail).await?;
            let applied = apply(&config, timeout, action, &selection).await.map_err(refused);
            Ok(action.report(event.end(session, applied).await?))
        })
        .await?;
    Ok(console.done("/application", report))
}

async fn apply(
    config: &Config,
    timeout: Duration,
    action: MessageAction,
    selection: &Selection,
) -> Result<usize, BacklogError> {
    let backlog = Backlog::connect(config, timeout).await?;
    let changes = match action {
        MessageAction::Replay => backlog.replay(selection).await?,
        MessageAction::Drop => backlog.drop_failed(selection).await?,
    };
    Ok(changes.done.len())
}

fn refused(error: BacklogError) -> ClusterError {
    let what = "changing messages".to_owned();
    match error {
        BacklogError::Connect(error) => error.into(),
        BacklogError::Refused(error) => ClusterError::refused(&what, &error),
        BacklogError::TimedOut(timeout) => ClusterError::Timeout { what, timeout },
    }
}

fn parse(selected: &str) -> Result<Selection, Error> {
    if selected.is_empty() {
        return Ok(Selection::All);
    }
    let name = selected
        .parse::<MessageName>()
        .map_err(|_| Error::BadRequest("A message is named TENANT/MESSAGE, such as 7/1234."))?;
    Ok(Selection::Named(vec![name]))
}
