//! Metrics for Prometheus: the numbers of this process, of the nodes and of the busiest tenants.

use actix_web::{HttpResponse, web};
use futures_util::future::join;

use crate::admin::console::Console;
use crate::admin::scrape;
use crate::metrics::{ADDED_BY_THE_CONSOLE, PrometheusText};
use crate::monitor::{self, NodeState, Severity, StatusReport};

/// GET /metrics
pub async fn show(console: web::Data<Console>) -> HttpResponse {
    let own = scrape::of_application(&console.application, &console.figures);
    let (own, report) = join(own, monitor::report(&console.nodes)).await;
    let mut text = PrometheusText::new(ADDED_BY_THE_CONSOLE);
    match &report {
        Ok(report) => add_cluster(&mut text, report),
        // Without a list of nodes only the coordinator is known, which the first pool connects to.
        Err(_) => {
            for pool in console.application.services.database.pools().iter().take(1) {
                text.add("pigeonhole_node_up", &[("node", &pool.node)], 0.0);
            }
        }
    }
    HttpResponse::Ok().content_type(scrape::CONTENT_TYPE).body(own + &text.text())
}

#[allow(clippy::cast_precision_loss, reason = "numbers of this format are floating")]
fn add_cluster(text: &mut PrometheusText, report: &StatusReport) {
    for node in &report.nodes {
        add_node(text, node);
    }
    for severity in [Severity::Fine, Severity::Warning, Severity::Down] {
        let count = report.verdicts.iter().filter(|verdict| verdict.severity == severity).count();
        text.add("pigeonhole_verdicts", &[("severity", severity.word())], count as f64);
    }
    for tenant in &report.tenants {
        let labels = [("tenant", tenant.tenant.as_str()), ("node", tenant.node.as_str())];
        text.add("pigeonhole_tenant_statements", &labels, tenant.statements as f64);
        text.add("pigeonhole_tenant_seconds", &labels, tenant.seconds);
    }
}

#[allow(clippy::cast_precision_loss, reason = "numbers of this format are floating")]
fn add_node(text: &mut PrometheusText, node: &NodeState) {
    let labels = [("node", node.address.as_str())];
    text.add("pigeonhole_node_up", &labels, f64::from(u8::from(node.answered_ms.is_some())));
    text.add("pigeonhole_node_shards", &labels, node.shards as f64);
    if let Some(bytes) = node.bytes {
        text.add("pigeonhole_node_bytes", &labels, bytes as f64);
    }
    let Some(inside) = &node.details else { return };
    text.add("pigeonhole_node_connections", &labels, inside.connections.open as f64);
    text.add("pigeonhole_node_connections_limit", &labels, inside.connections.limit as f64);
    if let Some((free, total)) = inside.disk {
        text.add("pigeonhole_node_disk_free_bytes", &labels, free as f64);
        text.add("pigeonhole_node_disk_bytes", &labels, total as f64);
    }
    text.add("pigeonhole_node_lock_waits", &labels, inside.waiting as f64);
    text.add("pigeonhole_node_long_transactions", &labels, inside.long as f64);
    text.add("pigeonhole_node_undecided_transactions", &labels, inside.undecided as f64);
    text.add("pigeonhole_node_idle_slot_bytes", &labels, inside.idle_slots.1 as f64);
}
