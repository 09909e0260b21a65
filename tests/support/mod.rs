//! Shared by all tests: servers, users with their browsers and scripts, databases, and parsing of pages.

#![allow(dead_code)]

pub mod answer;
pub mod app;
pub mod broker;
pub mod command;
pub mod data_folder;
pub mod database;
pub mod database_servers;
pub mod environment;
pub mod faults;
pub mod faulty_proxy;
pub mod frozen_server;
pub mod html;
pub mod http;
pub mod names;
pub mod people;
pub mod postgres;
pub mod raw_http;
pub mod routes;
pub mod server;
pub mod sharing;
pub mod team;
pub mod wait;
pub mod zip_bytes;

pub use answer::{Answer, Call};
pub use app::{App, spawn_app, spawn_app_of_console, spawn_console};
pub use html::Page;
pub use names::unique;
pub use people::{Browser, Person, Script};
pub use team::Team;
pub use wait::{TIMEOUT, eventually, retry_until_ok, run_blocking, within_timeout};
