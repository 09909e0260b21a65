//! What is shared arrives: through the outbox in process, through a broker, and past everything that is
//! killed on the way.

mod broker;
mod broker_faults;
mod faults;
mod fixture;
mod health;
mod in_process;
mod large;
mod sharing;
mod states;
