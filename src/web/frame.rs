//! The frame around every page: the user, the message of the last action, the navigation.

use std::fmt;

use actix_session::Session;

use super::assets::Assets;
use super::cookie::{self, Flash, OtherSession, take_flash};
use super::current_user::CurrentUser;
use super::idempotency::form_number;
use super::page_tenant::of_tenant;

/// What the layout shows around a page.
#[derive(Debug, Default)]
pub struct Frame {
    /// None on public pages.
    pub user: Option<FrameUser>,
    pub flash: Option<Flash>,
    /// The section of the navigation that is marked as the current one.
    pub section: &'static str,
    /// The idempotency key of the page's form: a second click on its button is the same request.
    pub form_number: String,
    /// What the address of a form ends with that names no note and no person: the tenant of the page. So the
    /// form is refused when the browser has switched to another tenant meanwhile. Empty on public pages.
    pub of_tenant: String,
    pub assets: Assets,
}

/// The user in the frame.
#[derive(Debug)]
pub struct FrameUser {
    /// Tenant and user as `7-12`: the browser keeps what this user types under this name.
    pub owner: String,
    pub username: String,
    pub tenant_name: String,
    pub role: String,
    pub unread: UnreadCount,
    /// The other tenants in which this browser is logged in.
    pub others: Vec<FrameTenant>,
    /// When the organization is deleted, if its owner has scheduled that.
    pub ends: Option<String>,
}

/// The number of unread notes in the inbox, shown as at most 99+.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnreadCount(pub i64);

impl UnreadCount {
    /// Whether any note is unread.
    pub fn any(&self) -> bool {
        self.0 > 0
    }

    /// The noun after the number, for screen readers.
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
    pub number: i64,
    /// Cut to 40 characters.
    pub name: String,
}

impl FrameTenant {
    fn of(other: OtherSession) -> Self {
        Self { number: other.token.tenant().number(), name: other.tenant_name }
    }
}

impl Frame {
    /// The frame of an error page for strangers. It reads neither the database nor the cookie, as either may
    /// have failed.
    pub fn bare() -> Self {
        Self::default()
    }

    /// The frame of a private page but for its message and for the end of the organization.
    pub fn of_user(user: &CurrentUser, cookie: &Session) -> Self {
        let tenant = user.tenant.tenant();
        let in_frame = FrameUser {
            owner: format!("{tenant}-{}", user.id),
            username: user.session.username.clone(),
            tenant_name: user.session.tenant_name.clone(),
            role: user.session.role.as_str().to_owned(),
            unread: UnreadCount(user.session.unread.get()),
            others: cookie::others(cookie).into_iter().map(FrameTenant::of).collect(),
            ends: None,
        };
        // Without randomness the form only loses the protection against a second click.
        let form_number = form_number().unwrap_or_default();
        Self { user: Some(in_frame), form_number, of_tenant: of_tenant(tenant), ..Self::default() }
    }

    /// The frame of a public page.
    pub fn public(cookie: &Session, section: &'static str) -> Self {
        Self { flash: take_flash(cookie), section, ..Self::default() }
    }
}
