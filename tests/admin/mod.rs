//! The operator's console.

mod application;
mod desk;
mod metrics;
