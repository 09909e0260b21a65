//! Static files: embedded in the binary, each under a URL with the hash of its content, so that it may be kept for ever.

use std::sync::LazyLock;

use actix_web::http::header;
use actix_web::{HttpResponse, web};
use rust_embed::{Embed, EmbeddedFile};

use super::error::Error;

#[derive(Embed)]
#[folder = "static/"]
struct Files;

/// The URLs of the files that every page needs.
#[derive(Clone, Copy, Debug, Default)]
pub struct Assets;

static CSS: LazyLock<String> = LazyLock::new(|| url("app.css"));
static JS: LazyLock<String> = LazyLock::new(|| url("app.js"));
static ADMIN_CSS: LazyLock<String> = LazyLock::new(|| url("admin.css"));
static ADMIN_JS: LazyLock<String> = LazyLock::new(|| url("admin.js"));
static ICON: LazyLock<String> = LazyLock::new(|| url("icon.svg"));

impl Assets {
    /// The style sheet.
    pub fn css(&self) -> &'static str {
        &CSS
    }

    /// The script.
    pub fn js(&self) -> &'static str {
        &JS
    }

    /// What the console adds to the style sheet.
    pub fn admin_css(&self) -> &'static str {
        &ADMIN_CSS
    }

    /// The console's script.
    pub fn admin_js(&self) -> &'static str {
        &ADMIN_JS
    }

    /// The icon.
    pub fn icon(&self) -> &'static str {
        &ICON
    }
}

fn hash(file: &EmbeddedFile) -> String {
    file.metadata.sha256_hash()[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}

fn url(name: &str) -> String {
    let (Some(file), Some((stem, extension))) = (Files::get(name), name.rsplit_once('.')) else {
        return format!("/static/{name}");
    };
    format!("/static/{stem}.{}.{extension}", hash(&file))
}

/// Serves `name.hash.extension` when the hash is that of the file.
pub async fn show(path: web::Path<String>) -> Result<HttpResponse, Error> {
    let mut parts = path.rsplitn(3, '.');
    let (Some(extension), Some(wanted), Some(stem)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(Error::NotFound);
    };
    let name = format!("{stem}.{extension}");
    let file = Files::get(&name).filter(|file| hash(file) == wanted).ok_or(Error::NotFound)?;
    Ok(answer(&name, file, "public, max-age=31536000, immutable"))
}

/// Serves the icon where browsers look for one without being told.
pub async fn favicon() -> Result<HttpResponse, Error> {
    Files::get("icon.svg").map(|file| answer("icon.svg", file, "public, max-age=86400")).ok_or(Error::NotFound)
}

fn answer(name: &str, file: EmbeddedFile, cache: &'static str) -> HttpResponse {
    let kind = mime_guess::from_path(name).first_or_octet_stream();
    let charset = if kind.type_() == "text" || kind.subtype() == "javascript" || kind.subtype() == "svg" { "; charset=utf-8" } else { "" };
    HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, format!("{}{charset}", kind.essence_str())))
        .insert_header((header::CACHE_CONTROL, cache))
        .body(file.data)
}
