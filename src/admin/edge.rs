//! What clients may take of the servers of operators: the console and the address of a worker. They have few
//! clients, and limits of their own, so that the application's clients take nothing from them.

use std::sync::Arc;
use std::time::Duration;

use crate::settings::Networks;
use crate::web::connections::{ConnectionLimits, Connections, ServerTimes};
use crate::web::memory_budget::MemoryBudget;

/// One thread, idle connections for 5 seconds, and 2 seconds for a stop.
pub const TIMES: ServerTimes =
    ServerTimes { threads: Some(1), keep_alive: Duration::from_secs(5), shutdown_timeout: 2 };
/// Open connections, in all and of one address.
const CONNECTIONS: usize = 64;
/// Bytes of bodies.
const BUDGET: usize = 64 << 20;

/// A registry for a server's connections.
pub fn connections(trusted: Networks) -> Arc<Connections> {
    Arc::new(Connections::new(ConnectionLimits { total: CONNECTIONS, per_client: CONNECTIONS, trusted }))
}

/// A budget for a server's bodies.
pub fn budget() -> Arc<MemoryBudget> {
    MemoryBudget::new(BUDGET)
}
