//! A file that is sent while it is written.

use std::io;

use actix_web::HttpResponse;
use actix_web::http::header::{self, ContentEncoding};
use actix_web::web::Bytes;
use chrono::Utc;
use futures_util::Stream;

/// A ZIP, which browsers save under a name with today's date.
pub fn zip(archive: impl Stream<Item = Result<Bytes, io::Error>> + 'static) -> HttpResponse {
    let name = format!("attachment; filename=\"pigeonhole-{}.zip\"", Utc::now().format("%F"));
    HttpResponse::Ok()
        .content_type("application/zip")
        .insert_header((header::CONTENT_DISPOSITION, name))
        // A ZIP is compressed already.
        .insert_header(ContentEncoding::Identity)
        .streaming(archive)
}
