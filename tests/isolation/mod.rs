//! Row-level security, tried by everything that the application's role may do.

mod counters;
mod guard;
mod matrix;
mod policies;
mod role;
mod shards;
mod statements;
