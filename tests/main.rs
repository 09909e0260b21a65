//! Black-box tests of the real binary over HTTP. They also look into the database directly.
//!
//! Each test creates its own tenant, so all of them share one server and one database and run concurrently.
//! Tests that need other settings, a broken database or an empty one start their own.

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
mod edge;
mod isolation;
mod limits;
mod messaging;
mod pages;
mod process;
mod throttling;
