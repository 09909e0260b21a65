//! The frame around every page: who is logged in, what was just done, where one is.

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
    /// The other tenants in which this browser is logged in.
    pub others: Vec<FrameTenant>,
    /// When everything here is removed, if that was asked for.
    pub ends: Option<String>,
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
