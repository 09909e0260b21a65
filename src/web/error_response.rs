//! The two faces of an error: a page for people, problem+json (RFC 9457) for scripts.

use actix_web::HttpResponse;
use actix_web::body::BoxBody;
use actix_web::http::{StatusCode, header};
use askama::Template;
use serde_json::json;

use super::error::{Fault, default_sentence};
use super::fields::FieldErrors;
use super::frame::Frame;
use super::redirect::login_url;
use super::request_info::RequestInfo;

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage<'a> {
    frame: Frame,
    status: u16,
    title: &'a str,
    sentence: &'a str,
    request_id: &'a str,
}

/// Gives an error response its body. One that has a body of its own is left as it is.
pub fn dress(mut response: HttpResponse<BoxBody>, request: &RequestInfo) -> HttpResponse<BoxBody> {
    let status = response.status();
    if status == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(header::RETRY_AFTER, header::HeaderValue::from_static("2"));
    }
    let dressed = response.headers().contains_key(header::CONTENT_TYPE) && !is_plain_text(&response);
    if !(status.is_client_error() || status.is_server_error()) || dressed {
        return response;
    }
    let fault = response.extensions().get::<Fault>().cloned();
    let fault = fault.unwrap_or(Fault {
        sentence: default_sentence(status),
        fields: FieldErrors::default(),
        login_required: false,
    });
    if fault.login_required && !request.is_api_call() {
        let location = if request.reads { login_url(&request.target) } else { "/login".to_owned() };
        return HttpResponse::SeeOther().insert_header((header::LOCATION, location)).finish();
    }
    let (content_type, body) = if request.is_api_call() {
        ("application/problem+json", problem(status, &fault, request))
    } else {
        ("text/html; charset=utf-8", page(status, &fault, request))
    };
    let mut response = response.set_body(BoxBody::new(body));
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static(content_type));
    if status == StatusCode::UNAUTHORIZED && request.is_api_call() {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, header::HeaderValue::from_static("Bearer"));
    }
    response
}

/// The framework answers some errors with a line of plain text.
fn is_plain_text(response: &HttpResponse<BoxBody>) -> bool {
    response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|value| value.as_bytes().starts_with(b"text/plain"))
}

fn problem(status: StatusCode, fault: &Fault, request: &RequestInfo) -> String {
    let errors: Vec<_> =
        fault.fields.iter().map(|(field, message)| json!({ "field": field, "message": message })).collect();
    json!({
        "type": "about:blank",
        "title": status.canonical_reason().unwrap_or("Error"),
        "status": status.as_u16(),
        "detail": fault.sentence,
        "request_id": request.request_id,
        "errors": errors,
    })
    .to_string()
}

fn page(status: StatusCode, fault: &Fault, request: &RequestInfo) -> String {
    let page = ErrorPage {
        frame: Frame::bare(),
        status: status.as_u16(),
        title: title(status),
        sentence: fault.sentence,
        request_id: &request.request_id,
    };
    page.render().unwrap_or_else(|_| fault.sentence.to_owned())
}

fn title(status: StatusCode) -> &'static str {
    match status.as_u16() {
        400 => "Request not understood",
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
            request_id: "7".to_owned(),
        }
    }

    #[test]
    fn every_error_has_a_page_and_a_problem_of_its_own() {
        let mut titles = std::collections::HashSet::new();
        for status in [400, 403, 404, 405, 408, 409, 413, 415, 421, 422, 429, 500, 503] {
            let status = StatusCode::from_u16(status).expect("a status");
            let shown = dress(HttpResponse::new(status), &request("/notes"));
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
            let problem = dress(HttpResponse::new(status), &request("/api/notes"));
            assert_eq!(
                problem.headers().get(header::CONTENT_TYPE).expect("a type"),
                "application/problem+json"
            );
        }
    }
}
