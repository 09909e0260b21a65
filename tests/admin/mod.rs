//! The operator's console: access, pages, actions, and the metrics for Prometheus.

mod actions;
mod application;
mod authentication;
mod browser;
mod console_role;
mod console_server;
mod metrics;
mod pages;
mod shard_moves;
