//! The body of an error: a page for browsers, problem+json (RFC 9457) for clients of the API.

use actix_web::HttpResponse;
use actix_web::body::BoxBody;
use actix_web::http::{StatusCode, header};
use askama::Template;
use serde_json::json;

use super::error::{PublicError, default_sentence};
use super::error_context::ErrorContext;
use super::fields::FieldErrors;
use super::frame::Frame;
use super::redirect::login_url;
use super::request_info::RequestInfo;
use super::sent_form::SentForm;

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage<'a> {
    frame: Frame,
    /// What the user had entered, to be sent again.
    sent: Option<SentForm>,
    status: u16,
    title: &'a str,
    sentence: &'a str,
    request_id: &'a str,
}

/// Adds the body to an error response that has none, and sends a browser without a login to the login page.
pub fn add_error_body(mut response: HttpResponse<BoxBody>, request: &RequestInfo) -> HttpResponse<BoxBody> {
    let status = response.status();
    if status == StatusCode::SERVICE_UNAVAILABLE && !response.headers().contains_key(header::RETRY_AFTER) {
        response.headers_mut().insert(header::RETRY_AFTER, header::HeaderValue::from_static("2"));
    }
    let has_body = response.headers().contains_key(header::CONTENT_TYPE) && !is_plain_text(&response);
    if !(status.is_client_error() || status.is_server_error()) || has_body {
        return response;
    }
    let context = response.extensions_mut().remove::<ErrorContext>();
    let error = response.extensions().get::<PublicError>().cloned();
    let error = error.unwrap_or(PublicError {
        sentence: default_sentence(status),
        fields: FieldErrors::default(),
        login_required: false,
        is_limit: false,
    });
    let has_sent_form = context.as_ref().is_some_and(|context| context.sent.is_some());
    if error.login_required && !request.is_api_call() && !has_sent_form {
        let location = if request.reads { login_url(&request.target) } else { "/login".to_owned() };
        return HttpResponse::SeeOther().insert_header((header::LOCATION, location)).finish();
    }
    let (content_type, body) = if request.is_api_call() {
        ("application/problem+json", problem(status, &error, request))
    } else {
        ("text/html; charset=utf-8", page(status, &error, request, context))
    };
    let mut response = response.set_body(BoxBody::new(body));
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static(content_type));
    if status == StatusCode::UNAUTHORIZED && request.is_api_call() {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, header::HeaderValue::from_static("Bearer"));
    }
    response
}

/// Whether the framework made the response: its errors have a line of plain text.
fn is_plain_text(response: &HttpResponse<BoxBody>) -> bool {
    response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|value| value.as_bytes().starts_with(b"text/plain"))
}

fn problem(status: StatusCode, error: &PublicError, request: &RequestInfo) -> String {
    let errors: Vec<_> =
        error.fields.iter().map(|(field, message)| json!({ "field": field, "message": message })).collect();
    json!({
        "type": "about:blank",
        "title": status.canonical_reason().unwrap_or("Error"),
        "status": status.as_u16(),
        "detail": error.sentence,
        "request_id": request.request_id,
        "errors": errors,
    })
    .to_string()
}

fn page(
    status: StatusCode,
    error: &PublicError,
    request: &RequestInfo,
    context: Option<ErrorContext>,
) -> String {
    let context = context.unwrap_or(ErrorContext { frame: Frame::bare(), sent: None });
    let page = ErrorPage {
        frame: context.frame,
        sent: context.sent,
        status: status.as_u16(),
        title: if error.is_limit { "Limit reached" } else { title(status) },
        sentence: error.sentence,
        request_id: &request.request_id,
    };
    page.render().unwrap_or_else(|_| error.sentence.to_owned())
}

fn title(status: StatusCode) -> &'static str {
    match status.as_u16() {
        400 => "Request not understood",
        401 => "Your session has ended",
        403 => "Not allowed",
        404 => "Not found",
        405 => "Not supported",
        408 => "Request timed out",
        409 => "Already taken or changed",
        413 => "Too large",
        415 => "Wrong kind of content",
        421 => "Wrong address",
        422 => "Please check what you entered",
        429 => "Too many attempts",
        503 => "Temporarily unavailable",
        _ => "Something went wrong",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(path: &str) -> RequestInfo {
        RequestInfo {
            path: path.to_owned(),
            target: path.to_owned(),
            reads: true,
            address: [127, 0, 0, 1].into(),
            request_id: "7".to_owned(),
        }
    }

    #[test]
    fn every_error_has_a_page_and_a_problem_of_its_own() {
        let mut titles = std::collections::HashSet::new();
        for status in [400, 403, 404, 405, 408, 409, 413, 415, 421, 422, 429, 500, 503] {
            let status = StatusCode::from_u16(status).expect("a status");
            let shown = add_error_body(HttpResponse::new(status), &request("/notes"));
            assert_eq!(shown.status(), status);
            assert_eq!(
                shown.headers().get(header::CONTENT_TYPE).expect("a type"),
                "text/html; charset=utf-8"
            );
            assert_eq!(
                shown.headers().contains_key(header::RETRY_AFTER),
                status == StatusCode::SERVICE_UNAVAILABLE
            );
            assert!(titles.insert(title(status)), "{status} has the title of another");
            let problem = add_error_body(HttpResponse::new(status), &request("/api/notes"));
            assert_eq!(
                problem.headers().get(header::CONTENT_TYPE).expect("a type"),
                "application/problem+json"
            );
        }
    }
}
