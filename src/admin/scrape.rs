//! The numbers of a process in Prometheus' text format. They are read at each scrape, so a removed node's
//! pool disappears from the text.

use futures_util::future::join;

use super::application::{BUILD, DatabaseFigures};
use crate::auth::Hasher;
use crate::db::Database;
use crate::messaging::{MessageCounts, Notifier};
use crate::metrics::{NAMES, Process, PrometheusText, Uptime};
use crate::store::Unfinished;
use crate::web::Context;

/// The format's media type.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The text of `serve`. It takes as long as the timeout of the figures at most.
pub async fn of_application(context: &Context, figures: &DatabaseFigures) -> String {
    let database = &context.services.database;
    let (outbox, sessions) = join(figures.outbox(database), figures.sessions(database)).await;
    let mut text = PrometheusText::new(NAMES);
    add_database(&mut text, database);
    add_passwords(&mut text, &context.services.hasher);
    text.add("pigeonhole_throttled_total", &[], context.services.throttle.refused() as f64);
    let (hits, misses) = context.services.session_cache.hits_and_misses();
    text.add("pigeonhole_session_cache_hits_total", &[], hits as f64);
    text.add("pigeonhole_session_cache_misses_total", &[], misses as f64);
    if let Some(sessions) = sessions {
        text.add("pigeonhole_sessions", &[], sessions as f64);
    }
    add_messages(&mut text, outbox.as_ref(), &context.services.notifier.counts());
    add_clients(&mut text, context);
    add_process(&mut text, &context.metrics.uptime);
    context.metrics.request_histograms() + &text.text()
}

/// The text of `worker`. It takes as long as the timeout of the figures at most.
pub async fn of_worker(
    database: &Database,
    notifier: &Notifier,
    figures: &DatabaseFigures,
    uptime: &Uptime,
) -> String {
    let outbox = figures.outbox(database).await;
    let mut text = PrometheusText::new(NAMES);
    add_database(&mut text, database);
    add_messages(&mut text, outbox.as_ref(), &notifier.counts());
    add_process(&mut text, uptime);
    text.text()
}

fn add_database(text: &mut PrometheusText, database: &Database) {
    for pool in database.pools() {
        let labels = [("node", pool.node.as_str()), ("pool", pool.pool)];
        text.add("pigeonhole_pool_connections", &labels, pool.open as f64);
        text.add("pigeonhole_pool_connections_in_use", &labels, pool.in_use as f64);
        text.add("pigeonhole_pool_connections_limit", &labels, pool.limit as f64);
        text.add("pigeonhole_pool_calls_limit", &labels, pool.at_once as f64);
        text.add("pigeonhole_pool_waiting", &labels, pool.waiting as f64);
        text.add("pigeonhole_pool_waits_total", &labels, pool.waits as f64);
        text.add("pigeonhole_pool_wait_seconds_total", &labels, pool.waited_seconds);
        text.add("pigeonhole_pool_given_up_total", &labels, pool.given_up as f64);
        text.add("pigeonhole_pool_refused_total", &labels, pool.refused as f64);
    }
    text.add("pigeonhole_database_calls_total", &[], database.calls() as f64);
    let routing = database.routing();
    for (way, count) in
        [("shard", routing.shard), ("node", routing.node), ("coordinator", routing.coordinator)]
    {
        text.add("pigeonhole_routing_statements_total", &[("way", way)], count as f64);
    }
    for (reason, count) in [("moved", routing.moved), ("fallback", routing.fallback)] {
        text.add("pigeonhole_routing_misses_total", &[("reason", reason)], count as f64);
    }
    for (class, count) in database.errors() {
        text.add("pigeonhole_database_errors_total", &[("class", class)], count as f64);
    }
}

fn add_clients(text: &mut PrometheusText, context: &Context) {
    let (connections, budget) = (&context.connections, &context.site.budget);
    text.add("pigeonhole_connections", &[], connections.open() as f64);
    text.add("pigeonhole_connections_limit", &[], connections.limits().total as f64);
    for (event, count) in connections.events() {
        text.add("pigeonhole_connection_events_total", &[("event", event)], count as f64);
    }
    text.add("pigeonhole_body_bytes", &[], budget.held() as f64);
    text.add("pigeonhole_body_bytes_limit", &[], budget.total() as f64);
    text.add("pigeonhole_body_bytes_refused_total", &[], budget.refused() as f64);
}

fn add_passwords(text: &mut PrometheusText, hasher: &Hasher) {
    let queue = hasher.queue();
    text.add("pigeonhole_password_hashes_limit", &[], queue.cores as f64);
    text.add("pigeonhole_password_hashes_running", &[], queue.running as f64);
    text.add("pigeonhole_password_hashes_waiting", &[], queue.waiting as f64);
    text.add("pigeonhole_password_hashes_total", &[], queue.hashed as f64);
    text.add("pigeonhole_password_hashes_refused_total", &[], queue.refused as f64);
}

fn add_messages(text: &mut PrometheusText, outbox: Option<&Unfinished>, handled: &MessageCounts) {
    text.add("pigeonhole_outbox_readable", &[], f64::from(u8::from(outbox.is_some())));
    if let Some(outbox) = outbox {
        for (state, count) in
            [("pending", outbox.pending), ("published", outbox.published), ("failed", outbox.failed)]
        {
            text.add("pigeonhole_outbox_messages", &[("state", state)], count as f64);
        }
        for (state, age) in [("unfinished", outbox.age_seconds()), ("failed", outbox.failed_age_seconds())] {
            text.add("pigeonhole_outbox_oldest_seconds", &[("state", state)], age.unwrap_or_default());
        }
    }
    for (result, count) in [
        ("relayed", handled.relayed),
        ("acknowledged", handled.acknowledged),
        ("retried", handled.retried),
        ("dead", handled.dead),
    ] {
        text.add("pigeonhole_messages_total", &[("result", result)], count as f64);
    }
}

fn add_process(text: &mut PrometheusText, uptime: &Uptime) {
    text.add("pigeonhole_build_info", &[("version", BUILD.version), ("commit", BUILD.commit)], 1.0);
    text.add("pigeonhole_uptime_seconds", &[], uptime.elapsed().as_secs_f64());
    text.add("process_start_time_seconds", &[], uptime.started_at.timestamp() as f64);
    if let Some(process) = Process::read() {
        text.add("process_cpu_seconds_total", &[], process.cpu_seconds);
        text.add("process_resident_memory_bytes", &[], process.resident_bytes as f64);
        text.add("process_open_fds", &[], process.open_files as f64);
        text.add("process_max_fds", &[], process.most_files.map_or(f64::INFINITY, |most| most as f64));
        text.add("process_threads", &[], process.threads as f64);
    }
}
