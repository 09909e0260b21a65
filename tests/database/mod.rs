//! Trouble with the database: answered in time, survived, and never taken for success.

mod failures;
mod hashing;
mod limits;
mod migrations;
mod owners;
mod purge;
mod refusals;
mod typed;
mod unreachable;
