//! The way to the database: pools, roles, the tenant-bound transaction, migrations, and the guard that
//! refuses to serve on a schema without row-level security. The pools are private to this module; only
//! `store` builds statements and hands them to the handles given out here.

mod borrow;
mod connect;
mod connection;
mod database;
mod direct;
mod error;
mod guard;
mod handle;
mod listen;
mod loads;
mod migrate;
mod node_access;
mod others;
mod owner;
mod pool;
mod roles;
mod router;
mod row;
mod tally;
mod topology;
mod value;
pub(crate) mod versions;

pub(crate) use connect::at;
pub use connect::{ConnectError, connect};
pub(crate) use connection::Object;
pub use database::{Database, DirectoryHandle, SignUpHandle};
pub use error::DbError;
pub use guard::UnsafeSchema;
pub use handle::TenantHandle;
pub(crate) use handle::{Statement, Step};
pub(crate) use listen::Heard;
pub use loads::{Loads, TenantLoad};
pub use migrate::{AppliedMigration, MigrateError, MigrationReport, may_migrate, migrate, pending};
pub use node_access::{let_nodes_connect, place_web_login};
pub(crate) use others::despite_others;
pub use owner::connect_as_owner;
pub(crate) use row::Row;
pub use tally::{PoolState, Routing};
pub(crate) use topology::hash_of_bigint;
pub(crate) use value::Value;
