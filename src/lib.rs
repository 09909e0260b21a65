//! Pigeonhole: notes for many organizations (tenants) at once, on Citus.
//!
//! Each folder uses only the folders below it; `tests/architecture` has the table. From the top:
//!
//! - [`cli`] has one file for each subcommand, and starts everything else.
//! - [`app`] assembles the web application. [`admin`] is the operator's console, with a server of its own.
//! - [`pages`] answers browsers in HTML, and [`api`] answers scripts in JSON; each has one flat route map.
//! - [`web`] has the HTTP that both share: the request guard, headers, bodies, cookies, errors.
//! - [`services`] has the operations that both offer: login, registration, membership, sharing, transfer.
//! - [`messaging`] delivers what requests wrote to the outbox. [`maintenance`] is the hourly clean-up.
//! - [`metrics`] counts what the process does. [`log_context`] ties lines of the log to their request.
//! - [`auth`] has passwords, session tokens and the cache of sessions; [`transfer`] has export and import.
//! - [`store`] has the product's SQL, behind a handle that is bound to one tenant.
//! - [`db`] has connections, roles, routing, migrations, and the check that refuses an unsafe schema.
//! - [`markdown`] makes the HTML and the excerpts of notes.
//! - [`domain`] has parsed values: a `NoteContent` that exists may be stored.
//! - [`cluster`] changes a Citus cluster, and [`monitor`] observes it.
//! - [`embedded`] is the private PostgreSQL, [`seed`] generates data, [`settings`] has all settings.

// These macros panic when the pipe's reader has closed it; cli::output does not.
#![deny(clippy::print_stdout, clippy::print_stderr)]

pub mod admin;
pub mod api;
pub mod app;
pub mod auth;
pub mod cli;
pub mod cluster;
pub mod db;
pub mod domain;
pub mod embedded;
pub mod log_context;
pub mod maintenance;
pub mod markdown;
pub mod messaging;
pub mod metrics;
pub mod monitor;
pub mod pages;
pub mod seed;
pub mod services;
pub mod settings;
pub mod store;
pub mod transfer;
pub mod web;
