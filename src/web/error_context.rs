//! What the page of an error shows besides the error: the frame of the user, and what the user had entered.

use actix_session::SessionExt;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::{StatusCode, header};
use actix_web::middleware::Next;
use actix_web::{HttpMessage, HttpRequest};

use super::cookie;
use super::current_user::{CurrentUser, look_up};
use super::frame::Frame;
use super::request_info::is_api_path;
use super::sent_form::SentForm;

/// The context of an error, which is in the extensions of its response.
pub struct ErrorContext {
    pub frame: Frame,
    pub sent: Option<SentForm>,
}

impl ErrorContext {
    /// The context of an error of this request.
    pub fn of(request: &HttpRequest, user: Option<CurrentUser>) -> Self {
        let frame = user.map_or_else(Frame::bare, |user| Frame::of_user(&user, &request.get_session()));
        Self { frame, sent: request.extensions_mut().remove::<SentForm>() }
    }
}

/// Adds the context to each response to a browser that has an error and no page yet. It runs inside the
/// middleware of the cookie, behind which the cookie can no longer be read.
///
/// # Errors
/// Those of the next service.
pub async fn middleware(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    let mut response = next.call(request).await?;
    let status = response.status();
    let is_error = status.is_client_error() || status.is_server_error();
    let request = response.request();
    if is_error && !is_api_path(request.path()) && !response.headers().contains_key(header::CONTENT_TYPE) {
        let context = ErrorContext::of(request, user_of(request, status).await);
        response.response_mut().extensions_mut().insert(context);
    }
    Ok(response)
}

/// The user whom the answer is for. The session is looked up where no handler did so, as for an address that
/// does not exist, but not after a failure of the server or too many requests, which a look-up would add to.
async fn user_of(request: &HttpRequest, status: StatusCode) -> Option<CurrentUser> {
    let known = CurrentUser::known(request);
    if known.is_some() {
        return known;
    }
    let is_asked = status.is_client_error()
        && !matches!(status, StatusCode::UNAUTHORIZED | StatusCode::TOO_MANY_REQUESTS)
        && cookie::token(&request.get_session()).is_some();
    if is_asked { look_up(request).await.ok() } else { None }
}
