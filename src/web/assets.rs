//! Static files: embedded in the binary, each under a URL with the hash of its content, so that it may be
//! kept for ever.

use std::collections::HashMap;
use std::sync::LazyLock;

use actix_web::http::header;
use actix_web::{HttpResponse, web};
use rust_embed::Embed;
use sha2::{Digest, Sha256};

use super::error::Error;

#[derive(Embed)]
#[folder = "static/"]
struct Files;

/// The parts of app.css, in the order of the cascade.
const STYLE: [&str; 8] = ["base", "frame", "controls", "cabinet", "pictures", "note", "lists", "media"];

/// A file as browsers get it.
struct File {
    content: web::Bytes,
    hash: String,
}

static FILES: LazyLock<HashMap<String, File>> = LazyLock::new(|| {
    let style = STYLE.map(|part| content(&format!("style/{part}.css"))).concat();
    let whole = Files::iter()
        .filter(|name| !name.starts_with("style/"))
        .map(|name| (name.to_string(), content(&name)));
    whole.chain([("app.css".to_owned(), style)]).map(|(name, content)| (name, File::new(content))).collect()
});

/// Nothing where there is no such file; a test sees that each part of the style sheet is there.
fn content(name: &str) -> Vec<u8> {
    Files::get(name).map(|file| file.data.into_owned()).unwrap_or_default()
}

impl File {
    fn new(content: Vec<u8>) -> Self {
        let hash = Sha256::digest(&content)[..8].iter().map(|byte| format!("{byte:02x}")).collect();
        Self { content: content.into(), hash }
    }
}

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

fn url(name: &str) -> String {
    let (Some(file), Some((stem, extension))) = (FILES.get(name), name.rsplit_once('.')) else {
        return format!("/static/{name}");
    };
    format!("/static/{stem}.{}.{extension}", file.hash)
}

/// Serves `name.hash.extension` when the hash is that of the file.
pub async fn show(path: web::Path<String>) -> Result<HttpResponse, Error> {
    let mut parts = path.rsplitn(3, '.');
    let (Some(extension), Some(wanted), Some(stem)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(Error::NotFound);
    };
    let name = format!("{stem}.{extension}");
    let file = FILES.get(&name).filter(|file| file.hash == wanted).ok_or(Error::NotFound)?;
    Ok(answer(&name, file, "public, max-age=31536000, immutable"))
}

/// Serves the icon where browsers look for one without being told.
pub async fn favicon() -> Result<HttpResponse, Error> {
    FILES.get("icon.svg").map(|file| answer("icon.svg", file, "public, max-age=86400")).ok_or(Error::NotFound)
}

fn answer(name: &str, file: &File, cache: &'static str) -> HttpResponse {
    let kind = mime_guess::from_path(name).first_or_octet_stream();
    let charset = if kind.type_() == "text" || kind.subtype() == "javascript" || kind.subtype() == "svg" {
        "; charset=utf-8"
    } else {
        ""
    };
    HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, format!("{}{charset}", kind.essence_str())))
        .insert_header((header::CACHE_CONTROL, cache))
        .body(file.content.clone())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{Files, STYLE};

    #[test]
    fn the_style_sheet_has_every_part_that_there_is_and_no_other() {
        let parts: BTreeSet<String> = STYLE.iter().map(|part| format!("style/{part}.css")).collect();
        let there: BTreeSet<String> =
            Files::iter().filter(|name| name.starts_with("style/")).map(|name| name.to_string()).collect();
        assert_eq!(parts, there);
    }
}
