//! The operator's console: pages, JSON and text of what `monitor` sees, and the actions of `cluster`, on an
//! address of its own. It has no SQL and no tenant's data; the application's pages know nothing of it. Each
//! page is one file in `pages`, a struct of numbers that [`view::View`] shows as HTML, JSON and text;
//! `routes` is its map.

mod app;
mod application;
mod chart;
mod console;
mod console_token;
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
pub use view::{Face, View};
pub use worker_server::{WorkerState, listen_worker};
