//! Trouble with the database: answered in time, survived, and never taken for success.

mod hashing;
mod limits;
mod migrations;
mod owners;
mod purge;
mod refusals;
mod trouble;
mod typed;
mod unreachable;
