//! The pages, as a browser without JavaScript uses them.

mod account;
mod bombs;
mod compression;
mod cross_site;
mod drafts;
mod edge;
mod editing;
mod headers;
mod invitations;
mod login;
mod markup;
mod members;
mod notes;
mod organization;
mod registration;
mod sessions;
mod several_tenants;
mod tenants;
mod text;
