//! The operator's console: who may open it, what its pages show, what it does, and what it gives to be
//! scraped.

mod actions;
mod application;
mod authentication;
mod browser;
mod console_role;
mod console_server;
mod metrics;
mod pages;
mod shard_moves;
