//! Starting and stopping the real program.

mod closed_output;
mod containers;
mod crash_recovery;
mod docker_compose;
mod embedded;
mod embedded_cluster;
mod rolling_restart;
mod seed;
mod settings;
