//! Static files: embedded in the binary, each under a URL with the hash of its content, so that browsers may
//! cache it without a limit.

use std::collections::HashMap;
use std::sync::LazyLock;

use actix_web::http::header;
use actix_web::{HttpResponse, web};
use rust_embed::Embed;
use sha2::{Digest, Sha256};

use super::error::Error;

#[derive(Embed)]
#[folder = "static/"]
struct EmbeddedFiles;

/// The parts of app.css, in the order of the cascade.
const STYLE: [&str; 8] = ["base", "frame", "controls", "cabinet", "pictures", "note", "lists", "media"];
/// The parts of app.js, each of which uses those before it.
const SCRIPT: [&str; 5] = ["forms", "drafts", "editor", "search", "start"];

struct StaticFile {
    content: web::Bytes,
    hash: String,
}

static FILES: LazyLock<HashMap<String, StaticFile>> = LazyLock::new(|| {
    let style = STYLE.map(|part| content(&format!("style/{part}.css"))).concat();
    let script = SCRIPT.map(|part| content(&format!("script/{part}.js"))).concat();
    let whole = EmbeddedFiles::iter()
        .filter(|name| !name.contains('/'))
        .map(|name| (name.to_string(), content(&name)));
    whole
        .chain([("app.css".to_owned(), style), ("app.js".to_owned(), script)])
        .map(|(name, content)| (name, StaticFile::new(content)))
        .collect()
});

/// Empty where there is no such file; a test ensures that every part exists.
fn content(name: &str) -> Vec<u8> {
    EmbeddedFiles::get(name).map(|file| file.data.into_owned()).unwrap_or_default()
}

impl StaticFile {
    fn new(content: Vec<u8>) -> Self {
        let hash = hex::encode(&Sha256::digest(&content)[..8]);
        Self { content: content.into(), hash }
    }
}

/// The URLs of the files that layouts link to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Assets;

static CSS: LazyLock<String> = LazyLock::new(|| url("app.css"));
static JS: LazyLock<String> = LazyLock::new(|| url("app.js"));
static ADMIN_CSS: LazyLock<String> = LazyLock::new(|| url("admin.css"));
static ADMIN_JS: LazyLock<String> = LazyLock::new(|| url("admin.js"));
static ICON: LazyLock<String> = LazyLock::new(|| url("icon.svg"));

impl Assets {
    /// The application's style sheet, which the console uses as well.
    pub fn css(&self) -> &'static str {
        &CSS
    }

    /// The application's script.
    pub fn js(&self) -> &'static str {
        &JS
    }

    /// The console's addition to the style sheet.
    pub fn admin_css(&self) -> &'static str {
        &ADMIN_CSS
    }

    /// The console's script.
    pub fn admin_js(&self) -> &'static str {
        &ADMIN_JS
    }

    /// The icon of both.
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

/// GET /static/{file}: `name.hash.extension`, when the hash is that of the file.
pub async fn show(path: web::Path<String>) -> Result<HttpResponse, Error> {
    let mut parts = path.rsplitn(3, '.');
    let (Some(extension), Some(wanted), Some(stem)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(Error::NotFound);
    };
    let name = format!("{stem}.{extension}");
    let file = FILES.get(&name).filter(|file| file.hash == wanted).ok_or(Error::NotFound)?;
    Ok(response(&name, file, "public, max-age=31536000, immutable"))
}

/// GET /favicon.ico, where browsers look for an icon that no page names.
pub async fn favicon() -> Result<HttpResponse, Error> {
    FILES
        .get("icon.svg")
        .map(|file| response("icon.svg", file, "public, max-age=86400"))
        .ok_or(Error::NotFound)
}

fn response(name: &str, file: &StaticFile, cache: &'static str) -> HttpResponse {
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

    use super::{EmbeddedFiles, SCRIPT, STYLE};

    fn files_in(folder: &str) -> BTreeSet<String> {
        EmbeddedFiles::iter().filter(|name| name.starts_with(folder)).map(|name| name.to_string()).collect()
    }

    #[test]
    fn style_sheet_and_script_have_every_part_and_no_other() {
        let style: BTreeSet<String> = STYLE.iter().map(|part| format!("style/{part}.css")).collect();
        let script: BTreeSet<String> = SCRIPT.iter().map(|part| format!("script/{part}.js")).collect();
        assert_eq!(style, files_in("style/"));
        assert_eq!(script, files_in("script/"));
    }
}
