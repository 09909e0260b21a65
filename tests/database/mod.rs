//! Faults of the database: requests are answered in time, the server recovers, and no failed write is
//! reported as done.

mod failures;
mod fairness;
mod hash_queue;
mod migrations;
mod older_notes;
mod purge;
mod server_errors;
mod timeouts;
mod unreachable;
mod unsaved_text;
mod without_superuser;
