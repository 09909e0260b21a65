//! Black-box tests of the real binary, over HTTP, with the database looked at from beside.
//!
//! Each test founds a tenant of its own, so that all of them share one server and one database
//! and run at once. Tests that need other settings, a broken database or an empty one start their own.

#[allow(
    clippy::disallowed_methods,
    reason = "tests look at the database and the environment from beside the application"
)]
mod support;

mod admin;
mod api;
mod architecture;
mod browser;
mod cluster;
mod database;
mod isolation;
mod messaging;
mod pages;
mod process;
