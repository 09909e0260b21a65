//! The process: settings, start, shutdown, crashes, output, containers.

mod backup;
mod closed_output;
mod containers;
mod crash_recovery;
mod docker_compose;
mod embedded;
mod embedded_cluster;
mod log_refusals;
mod log_secrets;
mod logging;
mod notes_client;
mod rolling_restart;
mod seed;
mod settings;
