//! Measures every request: route, method, status and time. This middleware is outside all others but
//! compression, so that refused requests and panics are counted like all others.

use std::time::Instant;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::{ConnectionType, Method, StatusCode, Uri};
use actix_web::middleware::Next;
use actix_web::web;

use super::context::Context;
use super::routes::Pattern;

/// The client closed the connection before the response (a status of nginx, which is never sent).
const CLIENT_CLOSED_REQUEST: u16 = 499;

/// The middleware.
///
/// # Errors
/// Those of what it measures.
pub async fn middleware<B: MessageBody>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, actix_web::Error> {
    let Some(context) = request.app_data::<web::Data<Context>>().cloned() else {
        return next.call(request).await;
    };
    context.drain.enter();
    let timer = RequestTimer {
        context,
        method: request.method().clone(),
        target: request.uri().clone(),
        since: Instant::now(),
        counted: false,
    };
    let mut result = next.call(request).await;
    if let (true, Ok(response)) = (timer.context.drain.has_begun(), &mut result) {
        response.response_mut().head_mut().set_connection_type(ConnectionType::Close);
    }
    match &result {
        Ok(response) => timer.answered(response.request().app_data::<Pattern>().copied(), response.status()),
        Err(error) => timer.lost(error.as_response_error().status_code()),
    }
    result
}

/// A request in flight. Dropping it before its response is counted means that the client has gone.
struct RequestTimer {
    context: web::Data<Context>,
    method: Method,
    target: Uri,
    since: Instant,
    counted: bool,
}

impl RequestTimer {
    fn answered(mut self, pattern: Option<Pattern>, status: StatusCode) {
        self.counted = true;
        self.context.metrics.answered(
            pattern.map(|pattern| pattern.0),
            &self.method,
            status,
            self.since.elapsed(),
        );
    }

    fn lost(mut self, status: StatusCode) {
        self.counted = true;
        self.context.metrics.lost(self.target.path(), &self.method, status, self.since.elapsed());
    }
}

impl Drop for RequestTimer {
    fn drop(&mut self) {
        self.context.drain.leave();
        if !self.counted {
            let status = StatusCode::from_u16(CLIENT_CLOSED_REQUEST).unwrap_or(StatusCode::BAD_REQUEST);
            self.context.metrics.lost(self.target.path(), &self.method, status, self.since.elapsed());
        }
    }
}
