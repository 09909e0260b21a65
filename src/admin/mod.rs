//! The operator's console: the numbers of `monitor` as pages, JSON and text, and the actions of `cluster`, on
//! an address of its own. Each page is one file in `pages`, with a struct of numbers that implements
//! [`View`]; `navigation` lists the pages, `routes` is the map.

mod action_log;
mod app;
mod application;
mod chart;
mod console;
mod console_token;
mod edge;
mod errors;
mod frame;
mod guard;
pub mod navigation;
mod operator;
pub mod pages;
pub mod routes;
mod scrape;
mod view;
mod worker_server;

pub use app::listen;
pub use console::Console;
pub use errors::Failure;
pub use view::{Format, View};
pub use worker_server::{WorkerState, listen_worker};
