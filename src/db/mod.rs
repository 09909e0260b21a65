//! Access to the database: pools, roles, transactions that are bound to a tenant, migrations, and the check
//! that refuses to serve on a schema without row-level security. The pools are private to this folder; `store`
//! writes the statements and hands them to the handles of this folder.

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
mod statement;
mod tenant_handle;
mod tenant_load;
mod topology;
mod value;
pub(crate) mod versions;

pub use backlog::{as_backlog_role, connect_to_backlog};
pub(crate) use connect::at;
pub use connect::{ConnectError, connect};
pub(crate) use connection::Object;
pub use counters::Routing;
pub use database::{Database, DirectoryHandle, SignUpHandle};
pub use error::DbError;
pub(crate) use listen::ListenEvent;
pub use migrate::{AppliedMigration, MigrateError, MigrationReport, may_migrate, migrate, pending};
pub use node_access::{create_web_login, set_node_passwords};
pub use owner::connect_as_owner;
pub use pool::PoolState;
pub(crate) use role_conflict::retry_on_role_conflict;
pub(crate) use row::Row;
pub use schema_check::UnsafeSchema;
pub(crate) use statement::{Statement, Step};
pub use tenant_handle::TenantHandle;
pub use tenant_load::{Loads, TenantLoad};
pub(crate) use topology::hash_of_bigint;
pub(crate) use value::Value;
