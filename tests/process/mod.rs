//! Starting and stopping the real program.

mod compose;
mod containers;
mod embedded;
mod killed;
mod local_cluster;
mod output;
mod rolling;
mod seed;
mod settings;
