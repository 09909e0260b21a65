//! Cancelling a statement and closing a session, on whatever node it runs.

use actix_web::{HttpResponse, web};
use serde::Deserialize;

use super::confirmation::Ask;
use crate::admin::Failure;
use crate::admin::console::Console;
use crate::admin::frame::ConsoleFrame;
use crate::admin::operator::Operator;
use crate::cluster::{self, Backend, BackendAction};
use crate::monitor;
use crate::web::{Error, Form};

/// The session and the statement that were seen, so that no other one is ended.
#[derive(Deserialize)]
pub struct Meant {
    began: String,
    statement_began: String,
}

impl Meant {
    fn times(&self) -> Result<(i64, i64), Error> {
        let time = |text: &str| {
            text.parse::<i64>().map_err(|_| Error::BadRequest("A time of the form cannot be read."))
        };
        Ok((time(&self.began)?, time(&self.statement_began)?))
    }
}

type Place = web::Path<(i32, i32)>;

/// GET /activity/{group}/{pid}/cancellation/new
pub async fn cancellation_new(
    console: web::Data<Console>,
    frame: ConsoleFrame,
    place: Place,
) -> Result<HttpResponse, Failure> {
    ask(&console, frame, place.into_inner(), BackendAction::Cancel).await
}

/// POST /activity/{group}/{pid}/cancellation
pub async fn cancellation(
    console: web::Data<Console>,
    operator: Operator,
    place: Place,
    form: Form<Meant>,
) -> Result<HttpResponse, Failure> {
    end(&console, &operator, place.into_inner(), &form.0, BackendAction::Cancel).await
}

/// GET /activity/{group}/{pid}/termination/new
pub async fn termination_new(
    console: web::Data<Console>,
    frame: ConsoleFrame,
    place: Place,
) -> Result<HttpResponse, Failure> {
    ask(&console, frame, place.into_inner(), BackendAction::Terminate).await
}

/// POST /activity/{group}/{pid}/termination
pub async fn termination(
    console: web::Data<Console>,
    operator: Operator,
    place: Place,
    form: Form<Meant>,
) -> Result<HttpResponse, Failure> {
    end(&console, &operator, place.into_inner(), &form.0, BackendAction::Terminate).await
}

async fn ask(
    console: &Console,
    frame: ConsoleFrame,
    (group, pid): (i32, i32),
    ending: BackendAction,
) -> Result<HttpResponse, Failure> {
    let (node, session) =
        monitor::running_session(&console.nodes, group, pid).await?.ok_or(Error::NotFound)?;
    let (title, effect, noun, button) = match ending {
        BackendAction::Cancel => (
            format!("Cancel the statement of process {pid}"),
            "Its statement ends with an error, and its transaction with it; the session goes on.",
            "cancellation",
            "Cancel the statement",
        ),
        BackendAction::Terminate => (
            format!("Close the session of process {pid}"),
            "Its connection is closed, and its transaction rolled back.",
            "termination",
            "Close the session",
        ),
    };
    let mut lines = vec![
        format!("On {}: {}.", node.address, session.origin()),
        format!("It is {}.", session.state_line()),
        session.statement.clone(),
        effect.to_owned(),
    ];
    if let Some(origin) = session.part_of {
        lines.push(format!("It works for session {origin} of another node, which gets the error."));
    }
    let hidden =
        vec![("began", session.began.0.to_string()), ("statement_began", session.began.1.to_string())];
    let action = format!("/activity/{group}/{pid}/{noun}");
    Ask {
        frame,
        title,
        lines,
        action,
        hidden,
        button: Some(button),
        danger: true,
        back: "/activity",
        ..Ask::default()
    }
    .show()
}

async fn end(
    console: &Console,
    operator: &Operator,
    (group, pid): (i32, i32),
    meant: &Meant,
    ending: BackendAction,
) -> Result<HttpResponse, Failure> {
    let nodes = console.nodes.list().await?.nodes;
    let node = nodes.into_iter().find(|node| node.group == group).ok_or(Error::NotFound)?;
    let address = (group != 0).then_some(node.address);
    let (began, statement_began) = meant.times()?;
    let backend = Backend { address, pid, began, statement_began };
    let said = operator
        .act(async move |session| {
            let whose = cluster::end_backend(session, &backend, ending).await?;
            Ok(match ending {
                BackendAction::Cancel => format!("The statement was told to end: {whose}."),
                BackendAction::Terminate => format!("The session was told to end: {whose}."),
            })
        })
        .await?;
    Ok(console.done("/activity", said))
}
