//! The way to the database: pools, roles, the tenant-bound transaction, migrations, and the guard that
//! refuses to serve on a schema without row-level security. The pools are private to this module; only
//! `store` builds statements and hands them to the handles given out here.

mod backlog;
mod checkout;
mod connect;
mod connection;
mod counters;
mod database;
mod error;
mod listen;
mod migrate;
mod node_access;
mod owner;
mod pool;
mod role_conflict;
mod roles;
mod router;
mod row;
mod schema_check;
mod shard_reads;
mod tenant_handle;
mod tenant_load;
mod topology;
mod value;
pub(crate) mod versions;

pub use backlog::{as_backlog_role, connect_to_backlog};
pub(crate) use connect::at;
pub use connect::{ConnectError, connect};
pub(crate) use connection::Object;
pub use counters::{PoolState, Routing};
pub use database::{Database, DirectoryHandle, SignUpHandle};
pub use error::DbError;
pub(crate) use listen::Heard;
pub use migrate::{AppliedMigration, MigrateError, MigrationReport, may_migrate, migrate, pending};
pub use node_access::{let_nodes_connect, place_web_login};
pub use owner::connect_as_owner;
pub(crate) use role_conflict::despite_others;
pub(crate) use row::Row;
pub use schema_check::UnsafeSchema;
pub use tenant_handle::TenantHandle;
pub(crate) use tenant_handle::{Statement, Step};
pub use tenant_load::{Loads, TenantLoad};
pub(crate) use topology::hash_of_bigint;
pub(crate) use value::Value;
