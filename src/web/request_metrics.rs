//! Counts every request as the edge sees it: what it asked for, how it was answered, how long that took. The
//! outermost layer but for compression, so that refusals and panics are counted like everything else.

use std::time::Instant;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::{ConnectionType, Method, StatusCode, Uri};
use actix_web::middleware::Next;
use actix_web::web;

use super::context::Context;
use super::routes::Pattern;

/// Who asked went away before the answer (a status of nginx' that others know too; it is never sent).
const WENT_AWAY: u16 = 499;

/// The middleware.
///
/// # Errors
/// Those of what it measures.
pub async fn pass<B: MessageBody>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, actix_web::Error> {
    let Some(context) = request.app_data::<web::Data<Context>>().cloned() else {
        return next.call(request).await;
    };
    context.drain.enter();
    let asked = Asked {
        context,
        method: request.method().clone(),
        target: request.uri().clone(),
        since: Instant::now(),
        lost: true,
    };
    let mut result = next.call(request).await;
    if let (true, Ok(response)) = (asked.context.drain.has_begun(), &mut result) {
        response.response_mut().head_mut().set_connection_type(ConnectionType::Close);
    }
    match &result {
        Ok(response) => asked.answered(response.request().app_data::<Pattern>().copied(), response.status()),
        Err(error) => asked.lost(error.as_response_error().status_code()),
    }
    result
}

/// A request that is being answered, or that nobody waits for any more.
struct Asked {
    context: web::Data<Context>,
    method: Method,
    target: Uri,
    since: Instant,
    lost: bool,
}

impl Asked {
    fn answered(mut self, pattern: Option<Pattern>, status: StatusCode) {
        self.lost = false;
        self.context.metrics.answered(
            pattern.map(|pattern| pattern.0),
            &self.method,
            status,
            self.since.elapsed(),
        );
    }

    fn lost(mut self, status: StatusCode) {
        self.lost = false;
        self.context.metrics.lost(self.target.path(), &self.method, status, self.since.elapsed());
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        self.context.drain.leave();
        if self.lost {
            let status = StatusCode::from_u16(WENT_AWAY).unwrap_or(StatusCode::BAD_REQUEST);
            self.context.metrics.lost(self.target.path(), &self.method, status, self.since.elapsed());
        }
    }
}
