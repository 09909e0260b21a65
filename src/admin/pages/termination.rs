//! Cancelling a statement and closing a database session, on any node.

use actix_web::{HttpResponse, web};
use serde::Deserialize;

use super::confirmation::Confirmation;
use crate::admin::Failure;
use crate::admin::console::Console;
use crate::admin::frame::ConsoleFrame;
use crate::admin::operator::Operator;
use crate::cluster::{self, Backend, BackendAction};
use crate::monitor;
use crate::web::{Error, Form};

/// When the session and the statement that the page showed began, so that no other one is ended.
#[derive(Deserialize)]
pub struct ExpectedBackend {
    began: String,
    statement_began: String,
}

impl ExpectedBackend {
    fn times(&self) -> Result<(i64, i64), Error> {
        let time = |text: &str| {
            text.parse::<i64>().map_err(|_| Error::BadRequest("A time of the form cannot be read."))
        };
        Ok((time(&self.began)?, time(&self.statement_began)?))
    }
}

/// The node's group and the process number.
type BackendPath = web::Path<(i32, i32)>;

/// GET /activity/{group}/{pid}/cancellation/new
pub async fn new_cancellation(
    console: web::Data<Console>,
    frame: ConsoleFrame,
    path: BackendPath,
) -> Result<HttpResponse, Failure> {
    confirm(&console, frame, path.into_inner(), BackendAction::Cancel).await
}

/// POST /activity/{group}/{pid}/cancellation
pub async fn create_cancellation(
    console: web::Data<Console>,
    operator: Operator,
    path: BackendPath,
    form: Form<ExpectedBackend>,
) -> Result<HttpResponse, Failure> {
    end(&console, &operator, path.into_inner(), &form.0, BackendAction::Cancel).await
}

/// GET /activity/{group}/{pid}/termination/new
pub async fn new_termination(
    console: web::Data<Console>,
    frame: ConsoleFrame,
    path: BackendPath,
) -> Result<HttpResponse, Failure> {
    confirm(&console, frame, path.into_inner(), BackendAction::Terminate).await
}

/// POST /activity/{group}/{pid}/termination
pub async fn create_termination(
    console: web::Data<Console>,
    operator: Operator,
    path: BackendPath,
    form: Form<ExpectedBackend>,
) -> Result<HttpResponse, Failure> {
    end(&console, &operator, path.into_inner(), &form.0, BackendAction::Terminate).await
}

async fn confirm(
    console: &Console,
    frame: ConsoleFrame,
    (group, pid): (i32, i32),
    action: BackendAction,
) -> Result<HttpResponse, Failure> {
    let (node, session) =
        monitor::running_session(&console.nodes, group, pid).await?.ok_or(Error::NotFound)?;
    let (noun, button, effect) = words(action);
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
    Confirmation {
        frame,
        title: format!("{button} of process {pid}"),
        lines,
        action: format!("/activity/{group}/{pid}/{noun}"),
        hidden,
        button: Some(button),
        danger: true,
        back: "/activity",
        ..Confirmation::default()
    }
    .show()
}

/// The noun in the path, the label of the button, and the effect.
fn words(action: BackendAction) -> (&'static str, &'static str, &'static str) {
    match action {
        BackendAction::Cancel => (
            "cancellation",
            "Cancel the statement",
            "Its statement ends with an error, and its transaction with it; the session goes on.",
        ),
        BackendAction::Terminate => {
            ("termination", "Close the session", "Its connection is closed, and its transaction rolled back.")
        }
    }
}

async fn end(
    console: &Console,
    operator: &Operator,
    (group, pid): (i32, i32),
    expected: &ExpectedBackend,
    action: BackendAction,
) -> Result<HttpResponse, Failure> {
    let nodes = console.nodes.list().await?.nodes;
    let node = nodes.into_iter().find(|node| node.group == group).ok_or(Error::NotFound)?;
    let address = (group != 0).then_some(node.address);
    let (began, statement_began) = expected.times()?;
    let backend = Backend { address, pid, began, statement_began };
    let report = operator
        .act(async move |session| {
            let origin = cluster::end_backend(session, &backend, action).await?;
            Ok(match action {
                BackendAction::Cancel => format!("The server was asked to cancel the statement: {origin}."),
                BackendAction::Terminate => format!("The server was asked to close the session: {origin}."),
            })
        })
        .await?;
    Ok(console.done("/activity", report))
}
