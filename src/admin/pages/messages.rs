//! What to do about messages that failed for good: have them tried again, or give them up. One by its name,
//! or all of them.

use actix_web::{HttpResponse, web};
use askama::Template;
use serde::Deserialize;
use tokio_postgres::Client;

use crate::admin::Failure;
use crate::admin::console::Console;
use crate::admin::frame::ConsoleFrame;
use crate::cluster::{ClusterError, NodeConnection, events};
use crate::db::connect_as_owner;
use crate::store::{self, Backlog};
use crate::web::{Error, Form};

/// Messages that one action is about at most.
const LIMIT: i64 = 1000;

/// TENANT/MESSAGE; nothing stands for all.
#[derive(Default, Deserialize)]
pub struct Chosen {
    #[serde(default)]
    message: String,
}

/// What is done.
#[derive(Clone, Copy)]
enum Deed {
    Replay,
    Drop,
}

#[derive(Template)]
#[template(path = "admin/message.html")]
struct AskPage<'a> {
    frame: ConsoleFrame,
    deed: Deed,
    chosen: &'a str,
    messages: Vec<(String, String, String)>,
    refused: Option<String>,
}

impl Deed {
    fn path(self) -> &'static str {
        match self {
            Self::Replay => "/messages/replay",
            Self::Drop => "/messages/removal",
        }
    }

    fn verb(self) -> &'static str {
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
                "Their rows are deleted and nobody will do what they ask for. The notes themselves stay as \
                 they are."
            }
        }
    }
}

/// GET /messages/replay/new
pub async fn new_replay(
    console: web::Data<Console>,
    frame: ConsoleFrame,
    chosen: web::Query<Chosen>,
) -> Result<HttpResponse, Failure> {
    ask(&console, frame, Deed::Replay, &chosen.message).await
}

/// GET /messages/removal/new
pub async fn new_removal(
    console: web::Data<Console>,
    frame: ConsoleFrame,
    chosen: web::Query<Chosen>,
) -> Result<HttpResponse, Failure> {
    ask(&console, frame, Deed::Drop, &chosen.message).await
}

/// POST /messages/replay
pub async fn create_replay(
    console: web::Data<Console>,
    Form(chosen): Form<Chosen>,
) -> Result<HttpResponse, Failure> {
    act(&console, Deed::Replay, &chosen.message).await
}

/// POST /messages/removal
pub async fn create_removal(
    console: web::Data<Console>,
    Form(chosen): Form<Chosen>,
) -> Result<HttpResponse, Failure> {
    act(&console, Deed::Drop, &chosen.message).await
}

async fn ask(
    console: &Console,
    frame: ConsoleFrame,
    deed: Deed,
    chosen: &str,
) -> Result<HttpResponse, Failure> {
    let name = parse(chosen)?;
    let found = async {
        let client = connect_as_owner(&console.config).await?;
        failed(&client, name).await
    };
    let (messages, refused) = match found.await {
        Ok(found) => (found, None),
        Err(error) => (Vec::new(), Some(error.to_string())),
    };
    let line = |Backlog { tenant, message }: Backlog| {
        (format!("{tenant}/{}", message.id), message.route, message.last_error)
    };
    let messages = messages.into_iter().map(line).collect();
    // A question has no numbers of its own; it belongs to the page that it came from.
    let frame = ConsoleFrame { path: "/application".to_owned(), ..frame };
    let page = AskPage { frame, deed, chosen, messages, refused };
    Ok(HttpResponse::Ok().content_type("text/html; charset=utf-8").body(page.render()?))
}

async fn act(console: &Console, deed: Deed, chosen: &str) -> Result<HttpResponse, Failure> {
    let name = parse(chosen)?;
    let coordinator = NodeConnection::coordinator(&console.config).await?;
    let client = connect_as_owner(&console.config).await.map_err(ClusterError::from)?;
    let detail = if chosen.is_empty() { "all that failed" } else { chosen };
    let event = events::begin(&coordinator, &format!("messages {}", deed.verb()), detail).await?;
    let done = event.end(&coordinator, apply(&client, deed, name).await).await?;
    let what = match deed {
        Deed::Replay => "due again",
        Deed::Drop => "given up",
    };
    let text = match done {
        0 => "Nothing was changed: no such message has failed.".to_owned(),
        1 => format!("1 message is {what}."),
        done => format!("{done} messages are {what}."),
    };
    Ok(console.done("/application", text))
}

async fn apply(client: &Client, deed: Deed, name: Option<(i64, i64)>) -> Result<usize, ClusterError> {
    let mut done = 0;
    for Backlog { tenant, message } in failed(client, name).await? {
        let changed = match deed {
            Deed::Replay => store::replay_failed(client, tenant, message.id).await,
            Deed::Drop => store::drop_failed(client, tenant, message.id).await,
        };
        done += usize::from(changed.map_err(|error| ClusterError::refused("changing a message", &error))?);
    }
    Ok(done)
}

/// Those that failed, or the one of them that has this name.
async fn failed(client: &Client, name: Option<(i64, i64)>) -> Result<Vec<Backlog>, ClusterError> {
    let refused = |error| ClusterError::refused("looking for messages that failed", &error);
    let found = match name {
        None => store::failed_messages(client, LIMIT).await.map_err(refused)?,
        Some((tenant, id)) => {
            let message = store::show_message(client, tenant, id).await.map_err(refused)?;
            let failed = message.filter(|message| message.state == store::DeliveryState::Failed);
            failed.map(|message| Backlog { tenant, message }).into_iter().collect()
        }
    };
    Ok(found)
}

fn parse(chosen: &str) -> Result<Option<(i64, i64)>, Error> {
    if chosen.is_empty() {
        return Ok(None);
    }
    let name = chosen.split_once('/').and_then(|(tenant, id)| Some((tenant.parse().ok()?, id.parse().ok()?)));
    name.map(Some).ok_or(Error::BadRequest("A message is named TENANT/MESSAGE, such as 7/1234."))
}
