//! Every number that `/metrics` gives, with what it says. docs/monitoring stands on these names, and a test holds it to them.

use metrics::{KeyName, Recorder, SharedString};

/// Requests by route, method and status: a histogram of seconds.
pub(super) const REQUESTS: &str = "pigeonhole_http_request_duration_seconds";

/// What kind of number it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only rises.
    Counter,
    /// Rises and falls.
    Gauge,
    /// Counts by size.
    Histogram,
}

impl Kind {
    /// The word of the format.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

use Kind::{Counter, Gauge, Histogram};

/// All names that this process gives by itself.
pub const NAMES: &[(&str, Kind, &str)] = &[
    (REQUESTS, Histogram, "Time from the arrival of a request's head to its answer, by route pattern, method and status."),
    ("pigeonhole_pool_connections", Gauge, "Connections that a pool has."),
    ("pigeonhole_pool_connections_in_use", Gauge, "Connections of a pool that work."),
    ("pigeonhole_pool_connections_limit", Gauge, "The most connections that a pool may have."),
    ("pigeonhole_pool_waiting", Gauge, "Callers that wait for a connection now."),
    ("pigeonhole_pool_waits_total", Counter, "Callers that had to wait because all connections were in use."),
    ("pigeonhole_pool_wait_seconds_total", Counter, "How long they waited together."),
    ("pigeonhole_pool_given_up_total", Counter, "Callers that waited for a connection in vain."),
    (
        "pigeonhole_routing_statements_total",
        Counter,
        "Tenants' statements: read from the shard, through Citus on its node, or by the coordinator.",
    ),
    ("pigeonhole_routing_misses_total", Counter, "Statements for which the map was wrong (moved) or its node of no use (fallback)."),
    ("pigeonhole_password_hashes_limit", Gauge, "Password hashes that may be computed at a time."),
    ("pigeonhole_password_hashes_running", Gauge, "Password hashes that are computed now."),
    ("pigeonhole_password_hashes_waiting", Gauge, "Password hashes that wait for a core."),
    ("pigeonhole_password_hashes_total", Counter, "Password hashes that got a core."),
    ("pigeonhole_password_hashes_refused_total", Counter, "Password hashes that were told to come back."),
    ("pigeonhole_session_cache_hits_total", Counter, "Sessions that were known from a moment ago."),
    ("pigeonhole_session_cache_misses_total", Counter, "Sessions that were looked up in the database."),
    ("pigeonhole_sessions", Gauge, "Sessions of all tenants that have not expired."),
    ("pigeonhole_database_errors_total", Counter, "Failed calls, by class of SQLSTATE, or timeout, pool_busy, unreachable, broken_off."),
    ("pigeonhole_outbox_messages", Gauge, "Messages that are not done, by state."),
    ("pigeonhole_outbox_oldest_seconds", Gauge, "The age of the oldest message that waits (unfinished) or failed for good (failed)."),
    ("pigeonhole_outbox_readable", Gauge, "1 when the outbox could be looked at, else 0."),
    ("pigeonhole_messages_total", Counter, "What this process did with messages: relayed, acknowledged, retried, dead."),
    ("pigeonhole_build_info", Gauge, "1, with the version and the commit as labels."),
    ("pigeonhole_uptime_seconds", Gauge, "Seconds since the start of the process."),
    ("process_cpu_seconds_total", Counter, "Processor time of the process."),
    ("process_resident_memory_bytes", Gauge, "Memory of the process that is in RAM."),
    ("process_open_fds", Gauge, "Files and sockets that the process has open."),
    ("process_max_fds", Gauge, "The most that it may have open."),
    ("process_threads", Gauge, "Threads of the process."),
    ("process_start_time_seconds", Gauge, "When the process started, in seconds since 1970."),
];

/// All names that the console adds about the cluster, which docs/monitoring uses too. All but the last have the label `node`.
pub const ADDED_BY_THE_CONSOLE: &[(&str, Kind, &str)] = &[
    ("pigeonhole_node_up", Gauge, "1 when the node answered, else 0."),
    ("pigeonhole_node_connections", Gauge, "Connections to the node."),
    ("pigeonhole_node_connections_limit", Gauge, "The most that it takes (max_connections)."),
    ("pigeonhole_node_disk_free_bytes", Gauge, "What is free of the disk that holds the node's data."),
    ("pigeonhole_node_disk_bytes", Gauge, "The size of that disk."),
    ("pigeonhole_node_longest_lock_wait_seconds", Gauge, "How long the statement that waits longest for a lock has waited."),
    ("pigeonhole_node_longest_transaction_seconds", Gauge, "The age of the oldest open transaction."),
    ("pigeonhole_node_shards", Gauge, "Shards that the node holds."),
    ("pigeonhole_node_bytes", Gauge, "What they hold."),
    ("pigeonhole_tenant_queries", Gauge, "Queries of the busiest tenants in the last period of citus_stat_tenants, by tenant."),
];

/// Tells a recorder what some names say.
pub(super) fn describe(recorder: &impl Recorder, wanted: &[&str]) {
    for (name, kind, text) in NAMES.iter().filter(|(name, ..)| wanted.contains(name)) {
        let (name, text) = (KeyName::from_const_str(name), SharedString::const_str(text));
        match kind {
            Counter => recorder.describe_counter(name, None, text),
            Gauge => recorder.describe_gauge(name, None, text),
            Histogram => recorder.describe_histogram(name, None, text),
        }
    }
}

/// The head that stands before the values of a name.
pub(super) fn head(name: &str) -> String {
    let known = NAMES.iter().find(|(known, ..)| *known == name);
    known.map(|(name, kind, text)| format!("# HELP {name} {text}\n# TYPE {name} {}\n", kind.as_str())).unwrap_or_default()
}
