//! The console's pages by path and name. The frame shows them, and `routes` adds their handlers; this list is
//! apart from both, as the handlers draw the frame themselves.

/// A page, at three paths with the same numbers: HTML, JSON and plain text.
pub struct ConsolePage {
    pub path: &'static str,
    pub json: &'static str,
    pub text: &'static str,
    pub name: &'static str,
}

macro_rules! page {
    ($path:literal, $name:literal) => {
        ConsolePage { path: $path, json: concat!($path, ".json"), text: concat!($path, ".txt"), name: $name }
    };
}

/// The pages in the order of the navigation.
pub const PAGES: [ConsolePage; 10] = [
    page!("/verdicts", "Verdicts"),
    page!("/shards", "Shards"),
    page!("/tenants", "Tenants"),
    page!("/jobs", "Jobs"),
    page!("/activity", "Activity"),
    page!("/statements", "Statements"),
    page!("/connections", "Connections"),
    page!("/network", "Network"),
    page!("/application", "Application"),
    page!("/events", "Events"),
];
