//! The first page after a login.

use actix_session::Session;
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use askama::Template;

use super::format::NoteCard;
use super::frame::{frame_of, page};
use super::inbox::InboxRow;
use crate::store::{self, NoteState};
use crate::web::{Error, Frame, Visitor};

const LATEST: u16 = 5;
const LATEST_RECEIVED: u16 = 3;

#[derive(Template)]
#[template(path = "dashboard.html")]
struct DashboardPage {
    frame: Frame,
    note_count: i64,
    latest: Vec<NoteCard>,
    received: Vec<InboxRow>,
}

/// Shows the latest notes, written and received.
pub async fn show(visitor: Visitor, cookie: Session) -> Result<HttpResponse, Error> {
    let reads = |viewer| store::overview(viewer, LATEST, LATEST_RECEIVED);
    let (user, overview) = visitor.read(reads).await?;
    user.session.unread.set(overview.unread);
    let dashboard = DashboardPage {
        frame: frame_of(&user, &cookie, "dashboard"),
        note_count: overview.count,
        latest: overview.latest.iter().map(|listed| NoteCard::listed(listed, NoteState::Active)).collect(),
        received: overview.received.iter().map(InboxRow::of).collect(),
    };
    page(StatusCode::OK, &dashboard)
}
