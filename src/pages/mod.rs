//! HTML pages, one file for each resource with its askama pages and its handlers, and one flat map of routes.
//! A handler parses the request, makes one call on the tenant handle or on `services`, and answers with a
//! page or a 303. SQL and HTML are elsewhere. Only `app` uses this folder; it uses neither `api` nor `admin`.

mod account;
#[cfg(test)]
mod any_input;
mod bin;
mod browser_sessions;
mod dashboard;
mod draft;
mod export;
mod format;
mod frame;
mod guide;
mod highlight;
mod import;
mod inbox;
mod inbox_reading;
mod invitation_acceptance;
mod invitation_registration;
mod invitations;
mod login;
mod login_choice;
mod login_page;
mod logout;
mod markdown;
mod member_role;
mod members;
mod membership;
mod note_deletion;
mod note_edits;
mod note_restoration;
mod notes;
mod opened_invitation;
mod organization;
mod organization_deletion;
mod organization_export;
mod organization_restoration;
mod other_sessions;
mod password;
mod registration;
mod revisions;
pub mod routes;
mod search;
mod sessions;
mod shares;
mod table_cells;
mod tenant_activation;
mod transfer;
mod unsaved;
mod usage;
mod welcome;
