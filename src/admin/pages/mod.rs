//! The pages of the console, a file for each: its struct for askama and its handler. What they show comes
//! from `monitor`, what they do is done by `cluster`.

pub mod activity;
pub mod application;
mod confirmation;
pub mod connections;
pub mod drain;
pub mod events;
mod gantt;
pub mod isolation;
pub mod job_cancellation;
pub mod jobs;
pub mod limits;
pub mod login;
pub mod messages;
pub mod metrics;
pub mod network;
pub mod rebalance;
pub mod shards;
pub mod statements;
pub mod tenants;
pub mod termination;
pub mod verdicts;
