//! The map of the pages. Every row needs a login unless it is public; without one the browser is sent to the
//! login page.

use super::{
    account, bin, dashboard, guide, inbox, invitation_acceptance, invitations, login, logout, members, notes,
    organization, registration, revisions, shares, tenants, transfer, welcome,
};
use crate::web::{Route, assets, health};

/// All pages.
pub fn all() -> Vec<Route> {
    [login_pages(), note_pages(), account_pages(), organization_pages(), technical_pages()]
        .into_iter()
        .flatten()
        .collect()
}

fn login_pages() -> Vec<Route> {
    vec![
        // Welcome
        Route::get("/", welcome::show).public(),
        // Registration
        Route::get("/register", registration::new).public(),
        Route::post("/register", registration::create).public(),
        // Login
        Route::get("/login", login::new).public(),
        Route::post("/login", login::create).public(),
        Route::post("/logout", logout::create),
        // Invitations, as the invited person sees them
        Route::get("/invitations/{token}", invitation_acceptance::show).public(),
        Route::post("/invitations/{token}/registration", invitation_acceptance::register).public(),
        Route::post("/invitations/{token}/membership", invitation_acceptance::join),
    ]
}

fn note_pages() -> Vec<Route> {
    vec![
        // Dashboard
        Route::get("/dashboard", dashboard::show),
        // Notes
        Route::get("/notes", notes::index),
        Route::post("/notes", notes::create).when_refused(notes::create_refused),
        Route::get("/notes/{id}", notes::show),
        Route::post("/notes/{id}", notes::update).when_refused(notes::update_refused),
        Route::get("/notes/{id}/edit", notes::edit),
        // Deleted notes
        Route::get("/bin", bin::index),
        Route::post("/notes/{id}/deletion", bin::create),
        Route::post("/notes/{id}/restoration", bin::destroy),
        // Revisions
        Route::get("/notes/{id}/revisions", revisions::index),
        // Shares
        Route::get("/notes/{id}/shares", shares::index),
        Route::post("/notes/{id}/shares", shares::create),
        Route::post("/notes/{id}/shares/{user_id}/revocation", shares::revoke),
        // Inbox
        Route::get("/inbox", inbox::index),
        Route::post("/inbox/reading", inbox::read),
    ]
}

fn account_pages() -> Vec<Route> {
    vec![
        // Account
        Route::get("/account", account::show),
        Route::post("/account/password", account::update_password),
        // Sessions
        Route::post("/account/sessions/revocation", account::revoke_others),
        Route::post("/account/sessions/{id}/revocation", account::revoke),
        Route::post("/tenants/{id}/activation", tenants::activate),
        // Export and import
        Route::get("/account/transfer", transfer::show),
        Route::get("/account/export", transfer::export),
        Route::get("/account/export/organization", transfer::export_organization),
        Route::post("/account/import", transfer::import),
    ]
}

fn organization_pages() -> Vec<Route> {
    vec![
        // Members
        Route::get("/members", members::index),
        Route::post("/members/{id}/role", members::update_role),
        Route::post("/members/{id}/removal", members::remove),
        Route::post("/membership/removal", members::leave),
        // Invitations, as the organization sees them
        Route::post("/invitations", invitations::create),
        Route::post("/invitations/{id}/revocation", invitations::revoke),
        // Organization
        Route::get("/organization", organization::show),
        Route::post("/organization", organization::update),
        Route::post("/organization/deletion", organization::create_deletion),
        Route::post("/organization/restoration", organization::destroy_deletion),
    ]
}

fn technical_pages() -> Vec<Route> {
    vec![
        // Guide of the API
        Route::get("/api", guide::show).public(),
        // Static files
        Route::get("/static/{file}", assets::show).public(),
        Route::get("/favicon.ico", assets::favicon).public(),
        // Health
        Route::get("/livez", health::live).public(),
        Route::get("/readyz", health::ready).public(),
    ]
}
