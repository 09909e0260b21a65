//! The answer to a head that is not served. It has our headers and an error page, as other errors do.

use std::net::IpAddr;

use actix_web::body::BoxBody;
use actix_web::http::header::{self, HeaderValue};
use actix_web::http::{ConnectionType, StatusCode};
use actix_web::{HttpResponse, web};

use crate::services::audit::{self, Subject};
use crate::web::request_info::{RequestInfo, new_request_id};
use crate::web::response_headers::finish;
use crate::web::site::Site;

/// The answer, after which the connection is closed. What was asked is not known. The security log has a
/// line.
pub(super) fn answer(status: StatusCode, site: &web::Data<Site>, address: IpAddr) -> HttpResponse<BoxBody> {
    let info = RequestInfo {
        path: "/".to_owned(),
        target: "/".to_owned(),
        reads: true,
        address,
        request_id: new_request_id(),
    };
    let details = format!(" with {}", status.as_u16());
    audit::refused(address, "head refused", &details, &Subject::Stranger);
    let mut response = HttpResponse::new(status);
    if status == StatusCode::METHOD_NOT_ALLOWED {
        let methods = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE");
        response.headers_mut().insert(header::ALLOW, methods);
    }
    let mut response = finish(response, &info, site);
    response.head_mut().set_connection_type(ConnectionType::Close);
    response
}
