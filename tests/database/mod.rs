//! Trouble with the database: answered in time, survived, and never taken for success.

mod hashing;
mod migrations;
mod owners;
mod purge;
mod trouble;
mod unreachable;
