//! A private PostgreSQL that belongs to one data folder. It is found on the machine, initialized, started,
//! supervised and stopped. Connections go through a Unix socket, in a folder that only its account can enter.
//! Where the Citus extension is installed it can also be a [cluster](EmbeddedCluster), on loopback ports with
//! a password.
//!
//! This folder holds no SQL of the application and knows nothing of tenants. Only `cli` uses it, when
//! DATABASE_URL is not set.

mod account;
mod binaries;
mod cluster;
mod error;
mod folder;
mod initialization;
mod leftovers;
mod options;
mod process;
mod profile;
mod readiness;
mod server;
mod single;
mod socket;
mod supervision;

pub use cluster::EmbeddedCluster;
pub use error::EmbeddedError;
pub use options::EmbeddedOptions;
pub use single::EmbeddedPostgres;
