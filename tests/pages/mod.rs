//! The pages, as a browser without JavaScript uses them.

mod account;
mod bombs;
mod compression;
mod cross_site;
mod drafts;
mod edge;
mod editing;
mod headers;
mod inbox;
mod invitations;
mod login;
mod markup;
mod members;
mod notes;
mod organization;
mod registration;
mod search;
mod sessions;
mod several_tenants;
mod sharing;
mod tenants;
mod text;
