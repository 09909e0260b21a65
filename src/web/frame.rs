//! The frame around every page: who is logged in, what was just done, where one is.

use std::fmt;

use actix_session::Session;

use super::assets::Assets;
use super::cookie::{Flash, take_flash};

/// The frame.
#[derive(Debug, Default)]
pub struct Frame {
    /// Who is logged in, if somebody is.
    pub user: Option<FrameUser>,
    /// What to say once.
    pub flash: Option<Flash>,
    /// The part of the navigation that is marked.
    pub section: &'static str,
    /// Makes a second click on the page's button the same request.
    pub form_number: String,
    /// Where the style sheet and script are.
    pub assets: Assets,
}

/// The user in the frame.
#[derive(Debug)]
pub struct FrameUser {
    /// The user's name.
    pub username: String,
    /// The tenant's name.
    pub tenant_name: String,
    /// The user's role.
    pub role: String,
    /// How many notes in the inbox are unread.
    pub unread: UnreadCount,
    /// The other tenants in which this browser is logged in.
    pub others: Vec<FrameTenant>,
    /// When everything here is removed, if that was asked for.
    pub ends: Option<String>,
}

/// A count of unread notes as it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnreadCount(pub i64);

impl UnreadCount {
    /// Whether there is anything to tell.
    pub fn any(&self) -> bool {
        self.0 > 0
    }

    /// In words, for those who hear the page.
    pub fn words(&self) -> &'static str {
        if self.0 == 1 { "unread note" } else { "unread notes" }
    }
}

impl fmt::Display for UnreadCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 > 99 { f.write_str("99+") } else { self.0.fmt(f) }
    }
}

/// A tenant to switch to.
#[derive(Debug)]
pub struct FrameTenant {
    /// Its number.
    pub number: i64,
    /// Its name, cut where it is long.
    pub name: String,
}

impl Frame {
    /// A frame for an error: it asks nothing of the database or the cookie.
    pub fn bare() -> Self {
        Self::default()
    }

    /// The frame of a public page.
    pub fn public(cookie: &Session, section: &'static str) -> Self {
        Self { flash: take_flash(cookie), section, ..Self::default() }
    }
}
