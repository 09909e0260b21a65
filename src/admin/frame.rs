//! The frame around every page of the console: where one is, over which time one looks, what was just done.

use std::future::{Ready, ready};
use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, web};
use serde::Deserialize;

use super::console::Console;
use super::navigation::PAGES;
use crate::web::Error;
use crate::web::assets::Assets;

/// The frame.
#[derive(Clone, Debug, Default)]
pub struct Frame {
    /// The path of the page without a face's ending.
    pub path: String,
    /// The time that charts and sums cover.
    pub span: Span,
    /// What was just done, where something was.
    pub done: Option<String>,
    /// Whether one can log out.
    pub logged_in: bool,
    /// Where the style sheets and scripts are.
    pub assets: Assets,
}

/// A stretch of time until now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum Span {
    /// The last hour.
    #[default]
    #[serde(rename = "1h")]
    Hour,
    /// Six hours.
    #[serde(rename = "6h")]
    SixHours,
    /// A day.
    #[serde(rename = "1d")]
    Day,
    /// A week.
    #[serde(rename = "7d")]
    Week,
    /// Two weeks, for which samples are kept.
    #[serde(rename = "14d")]
    TwoWeeks,
}

impl Span {
    /// All of them, the shortest first.
    pub const ALL: [Self; 5] = [Self::Hour, Self::SixHours, Self::Day, Self::Week, Self::TwoWeeks];

    /// As it stands in an address.
    pub fn code(self) -> &'static str {
        match self {
            Self::Hour => "1h",
            Self::SixHours => "6h",
            Self::Day => "1d",
            Self::Week => "7d",
            Self::TwoWeeks => "14d",
        }
    }

    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::SixHours => "6 hours",
            Self::Day => "day",
            Self::Week => "7 days",
            Self::TwoWeeks => "14 days",
        }
    }

    /// How long it is.
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
struct Query {
    since: Option<Span>,
    done: Option<String>,
}

/// A row of the navigation.
pub struct Entry {
    /// Where it leads.
    pub path: String,
    /// What it is called.
    pub name: &'static str,
    /// Whether one is there.
    pub here: bool,
}

impl Frame {
    /// A frame without a place.
    pub fn bare() -> Self {
        Self::default()
    }

    /// The pages that can be gone to.
    pub fn entries(&self) -> Vec<Entry> {
        let here = |path: &str| {
            self.path == path || self.path.strip_prefix(path).is_some_and(|rest| rest.starts_with('/'))
        };
        PAGES
            .iter()
            .map(|page| Entry { path: self.at(page.path), name: page.name, here: here(page.path) })
            .collect()
    }

    /// An address over the same stretch of time.
    pub fn at(&self, path: &str) -> String {
        if self.span == Span::default() {
            path.to_owned()
        } else {
            format!("{path}?since={}", self.span.code())
        }
    }

    /// Whether the same is there for programs, which questions are not.
    pub fn has_faces(&self) -> bool {
        PAGES.iter().any(|page| page.path == self.path)
    }

    /// The same numbers for a program.
    pub fn json(&self) -> String {
        self.at(&format!("{}.json", self.path))
    }

    /// The same numbers for a terminal.
    pub fn text(&self) -> String {
        self.at(&format!("{}.txt", self.path))
    }

    /// The page without its slash, as `pigeonhole console` calls it.
    pub fn verb(&self) -> &str {
        self.path.trim_start_matches('/')
    }

    /// The stretches that can be chosen, each with its address and whether it is the one.
    pub fn spans(&self) -> Vec<(String, &'static str, bool)> {
        Span::ALL
            .iter()
            .map(|span| (format!("{}?since={}", self.path, span.code()), span.words(), *span == self.span))
            .collect()
    }
}

impl FromRequest for Frame {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let Ok(web::Query(query)) = web::Query::<Query>::from_query(request.query_string()) else {
            return ready(Err(Error::BadRequest("since is one of 1h, 6h, 1d, 7d and 14d.")));
        };
        let path = request.path();
        let path = path.strip_suffix(".json").or(path.strip_suffix(".txt")).unwrap_or(path).to_owned();
        let console = request.app_data::<web::Data<Console>>();
        let logged_in = console.is_some_and(|console| console.token.is_set());
        let done = query.done.and_then(|number| console?.say(&number));
        ready(Ok(Self { path, span: query.since.unwrap_or_default(), done, logged_in, assets: Assets }))
    }
}
