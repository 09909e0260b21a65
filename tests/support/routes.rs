//! The route maps of the application and of its console, as data.

use pigeonhole::web::Route;
use pigeonhole::{admin, api, pages};

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RouteEntry {
    pub method: String,
    pub path: String,
    pub public: bool,
    pub api: bool,
}

/// The pages and the API.
pub fn all() -> Vec<RouteEntry> {
    let pages = pages::routes::all().into_iter().map(|route| entry(&route, false));
    let api = api::routes::all().into_iter().map(|route| entry(&route, true));
    let all: Vec<_> = pages.chain(api).collect();
    assert!(all.len() > 20, "the route maps are nearly empty");
    all
}

/// The operator's console.
pub fn console() -> Vec<RouteEntry> {
    let all: Vec<_> = admin::routes::all().iter().map(|route| entry(route, false)).collect();
    assert!(all.len() > 30, "the console's route map is nearly empty");
    all
}

/// What the header Allow says of a path.
pub fn allow(rows: &[RouteEntry], path: &str) -> String {
    let methods = rows.iter().filter(|row| row.path == path).map(|row| row.method.as_str());
    methods.map(|method| if method == "GET" { "GET, HEAD" } else { method }).collect::<Vec<_>>().join(", ")
}

fn entry(route: &Route, api: bool) -> RouteEntry {
    let method = route.method.as_str().to_owned();
    RouteEntry { method, path: route.path.to_owned(), public: route.public, api }
}

impl RouteEntry {
    pub fn is_unsafe(&self) -> bool {
        !matches!(self.method.as_str(), "GET" | "HEAD" | "OPTIONS")
    }

    pub fn is_static(&self) -> bool {
        self.path.starts_with("/static") || self.path == "/favicon.ico"
    }

    /// The path with this id as its first parameter, and a valid value for the others.
    pub fn with_id(&self, id: &str) -> String {
        self.path.replace("{id}", id).replace("{user_id}", "everyone").replace("{number}", "0")
    }

    /// The path of a row of the console, with 1 in the place of each parameter.
    pub fn with_ones(&self) -> String {
        ["{id}", "{group}", "{pid}", "{tenant}"]
            .iter()
            .fold(self.path.clone(), |path, name| path.replace(name, "1"))
    }

    pub fn needs_invitation(&self) -> bool {
        self.path.contains("{token}")
    }

    pub fn is_about_note(&self) -> bool {
        self.path.contains("/notes/{id}")
    }

    /// Whether a form sent without a login is kept as a draft.
    pub fn keeps_draft(&self) -> bool {
        self.method == "POST" && matches!(self.path.as_str(), "/notes" | "/notes/{id}" | "/notes/preview")
    }
}
