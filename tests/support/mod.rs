//! What the tests stand on: a server, people who use it, and a way to read pages.

#![allow(dead_code)]

pub mod answer;
pub mod app;
pub mod broker;
pub mod chaos;
pub mod database;
pub mod environment;
pub mod faults;
pub mod frozen;
pub mod html;
pub mod names;
pub mod own_cluster;
pub mod people;
pub mod postgres;
pub mod raw;
pub mod routes;
pub mod server;
pub mod servers;
pub mod sharing;
pub mod team;
pub mod waiting;

pub use answer::{Answer, Call};
pub use app::{App, beside_console, spawn_app, spawn_console};
pub use html::Page;
pub use names::unique;
pub use people::{Browser, Person, Script};
pub use team::Team;
pub use waiting::{TIMEOUT, aside, eventually, found, soon};
