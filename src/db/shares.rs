//! How the connections of a pool are divided between tenants and kinds of work.

/// How many connections of a pool may be used by which calls.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shares {
    pub(super) connections: usize,
    /// The most calls that work at once; see `admission` on those that stall.
    pub(super) at_once: usize,
    /// Connections for light work of tenants that have none, so that they need not wait for a slow statement.
    pub(super) reserve: usize,
    /// The most connections of one tenant.
    pub(super) of_tenant: usize,
    /// The most connections with heavy work, of all tenants.
    pub(super) heavy: usize,
    /// The most connections with heavy work of one tenant.
    pub(super) heavy_of_tenant: usize,
    /// The most calls of one tenant that wait.
    pub(super) waiting_of_tenant: usize,
}

impl Shares {
    /// For a pool that serves tenants. Record 0028 has the reasons of each share.
    pub(super) fn between_tenants(connections: usize) -> Self {
        let reserve = if connections > 2 { (connections / 8).max(1) } else { 0 };
        Self {
            connections,
            at_once: connections,
            reserve,
            of_tenant: connections - reserve,
            heavy: (connections / 2).max(1),
            heavy_of_tenant: (connections / 8).max(1),
            waiting_of_tenant: connections * 8,
        }
    }

    /// For processors in place of connections: a tenant uses one at a time.
    pub(super) fn of_processors(processors: usize) -> Self {
        let processors = processors.max(1);
        Self {
            connections: processors,
            at_once: processors,
            reserve: 0,
            of_tenant: 1,
            heavy: processors,
            heavy_of_tenant: 1,
            // Each holds up to three texts of 256 KiB.
            waiting_of_tenant: 16,
        }
    }

    /// For a pool whose calls belong to no tenant: first come, first served.
    pub(super) fn undivided(connections: usize) -> Self {
        Self {
            connections,
            at_once: connections,
            reserve: 0,
            of_tenant: connections,
            heavy: connections,
            heavy_of_tenant: connections,
            waiting_of_tenant: usize::MAX,
        }
    }
}
