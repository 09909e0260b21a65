//! The deliveries of a note's shares, and the wait for one.

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

/// The delivery of a share to the recipients' inboxes.
#[derive(Serialize, ToSchema)]
pub struct DeliveryView {
    delivery_id: i64,
    /// pending, published, acknowledged or failed.
    delivery: &'static str,
    created_at: DateTime<Utc>,
    /// When it reached that state; none while it is pending.
    since: Option<DateTime<Utc>>,
    /// How many attempts have failed so far.
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

/// List the deliveries of a note's shares, the newest first, at most 100. Only the author can see them.
///
/// # Errors
/// 403 for a note that another member shared with the user, 404 for a note that does not exist.
#[utoipa::path(
    get,
    path = "/api/notes/{id}/deliveries",
    operation_id = "deliveries_index",
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

/// The state of a delivery after the wait that the client asked for.
pub struct DeliveryWait {
    pub state: DeliveryState,
    seconds: Option<u64>,
}

/// Waits for the delivery for the time in the request's `Prefer` header (RFC 7240), and not at all without
/// one.
pub async fn wait_as_preferred(request: &HttpRequest, user: &CurrentUser, message: i64) -> DeliveryWait {
    match prefer::wait(request) {
        None => DeliveryWait { state: DeliveryState::Pending, seconds: None },
        Some(timeout) => DeliveryWait {
            state: wait_for(&user.tenant, message, timeout).await,
            seconds: Some(timeout.as_secs()),
        },
    }
}

impl DeliveryWait {
    /// The response without its body: 201 with `location`, or 202 with the URL of the deliveries when the
    /// wait ended before the delivery did.
    pub fn respond(&self, location: &str, note: NoteId) -> actix_web::HttpResponseBuilder {
        let timed_out =
            self.seconds.is_some() && matches!(self.state, DeliveryState::Pending | DeliveryState::Published);
        let mut response =
            HttpResponse::build(if timed_out { StatusCode::ACCEPTED } else { StatusCode::CREATED });
        let url = if timed_out { format!("/api/notes/{note}/deliveries") } else { location.to_owned() };
        response.insert_header((header::LOCATION, url));
        if let Some(seconds) = self.seconds {
            response.insert_header(("Preference-Applied", format!("wait={seconds}")));
        }
        response
    }
}
