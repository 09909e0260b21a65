//! Messages: work that is done after the answer to a request. The outbox in the database is what must not be
//! lost; every process here may be killed at any moment. A request writes a message through `store` and then
//! wakes the [`Notifier`].
//!
//! The relay claims due messages tenant by tenant and hands them on: to the handlers of this process, or to a
//! broker from which a consumer takes them. Either way the row has the state of its message, so the two ways
//! can be exchanged at any time.

mod amqp;
mod attempt;
mod backlog;
mod consumer;
mod counters;
mod dead_letters;
mod due_tenants;
mod envelope;
mod kinds;
mod notifier;
mod publisher;
mod readiness;
mod relay;
mod retry;
mod wait;
mod worker;

pub use amqp::BrokerError;
pub use backlog::{Backlog, BacklogError, Changes, MessageName, Selection};
pub use counters::MessageCounts;
pub use dead_letters::{DeadLetter, dead_letter_count, dead_letters, purge_dead_letters};
pub use kinds::handle;
pub use notifier::Notifier;
pub use readiness::{NotReady, Readiness};
pub use wait::wait_for;
pub use worker::MessageWorker;
