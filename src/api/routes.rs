//! The map of the API. Every row needs a bearer token unless it is public; without one the answer is 401.

use super::{
    acceptances, deliveries, export, import, inbox, inbox_reading, invitations, login, logout, me, members,
    note_list, notes, openapi, registration, search, shares, tasks, usage,
};
use crate::web::Route;

/// All calls.
pub fn all() -> Vec<Route> {
    vec![
        // Registration
        Route::post("/api/register", registration::create).public(),
        // Login
        Route::post("/api/login", login::create).public(),
        Route::post("/api/logout", logout::create),
        // The token's user
        Route::get("/api/me", me::show),
        Route::get("/api/usage", usage::show),
        // Notes
        Route::get("/api/notes", note_list::index).finds_user_with_reads(),
        Route::post("/api/notes", notes::create),
        Route::get("/api/notes/{id}", notes::show).finds_user_with_reads(),
        Route::put("/api/notes/{id}", notes::update),
        Route::delete("/api/notes/{id}", notes::delete),
        Route::put("/api/notes/{id}/tasks/{number}", tasks::update),
        // Search
        Route::get("/api/search", search::index).finds_user_with_reads(),
        // Shares
        Route::get("/api/notes/{id}/shares", shares::index),
        Route::post("/api/notes/{id}/shares", shares::create),
        Route::delete("/api/notes/{id}/shares/{user_id}", shares::delete),
        Route::get("/api/notes/{id}/deliveries", deliveries::index),
        // Inbox
        Route::get("/api/inbox", inbox::index).finds_user_with_reads(),
        Route::post("/api/inbox/reading", inbox_reading::create),
        // Export and import
        Route::get("/api/export", export::show),
        Route::post("/api/import", import::create).streams_body(),
        // Members
        Route::get("/api/members", members::index),
        Route::patch("/api/members/{id}", members::update),
        Route::delete("/api/members/{id}", members::delete),
        // Invitations
        Route::get("/api/invitations", invitations::index),
        Route::post("/api/invitations", invitations::create),
        Route::delete("/api/invitations/{id}", invitations::delete),
        Route::post("/api/invitations/{token}/acceptances", acceptances::create),
        // Description
        Route::get("/api/openapi.json", openapi::show).public(),
    ]
}
