//! The numbers for Prometheus: those of this process, and what the console knows of the nodes and the busiest
//! tenants.

use actix_web::{HttpResponse, web};
use futures_util::future::join;

use crate::admin::console::Console;
use crate::metrics::{self, Lines};
use crate::monitor::{self, NodeState, Severity, StatusReport};

/// GET /metrics
pub async fn show(console: web::Data<Console>) -> HttpResponse {
    let (mut text, report) =
        join(metrics::scrape(&console.application), monitor::report(&console.nodes)).await;
    let mut lines = Lines::new(metrics::ADDED_BY_THE_CONSOLE);
    match &report {
        Ok(report) => of_cluster(&mut lines, report),
        // Not even the list of nodes is known; what this process connects to is the coordinator.
        Err(_) => {
            for pool in console.application.database.pools().iter().take(1) {
                lines.add("pigeonhole_node_up", &[("node", &pool.node)], 0.0);
            }
        }
    }
    text.push_str(&lines.text());
    HttpResponse::Ok().content_type("text/plain; version=0.0.4; charset=utf-8").body(text)
}

#[allow(clippy::cast_precision_loss, reason = "numbers of this format are floating")]
fn of_cluster(lines: &mut Lines, report: &StatusReport) {
    for node in &report.nodes {
        of_node(lines, node);
    }
    for severity in [Severity::Fine, Severity::Warning, Severity::Down] {
        let count = report.verdicts.iter().filter(|verdict| verdict.severity == severity).count();
        lines.add("pigeonhole_verdicts", &[("severity", severity.word())], count as f64);
    }
    // Ten of them at most.
    for tenant in &report.tenants {
        let labels = [("tenant", tenant.tenant.as_str()), ("node", tenant.node.as_str())];
        lines.add("pigeonhole_tenant_statements", &labels, tenant.statements as f64);
        lines.add("pigeonhole_tenant_seconds", &labels, tenant.seconds);
    }
}

#[allow(clippy::cast_precision_loss, reason = "numbers of this format are floating")]
fn of_node(lines: &mut Lines, node: &NodeState) {
    let labels = [("node", node.address.as_str())];
    lines.add("pigeonhole_node_up", &labels, f64::from(u8::from(node.answered_ms.is_some())));
    lines.add("pigeonhole_node_shards", &labels, node.shards as f64);
    if let Some(bytes) = node.bytes {
        lines.add("pigeonhole_node_bytes", &labels, bytes as f64);
    }
    let Some(inside) = &node.inside else { return };
    lines.add("pigeonhole_node_connections", &labels, inside.connections.open as f64);
    lines.add("pigeonhole_node_connections_limit", &labels, inside.connections.limit as f64);
    if let Some((free, total)) = inside.disk {
        lines.add("pigeonhole_node_disk_free_bytes", &labels, free as f64);
        lines.add("pigeonhole_node_disk_bytes", &labels, total as f64);
    }
    lines.add("pigeonhole_node_lock_waits", &labels, inside.waiting as f64);
    lines.add("pigeonhole_node_long_transactions", &labels, inside.long as f64);
    lines.add("pigeonhole_node_undecided_transactions", &labels, inside.undecided as f64);
    lines.add("pigeonhole_node_idle_slot_bytes", &labels, inside.idle_slots.1 as f64);
}
