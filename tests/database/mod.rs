//! Trouble with the database: answered in time, survived, and never taken for success.

mod failures;
mod hash_queue;
mod migrations;
mod purge;
mod server_errors;
mod timeouts;
mod unreachable;
mod unsaved_text;
mod without_superuser;
