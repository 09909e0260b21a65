//! Pigeonhole: notes for many organizations (tenants) at once, on Citus.
//!
//! A map of the house, in the order in which a request walks through it, always forward and never back:
//!
//! - [`cli`] reads the command line and [`settings`] the environment; [`app`] assembles the web application
//!   from them.
//! - [`web`] is what pages and API share: request ids, headers, the cross-origin check, bodies, errors.
//! - [`auth`] holds passwords, session tokens and the cache of sessions.
//! - [`pages`] answers people in HTML, [`api`] answers scripts in JSON; each has one flat route map.
//! - [`domain`] holds parsed values: a `NoteContent` that exists is one that may be stored.
//! - [`store`] holds every SQL statement of the product, reachable only through a tenant-bound handle.
//! - [`archive`] lets people leave with everything and bring notes along.
//! - [`messaging`] does what is left to do after an answer was given: it fills the inboxes of those with whom
//!   a note is shared.
//! - [`maintenance`] removes every hour what has expired or is due for deletion.
//! - [`seed`] invents tenants, people and notes and fills a database with them.
//! - [`db`] holds pools, roles, migrations, the guard that refuses an unsafe schema, and [`embedded`] a
//!   private PostgreSQL.
//! - [`metrics`] puts together what all of them count of themselves.
//! - [`monitor`] looks at all nodes and changes nothing; [`admin`] shows it to operators on an address of its
//!   own.
//! - [`cluster`] is beside that way: what an operator asks of Citus, nodes, shards, moves, told through
//!   `cli`.

// A write to a pipe whose reader has gone panics in these macros: cli::output prints.
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
