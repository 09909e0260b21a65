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
mod login;
mod markup;
mod notes;
mod registration;
mod sessions;
mod sharing;
mod tenants;
mod text;
