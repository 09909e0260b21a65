//! The HTML pages, without JavaScript.

mod account;
mod compression;
mod computing;
mod cross_site_requests;
mod cross_site_scripting;
mod drafts;
mod edit_conflicts;
mod error_pages;
mod headers;
mod inbox;
mod invitations;
mod login;
mod members;
mod notes;
mod organization;
mod registration;
mod rendering_time;
mod request_guard;
mod search;
mod sessions;
mod several_tenants;
mod sharing;
mod sign_up_rules;
mod text_round_trip;
mod unsaved_text;
