//! What is shared arrives: through the outbox in process, through a broker, and past everything that is
//! killed on the way.

mod broker;
mod broker_faults;
mod delivery_states;
mod faults;
mod fixture;
mod large_audience;
mod share_with;
mod without_broker;
mod worker_health;
