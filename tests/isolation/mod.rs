//! Row-level security, tried by everything that the application's role may do.

mod authorization_matrix;
mod database_roles;
mod routes;
mod row_level_security;
mod schema_check;
mod shard_reads;
mod single_shard_requests;
mod single_shard_statements;
