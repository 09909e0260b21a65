//! Trouble with the database: answered in time, survived, and never taken for success.

mod hashing;
mod migrations;
mod trouble;
mod unreachable;
