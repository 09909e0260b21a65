//! All numbers as text for Prometheus. What other parts count is read when somebody asks, into a recorder of
//! that moment, so that a node that was removed is gone from the text too.

use metrics::{Counter, Gauge, Key, Label, Level, Metadata, Recorder};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusRecorder};

use super::application::{BUILD, ask_database};
use super::names::{self, NAMES, REQUESTS};
use super::process;
use super::prometheus_text::Lines;
use crate::db::PoolState;
use crate::store::Unfinished;
use crate::web::Context;

static METADATA: Metadata<'static> = Metadata::new(module_path!(), Level::INFO, None);

/// The text, behind which others may put lines of their own ([`Lines`]). It takes a second at most, whatever
/// the database does.
pub async fn scrape(context: &Context) -> String {
    let asked = ask_database(context).await;
    let moment = Moment::default();
    moment.pools(&context.database.pools());
    moment.routing(context);
    moment.passwords_and_sessions(context, asked.sessions);
    moment.outbox(asked.outbox.as_ref());
    moment.messages(context);
    moment.gauge("pigeonhole_build_info", &[("version", BUILD.version), ("commit", BUILD.commit)], 1.0);
    moment.gauge("pigeonhole_uptime_seconds", &[], context.metrics.started.elapsed().as_secs_f64());
    moment.gauge("process_start_time_seconds", &[], context.metrics.started_at.timestamp() as f64);
    let mut text = context.metrics.requests.handle().render();
    text.push_str(&moment.recorder.handle().render());
    text.push_str(&lines(&context.database.pools()).text());
    text
}

/// The numbers of one moment.
struct Moment {
    recorder: PrometheusRecorder,
}

impl Default for Moment {
    fn default() -> Self {
        let recorder = PrometheusBuilder::new().build_recorder();
        let names: Vec<&str> =
            NAMES.iter().map(|(name, ..)| *name).filter(|name| *name != REQUESTS).collect();
        names::describe(&recorder, &names);
        Self { recorder }
    }
}

impl Moment {
    fn gauge(&self, name: &'static str, labels: &[(&'static str, &str)], value: f64) {
        let gauge: Gauge = self.recorder.register_gauge(&key(name, labels), &METADATA);
        gauge.set(value);
    }

    fn counter(&self, name: &'static str, labels: &[(&'static str, &str)], value: u64) {
        let counter: Counter = self.recorder.register_counter(&key(name, labels), &METADATA);
        counter.absolute(value);
    }

    fn pools(&self, pools: &[PoolState]) {
        for pool in pools {
            let labels = [("node", pool.node.as_str()), ("pool", pool.pool)];
            self.gauge("pigeonhole_pool_connections", &labels, pool.open as f64);
            self.gauge("pigeonhole_pool_connections_in_use", &labels, pool.in_use as f64);
            self.gauge("pigeonhole_pool_connections_limit", &labels, pool.limit as f64);
            self.gauge("pigeonhole_pool_waiting", &labels, pool.waiting as f64);
            self.counter("pigeonhole_pool_waits_total", &labels, pool.waits);
            self.counter("pigeonhole_pool_given_up_total", &labels, pool.given_up);
        }
    }

    fn routing(&self, context: &Context) {
        let routing = context.database.routing();
        for (way, count) in
            [("shard", routing.shard), ("node", routing.node), ("coordinator", routing.coordinator)]
        {
            self.counter("pigeonhole_routing_statements_total", &[("way", way)], count);
        }
        for (reason, count) in [("moved", routing.moved), ("fallback", routing.fallback)] {
            self.counter("pigeonhole_routing_misses_total", &[("reason", reason)], count);
        }
        for (class, count) in context.database.errors() {
            self.counter("pigeonhole_database_errors_total", &[("class", class)], count);
        }
    }

    fn passwords_and_sessions(&self, context: &Context, sessions: Option<i64>) {
        let queue = context.hasher.queue();
        self.gauge("pigeonhole_password_hashes_limit", &[], queue.cores as f64);
        self.gauge("pigeonhole_password_hashes_running", &[], queue.running as f64);
        self.gauge("pigeonhole_password_hashes_waiting", &[], queue.waiting as f64);
        self.counter("pigeonhole_password_hashes_total", &[], queue.hashed);
        self.counter("pigeonhole_password_hashes_refused_total", &[], queue.refused);
        let (hits, misses) = context.sessions.hits_and_misses();
        self.counter("pigeonhole_session_cache_hits_total", &[], hits);
        self.counter("pigeonhole_session_cache_misses_total", &[], misses);
        if let Some(sessions) = sessions {
            self.gauge("pigeonhole_sessions", &[], sessions as f64);
        }
    }

    fn outbox(&self, outbox: Option<&Unfinished>) {
        self.gauge("pigeonhole_outbox_readable", &[], f64::from(u8::from(outbox.is_some())));
        let Some(outbox) = outbox else { return };
        for (state, count) in
            [("pending", outbox.pending), ("published", outbox.published), ("failed", outbox.failed)]
        {
            self.gauge("pigeonhole_outbox_messages", &[("state", state)], count as f64);
        }
        for (state, age) in [("unfinished", outbox.age_seconds()), ("failed", outbox.failed_age_seconds())] {
            self.gauge("pigeonhole_outbox_oldest_seconds", &[("state", state)], age.unwrap_or_default());
        }
    }

    fn messages(&self, context: &Context) {
        let done = context.messenger.handled();
        for (result, count) in [
            ("relayed", done.relayed),
            ("acknowledged", done.acknowledged),
            ("retried", done.retried),
            ("dead", done.dead),
        ] {
            self.counter("pigeonhole_messages_total", &[("result", result)], count);
        }
    }
}

fn key(name: &'static str, labels: &[(&'static str, &str)]) -> Key {
    Key::from_parts(
        name,
        labels.iter().map(|(label, value)| Label::new(*label, (*value).to_owned())).collect::<Vec<_>>(),
    )
}

/// Counters that are no whole numbers, which the recorder has none of, and what the kernel says.
fn lines(pools: &[PoolState]) -> Lines {
    let mut lines = Lines::new(NAMES);
    for pool in pools {
        let labels = [("node", pool.node.as_str()), ("pool", pool.pool)];
        lines.add("pigeonhole_pool_wait_seconds_total", &labels, pool.waited_seconds);
    }
    if let Some(process) = process::look() {
        lines.add("process_cpu_seconds_total", &[], process.cpu_seconds);
        lines.add("process_resident_memory_bytes", &[], process.resident_bytes as f64);
        lines.add("process_open_fds", &[], process.open_files as f64);
        lines.add("process_max_fds", &[], process.most_files.map_or(f64::INFINITY, |most| most as f64));
        lines.add("process_threads", &[], process.threads as f64);
    }
    lines
}
