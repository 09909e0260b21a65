//! The security log's line about an action of an operator: each request to the console that is no reading and
//! was accepted. Refused ones have a line of `web/refusal_log.rs`. The login has a line of its own.

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;

use crate::log_context;
use crate::services::audit::{self, Subject};
use crate::web::client;
use crate::web::refusal_log::place;

/// The middleware. It runs inside of the request guard, which knows the address and the route.
///
/// # Errors
/// Those of the handler.
pub(super) async fn middleware<B: MessageBody>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, actix_web::Error> {
    let method = request.method().clone();
    let response = next.call(request).await?;
    let route = log_context::current().and_then(|context| context.route());
    let acted = !method.is_safe() && !response.status().is_client_error() && route != Some("/login");
    if acted {
        let event = format!("console action {}", place(&method, route));
        audit::record(&client(response.request()), &event, &Subject::Operator);
    }
    Ok(response)
}
