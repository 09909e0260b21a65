//! The map of the pages. Every row needs a login unless it is public; without one the browser is sent to the
//! login page.

use super::{
    account, bin, dashboard, export, guide, import, inbox, inbox_reading, invitation_acceptance,
    invitation_registration, invitations, login, logout, member_role, members, membership, note_deletion,
    note_edits, note_preview, note_restoration, note_tasks, notes, opened_invitation, organization,
    organization_deletion, organization_export, organization_restoration, other_sessions, password,
    registration, revisions, search, sessions, shares, tenant_activation, transfer, welcome,
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
        Route::post("/login", login::create).public().carries_draft(),
        Route::post("/logout", logout::create),
        // Invitations, as the invited person sees them
        Route::get("/invitations/{token}", opened_invitation::show).public(),
        Route::post("/invitations/{token}/registration", invitation_registration::create).public(),
        Route::post("/invitations/{token}/membership", invitation_acceptance::create),
    ]
}

fn note_pages() -> Vec<Route> {
    vec![
        // Dashboard
        Route::get("/dashboard", dashboard::show).finds_user_with_reads(),
        // Notes
        Route::get("/notes", notes::index).finds_user_with_reads(),
        Route::post("/notes", notes::create).when_refused(notes::create_refused).carries_draft(),
        Route::get("/notes/new", notes::new),
        Route::post("/notes/preview", note_preview::create)
            .when_refused(note_preview::create_refused)
            .carries_draft(),
        Route::get("/notes/{id}", notes::show).finds_user_with_reads(),
        Route::post("/notes/{id}", note_edits::update)
            .when_refused(note_edits::update_refused)
            .carries_draft(),
        Route::get("/notes/{id}/edit", note_edits::edit),
        Route::post("/notes/{id}/tasks", note_tasks::update),
        // Search
        Route::get("/search", search::index).finds_user_with_reads(),
        // Deleted notes
        Route::get("/bin", bin::index).finds_user_with_reads(),
        Route::post("/notes/{id}/deletion", note_deletion::create),
        Route::post("/notes/{id}/restoration", note_restoration::create),
        // Revisions
        Route::get("/notes/{id}/revisions", revisions::index),
        // Shares
        Route::get("/notes/{id}/shares", shares::index),
        Route::post("/notes/{id}/shares", shares::create),
        Route::post("/notes/{id}/shares/{user_id}/revocation", shares::delete),
        // Inbox
        Route::get("/inbox", inbox::index).finds_user_with_reads(),
        Route::post("/inbox/reading", inbox_reading::create),
    ]
}

fn account_pages() -> Vec<Route> {
    vec![
        // Account
        Route::get("/account", account::show),
        Route::post("/account/password", password::update),
        // Sessions
        Route::post("/account/sessions/revocation", other_sessions::delete),
        Route::post("/account/sessions/{id}/revocation", sessions::delete),
        Route::post("/tenants/{id}/activation", tenant_activation::create),
        // Export and import
        Route::get("/account/transfer", transfer::show),
        Route::get("/account/export", export::show),
        Route::get("/account/export/organization", organization_export::show),
        Route::post("/account/import", import::create).streams_body(),
    ]
}

fn organization_pages() -> Vec<Route> {
    vec![
        // Members
        Route::get("/members", members::index),
        Route::post("/members/{id}/role", member_role::update),
        Route::post("/members/{id}/removal", members::delete),
        Route::post("/membership/removal", membership::delete),
        // Invitations, as the organization sees them
        Route::post("/invitations", invitations::create),
        Route::post("/invitations/{id}/revocation", invitations::delete),
        // Organization
        Route::get("/organization", organization::show),
        Route::post("/organization", organization::update),
        Route::post("/organization/deletion", organization_deletion::create),
        Route::post("/organization/restoration", organization_restoration::create),
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
