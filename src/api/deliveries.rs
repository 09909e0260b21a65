//! The deliveries of a note's shares: how far their messages have come.

use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, web};
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use super::problem::Problem;
use crate::domain::{NoteId, Right};
use crate::messaging::wait_for;
use crate::store::{DeliveryState, Message};
use crate::web::{CurrentUser, Error, granted, prefer};

/// How far the delivery of one share has come.
#[derive(Serialize, ToSchema)]
pub struct DeliveryView {
    delivery_id: i64,
    /// pending, published, acknowledged or failed.
    delivery: &'static str,
    created_at: DateTime<Utc>,
    /// When it came to that; none while it is pending.
    since: Option<DateTime<Utc>>,
    /// How often it has failed so far.
    attempts: i32,
}

impl DeliveryView {
    fn of(message: &Message) -> Self {
        Self {
            delivery_id: message.id,
            delivery: message.state.as_str(),
            created_at: message.created_at,
            since: message.since,
            attempts: message.attempts,
        }
    }
}

/// The deliveries of a note's shares, the newest first, 100 at most. Only its author sees them.
///
/// # Errors
/// 403 for a note that was only shared with the user, 404 for one that is not there.
#[utoipa::path(
    get,
    path = "/api/notes/{id}/deliveries",
    operation_id = "deliveries",
    tag = "sharing",
    params(("id" = i64, Path)),
    security(("bearer" = [])),
    responses(
        (status = 200, body = Vec<DeliveryView>),
        (status = 401, body = Problem),
        (status = 403, body = Problem),
        (status = 404, body = Problem),
    ),
)]
pub async fn index(user: CurrentUser, id: web::Path<NoteId>) -> Result<HttpResponse, Error> {
    granted(user.tenant.note(user.id, *id, Right::Own).await?)?;
    let messages = user.tenant.messages_of_note(user.id, *id).await?.ok_or(Error::NotFound)?;
    Ok(HttpResponse::Ok().json(messages.iter().map(DeliveryView::of).collect::<Vec<_>>()))
}

/// Where the answer stands after the client was kept waiting as it wished.
pub struct DeliveryWait {
    /// How far the message has come.
    pub state: DeliveryState,
    seconds: Option<u64>,
}

/// Waits for the message as long as the client prefers (RFC 7240), and not at all when it has no preference.
pub async fn wait_as_preferred(request: &HttpRequest, user: &CurrentUser, message: i64) -> DeliveryWait {
    match prefer::wait(request) {
        None => DeliveryWait { state: DeliveryState::Pending, seconds: None },
        Some(patience) => DeliveryWait {
            state: wait_for(&user.tenant, message, patience).await,
            seconds: Some(patience.as_secs()),
        },
    }
}

impl DeliveryWait {
    /// The head of the answer to what was made at `made`: 201, or 202 with the place of the deliveries when
    /// the time that the client gave was over before the message was done.
    pub fn respond(&self, made: &str, note: NoteId) -> actix_web::HttpResponseBuilder {
        let over =
            self.seconds.is_some() && matches!(self.state, DeliveryState::Pending | DeliveryState::Published);
        let mut response = HttpResponse::build(if over { StatusCode::ACCEPTED } else { StatusCode::CREATED });
        let place = if over { format!("/api/notes/{note}/deliveries") } else { made.to_owned() };
        response.insert_header((header::LOCATION, place));
        if let Some(seconds) = self.seconds {
            response.insert_header(("Preference-Applied", format!("wait={seconds}")));
        }
        response
    }
}
