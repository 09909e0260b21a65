//! The two route maps of the application, as data.

use pigeonhole::{api, pages};

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    pub method: String,
    pub path: String,
    pub public: bool,
    pub api: bool,
}

pub fn all() -> Vec<Entry> {
    let pages =
        pages::routes::ROUTES.iter().map(|route| entry(route.method, route.path, route.public, false));
    let api = api::routes::ROUTES.iter().map(|route| entry(route.method, route.path, route.public, true));
    let all: Vec<_> = pages.chain(api).collect();
    assert!(all.len() > 20, "the route maps are nearly empty");
    all
}

fn entry(method: &str, path: &str, public: bool, api: bool) -> Entry {
    Entry { method: method.to_owned(), path: path.to_owned(), public, api }
}

impl Entry {
    pub fn is_unsafe(&self) -> bool {
        !matches!(self.method.as_str(), "GET" | "HEAD" | "OPTIONS")
    }

    pub fn is_static(&self) -> bool {
        self.path.starts_with("/static") || self.path == "/favicon.ico"
    }

    /// The path with this id in the place of its first parameter, and what always makes sense in that of
    /// others.
    pub fn with_id(&self, id: &str) -> String {
        self.path.replace("{id}", id).replace("{user_id}", "everyone")
    }

    /// Whether the address is worth something only with a secret in it.
    pub fn needs_an_invitation(&self) -> bool {
        self.path.contains("{token}")
    }

    pub fn is_of_a_note(&self) -> bool {
        self.path.contains("/notes/{id}")
    }

    /// Whether an anonymous post is a typed note that must not be lost.
    pub fn carries_a_draft(&self) -> bool {
        self.method == "POST" && matches!(self.path.as_str(), "/notes" | "/notes/{id}")
    }
}
