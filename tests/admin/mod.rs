//! The operator's console: who may open it, what its pages show, what it does, and what it gives to be
//! scraped.

mod access;
mod actions;
mod application;
mod axe;
mod console_server;
mod metrics;
mod moving;
mod pages;
mod role;
