//! Delivery of shares: through the outbox in process, through a broker, and after crashes.

mod broker;
mod broker_faults;
mod delivery_states;
mod faults;
mod fixture;
mod large_audience;
mod share_with;
mod without_broker;
mod worker_health;
