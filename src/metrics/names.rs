//! The name, kind and description of every metric of `/metrics`. A test compares the alert rules and the
//! dashboard in docs/monitoring with these names.

use metrics::{KeyName, Recorder, SharedString};

/// The histogram of requests by route, method and status.
pub(super) const REQUESTS: &str = "pigeonhole_http_request_duration_seconds";

/// The type of a metric, as Prometheus defines it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricKind {
    Counter,
    Gauge,
    Histogram,
}

impl MetricKind {
    /// The word in a TYPE line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

use MetricKind::{Counter, Gauge, Histogram};

/// Metrics of a process by itself, of `serve` or `worker`.
pub const NAMES: &[(&str, MetricKind, &str)] = &[
    (REQUESTS, Histogram, "Time from a request's head to its answer, by route pattern, method and status."),
    ("pigeonhole_pool_connections", Gauge, "Open connections of a pool."),
    ("pigeonhole_pool_connections_in_use", Gauge, "Connections of a pool that are in use."),
    ("pigeonhole_pool_connections_limit", Gauge, "The most connections that a pool may open."),
    (
        "pigeonhole_pool_calls_limit",
        Gauge,
        "The most calls of a pool that work at once, beside those that take long.",
    ),
    ("pigeonhole_pool_waiting", Gauge, "Callers that wait for a connection now."),
    ("pigeonhole_pool_waits_total", Counter, "Callers that waited because no connection was free for them."),
    ("pigeonhole_pool_wait_seconds_total", Counter, "The sum of their waiting times."),
    ("pigeonhole_pool_given_up_total", Counter, "Callers whose wait for a connection timed out."),
    (
        "pigeonhole_pool_refused_total",
        Counter,
        "Callers that were refused at once, because too many of the same tenant waited.",
    ),
    (
        "pigeonhole_database_calls_total",
        Counter,
        "Calls to the database: one round trip each, but for a connection's first use of a statement.",
    ),
    (
        "pigeonhole_routing_statements_total",
        Counter,
        "Statements of tenants: on the shard's tables, through Citus on its node, or by the coordinator.",
    ),
    (
        "pigeonhole_routing_misses_total",
        Counter,
        "Statements whose shard had moved (moved) or whose node failed (fallback).",
    ),
    ("pigeonhole_password_hashes_limit", Gauge, "Password hashes that may be computed at the same time."),
    ("pigeonhole_password_hashes_running", Gauge, "Password hashes that are computed now."),
    ("pigeonhole_password_hashes_waiting", Gauge, "Password hashes that wait for a core."),
    ("pigeonhole_password_hashes_total", Counter, "Password hashes that were computed."),
    (
        "pigeonhole_password_hashes_refused_total",
        Counter,
        "Password hashes that were refused because all cores were busy.",
    ),
    ("pigeonhole_throttled_total", Counter, "Logins, sign-ups and guesses that were refused with 429."),
    ("pigeonhole_session_cache_hits_total", Counter, "Sessions that were found in the cache."),
    ("pigeonhole_session_cache_misses_total", Counter, "Sessions that were read from the database."),
    ("pigeonhole_sessions", Gauge, "Sessions of all tenants that have not expired."),
    (
        "pigeonhole_database_errors_total",
        Counter,
        "Failed database calls, by class of SQLSTATE, or timeout, pool_busy, unreachable, broken_off.",
    ),
    ("pigeonhole_outbox_messages", Gauge, "Messages that are not acknowledged, by state."),
    (
        "pigeonhole_outbox_oldest_seconds",
        Gauge,
        "The age of the oldest message that waits (unfinished) or failed for good (failed).",
    ),
    ("pigeonhole_outbox_readable", Gauge, "1 when the outbox could be read, else 0."),
    (
        "pigeonhole_messages_total",
        Counter,
        "What this process did with messages: relayed, acknowledged, retried, dead.",
    ),
    ("pigeonhole_connections", Gauge, "Open connections of clients."),
    ("pigeonhole_connections_limit", Gauge, "The most connections of clients that may be open."),
    (
        "pigeonhole_connection_events_total",
        Counter,
        "Connections that were closed or refused, by reason: a limit, a slow client, a refused head.",
    ),
    ("pigeonhole_body_bytes", Gauge, "Bytes that heads and bodies of requests, and answers, hold."),
    ("pigeonhole_body_bytes_limit", Gauge, "The most bytes that they may hold (MEMORY_BUDGET)."),
    ("pigeonhole_body_bytes_refused_total", Counter, "How often bytes were refused because of that limit."),
    ("pigeonhole_build_info", Gauge, "1, with the version and the commit as labels."),
    ("pigeonhole_uptime_seconds", Gauge, "Seconds since the start of the process."),
    ("process_cpu_seconds_total", Counter, "Processor time of the process."),
    ("process_resident_memory_bytes", Gauge, "Memory of the process in RAM."),
    ("process_open_fds", Gauge, "Open files and sockets of the process."),
    ("process_max_fds", Gauge, "The most files and sockets that it may open."),
    ("process_threads", Gauge, "Threads of the process."),
    ("process_start_time_seconds", Gauge, "When the process started, in seconds since 1970."),
];

/// Metrics that the console adds about the cluster.
pub const ADDED_BY_THE_CONSOLE: &[(&str, MetricKind, &str)] = &[
    ("pigeonhole_node_up", Gauge, "1 when the node answered, else 0."),
    ("pigeonhole_node_connections", Gauge, "Connections to the node."),
    (
        "pigeonhole_node_connections_limit",
        Gauge,
        "The most connections that it accepts (max_connections without those for superusers).",
    ),
    ("pigeonhole_node_disk_free_bytes", Gauge, "Free bytes on the disk that holds the node's data."),
    ("pigeonhole_node_disk_bytes", Gauge, "The size of that disk."),
    (
        "pigeonhole_node_lock_waits",
        Gauge,
        "Database sessions that have waited for a lock for over ten seconds.",
    ),
    ("pigeonhole_node_long_transactions", Gauge, "Transactions that have been open for over five minutes."),
    (
        "pigeonhole_node_undecided_transactions",
        Gauge,
        "Transactions that were prepared over a minute ago and not decided.",
    ),
    ("pigeonhole_node_idle_slot_bytes", Gauge, "WAL that is kept for replication slots without a reader."),
    ("pigeonhole_node_shards", Gauge, "Shards that the node holds."),
    ("pigeonhole_node_bytes", Gauge, "Bytes of those shards."),
    ("pigeonhole_verdicts", Gauge, "Findings of the console's first page, by severity: fine, warning, down."),
    (
        "pigeonhole_tenant_statements",
        Gauge,
        "Statements of the ten busiest tenants in the last minute or two, by tenant and node.",
    ),
    ("pigeonhole_tenant_seconds", Gauge, "The database's time for the same statements."),
];

/// Gives a recorder the description of the histogram, which it writes into the HELP line.
pub(super) fn describe_requests(recorder: &impl Recorder) {
    if let Some((name, _, text)) = NAMES.iter().find(|(name, ..)| *name == REQUESTS) {
        recorder.describe_histogram(KeyName::from_const_str(name), None, SharedString::const_str(text));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALERTS: &str = include_str!("../../docs/monitoring/alerts.yml");
    const DASHBOARD: &str = include_str!("../../docs/monitoring/grafana-dashboard.json");

    /// Every metric name in a text, without the endings that a histogram adds.
    fn names_in(text: &str) -> Vec<&str> {
        let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
        let ours =
            words.filter(|word| ["pigeonhole_", "process_"].iter().any(|start| word.starts_with(start)));
        ours.map(|word| {
            ["_bucket", "_count", "_sum"].iter().find_map(|end| word.strip_suffix(end)).unwrap_or(word)
        })
        .collect()
    }

    #[test]
    fn dashboard_and_alerts_use_only_known_metrics() {
        let known: Vec<&str> = NAMES.iter().chain(ADDED_BY_THE_CONSOLE).map(|(name, ..)| *name).collect();
        for (file, text, least) in [("alerts.yml", ALERTS, 10), ("grafana-dashboard.json", DASHBOARD, 30)] {
            let named = names_in(text);
            assert!(named.len() > least, "{file} names {named:?}");
            for name in named {
                assert!(known.contains(&name), "{file} names {name}, which is no metric");
            }
        }
        serde_json::from_str::<serde_json::Value>(DASHBOARD).expect("JSON");
    }

    #[test]
    fn names_are_distinct_and_counters_end_in_total() {
        let all: Vec<_> = NAMES.iter().chain(ADDED_BY_THE_CONSOLE).collect();
        for (index, (name, kind, _)) in all.iter().enumerate() {
            assert!(!all[..index].iter().any(|(other, ..)| other == name), "{name} is defined twice");
            assert_eq!(name.ends_with("_total"), *kind == Counter, "{name}");
        }
    }
}
