//! The page map: every page, in one place. What is public is marked; everything else asks for a login.

use actix_web::web;

use super::{
    account, bin, dashboard, guide, invitations, joining, login, logout, members, notes, organization, registration, revisions, tenants,
    welcome,
};
use crate::web::{Route, assets, health};

/// All pages.
pub const ROUTES: &[Route] = &[
    Route { method: "GET", path: "/", public: true, handler: || web::route().to(welcome::show) },
    Route { method: "GET", path: "/register", public: true, handler: || web::route().to(registration::new) },
    Route { method: "POST", path: "/register", public: true, handler: || web::route().to(registration::create) },
    Route { method: "GET", path: "/login", public: true, handler: || web::route().to(login::new) },
    Route { method: "POST", path: "/login", public: true, handler: || web::route().to(login::create) },
    Route { method: "POST", path: "/logout", public: false, handler: || web::route().to(logout::create) },
    Route { method: "GET", path: "/dashboard", public: false, handler: || web::route().to(dashboard::show) },
    Route { method: "GET", path: "/notes", public: false, handler: || web::route().to(notes::index) },
    Route { method: "POST", path: "/notes", public: false, handler: || web::route().to(notes::create) },
    Route { method: "GET", path: "/notes/{id}", public: false, handler: || web::route().to(notes::show) },
    Route { method: "POST", path: "/notes/{id}", public: false, handler: || web::route().to(notes::update) },
    Route { method: "GET", path: "/notes/{id}/edit", public: false, handler: || web::route().to(notes::edit) },
    Route { method: "POST", path: "/notes/{id}/deletion", public: false, handler: || web::route().to(bin::create) },
    Route { method: "POST", path: "/notes/{id}/restoration", public: false, handler: || web::route().to(bin::destroy) },
    Route { method: "GET", path: "/notes/{id}/revisions", public: false, handler: || web::route().to(revisions::index) },
    Route { method: "GET", path: "/bin", public: false, handler: || web::route().to(bin::index) },
    Route { method: "GET", path: "/account", public: false, handler: || web::route().to(account::show) },
    Route { method: "POST", path: "/account/password", public: false, handler: || web::route().to(account::update_password) },
    Route { method: "POST", path: "/account/sessions/revocation", public: false, handler: || web::route().to(account::revoke_others) },
    Route { method: "POST", path: "/account/sessions/{id}/revocation", public: false, handler: || web::route().to(account::revoke) },
    Route { method: "GET", path: "/members", public: false, handler: || web::route().to(members::index) },
    Route { method: "POST", path: "/members/{id}/role", public: false, handler: || web::route().to(members::update_role) },
    Route { method: "POST", path: "/members/{id}/removal", public: false, handler: || web::route().to(members::remove) },
    Route { method: "POST", path: "/membership/removal", public: false, handler: || web::route().to(members::leave) },
    Route { method: "POST", path: "/invitations", public: false, handler: || web::route().to(invitations::create) },
    Route { method: "POST", path: "/invitations/{id}/revocation", public: false, handler: || web::route().to(invitations::revoke) },
    Route { method: "GET", path: "/invitations/{token}", public: true, handler: || web::route().to(joining::show) },
    Route { method: "POST", path: "/invitations/{token}/registration", public: true, handler: || web::route().to(joining::register) },
    Route { method: "POST", path: "/invitations/{token}/membership", public: false, handler: || web::route().to(joining::join) },
    Route { method: "GET", path: "/organization", public: false, handler: || web::route().to(organization::show) },
    Route { method: "POST", path: "/organization", public: false, handler: || web::route().to(organization::update) },
    Route { method: "POST", path: "/organization/deletion", public: false, handler: || web::route().to(organization::create_deletion) },
    Route { method: "POST", path: "/organization/restoration", public: false, handler: || web::route().to(organization::destroy_deletion) },
    Route { method: "POST", path: "/tenants/{id}/activation", public: false, handler: || web::route().to(tenants::activate) },
    Route { method: "GET", path: "/api", public: true, handler: || web::route().to(guide::show) },
    Route { method: "GET", path: "/static/{file}", public: true, handler: || web::route().to(assets::show) },
    Route { method: "GET", path: "/favicon.ico", public: true, handler: || web::route().to(assets::favicon) },
    Route { method: "GET", path: "/livez", public: true, handler: || web::route().to(health::live) },
    Route { method: "GET", path: "/readyz", public: true, handler: || web::route().to(health::ready) },
];
