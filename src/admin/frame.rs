//! The frame around every page of the console: the navigation, the time span, the result of the last action.

use std::future::{Ready, ready};
use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, web};
use serde::Deserialize;

use super::console::Console;
use super::navigation::PAGES;
use crate::web::Error;
use crate::web::assets::Assets;

/// What the layout shows around a page.
#[derive(Clone, Debug, Default)]
pub struct ConsoleFrame {
    /// The path of the page without `.json` or `.txt`.
    pub path: String,
    /// The time that charts and sums cover.
    pub span: Span,
    /// The result of the last action, to be shown once.
    pub done: Option<String>,
    /// Whether the page has a button to log out.
    pub logged_in: bool,
    pub assets: Assets,
}

/// The time until now that a page covers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum Span {
    #[default]
    #[serde(rename = "1h")]
    Hour,
    #[serde(rename = "6h")]
    SixHours,
    #[serde(rename = "1d")]
    Day,
    #[serde(rename = "7d")]
    Week,
    /// The time for which samples are kept.
    #[serde(rename = "14d")]
    TwoWeeks,
}

impl Span {
    /// From the shortest to the longest.
    pub const ALL: [Self; 5] = [Self::Hour, Self::SixHours, Self::Day, Self::Week, Self::TwoWeeks];

    /// The value of `since` in a URL.
    pub fn code(self) -> &'static str {
        match self {
            Self::Hour => "1h",
            Self::SixHours => "6h",
            Self::Day => "1d",
            Self::Week => "7d",
            Self::TwoWeeks => "14d",
        }
    }

    /// The words after "the last".
    pub fn words(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::SixHours => "6 hours",
            Self::Day => "day",
            Self::Week => "7 days",
            Self::TwoWeeks => "14 days",
        }
    }

    /// The length of the span.
    pub fn length(self) -> Duration {
        let hours = match self {
            Self::Hour => 1,
            Self::SixHours => 6,
            Self::Day => 24,
            Self::Week => 7 * 24,
            Self::TwoWeeks => 14 * 24,
        };
        Duration::from_secs(hours * 3600)
    }
}

#[derive(Default, Deserialize)]
struct FrameQuery {
    since: Option<Span>,
    done: Option<String>,
}

/// A link of the navigation.
pub struct NavigationLink {
    pub path: String,
    pub name: &'static str,
    /// Whether it is the current page.
    pub here: bool,
}

impl ConsoleFrame {
    /// The frame of errors and the login, without navigation.
    pub fn bare() -> Self {
        Self::default()
    }

    /// The links of the navigation.
    pub fn entries(&self) -> Vec<NavigationLink> {
        let here = |path: &str| {
            self.path == path || self.path.strip_prefix(path).is_some_and(|rest| rest.starts_with('/'))
        };
        PAGES
            .iter()
            .map(|page| NavigationLink { path: self.at(page.path), name: page.name, here: here(page.path) })
            .collect()
    }

    /// The URL of a path with the same time span.
    pub fn at(&self, path: &str) -> String {
        if self.span == Span::default() {
            path.to_owned()
        } else {
            format!("{path}?since={}", self.span.code())
        }
    }

    /// Whether the page has the formats JSON and text, which confirmations do not.
    pub fn has_formats(&self) -> bool {
        PAGES.iter().any(|page| page.path == self.path)
    }

    /// The URL of the same numbers as JSON.
    pub fn json(&self) -> String {
        self.at(&format!("{}.json", self.path))
    }

    /// The URL of the same numbers as plain text.
    pub fn text(&self) -> String {
        self.at(&format!("{}.txt", self.path))
    }

    /// The name of the page in `pigeonhole console NAME`.
    pub fn command_name(&self) -> &str {
        self.path.trim_start_matches('/')
    }

    /// The time spans to choose from: URL, words, and whether it is the current one.
    pub fn spans(&self) -> Vec<(String, &'static str, bool)> {
        Span::ALL
            .iter()
            .map(|span| (format!("{}?since={}", self.path, span.code()), span.words(), *span == self.span))
            .collect()
    }
}

impl FromRequest for ConsoleFrame {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let Ok(web::Query(query)) = web::Query::<FrameQuery>::from_query(request.query_string()) else {
            return ready(Err(Error::BadRequest("since is one of 1h, 6h, 1d, 7d and 14d.")));
        };
        let path = request.path();
        let path = path.strip_suffix(".json").or(path.strip_suffix(".txt")).unwrap_or(path).to_owned();
        let console = request.app_data::<web::Data<Console>>();
        let logged_in = console.is_some_and(|console| console.token.is_set());
        let done = query.done.and_then(|number| console?.take_notice(&number));
        ready(Ok(Self { path, span: query.since.unwrap_or_default(), done, logged_in, assets: Assets }))
    }
}
