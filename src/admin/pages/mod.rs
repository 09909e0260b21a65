//! The pages of the console, a file for each: its struct for askama and its handler. What they show comes from `monitor`.

pub mod application;
pub mod connections;
pub mod messages;
pub mod metrics;
pub mod network;
pub mod shards;
pub mod statements;
pub mod tenants;
pub mod verdicts;
