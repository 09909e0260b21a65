//! Tenant isolation: row-level security, database roles, authorization of routes, and single-shard
//! statements.

mod authorization_matrix;
mod database_logins;
mod database_roles;
mod late_bodies;
mod one_message;
mod routes;
mod row_level_security;
mod schema_check;
mod shard_reads;
mod shard_writes;
mod single_shard_requests;
mod single_shard_statements;
