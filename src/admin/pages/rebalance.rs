//! A rebalance: its plan and its start.

use actix_web::{HttpResponse, rt, web};

use super::confirmation::Confirmation;
use crate::admin::Failure;
use crate::admin::console::Console;
use crate::admin::frame::ConsoleFrame;
use crate::admin::operator::Operator;
use crate::cluster::{self, ClusterError, MovePlan, NodeConnection};

/// GET /jobs/rebalance/new
pub async fn new(
    console: web::Data<Console>,
    operator: Operator,
    frame: ConsoleFrame,
) -> Result<HttpResponse, Failure> {
    console.nodes.require_all_alive().await?;
    let moves = operator.plan("rebalance", async |session| cluster::plan_rebalance(session).await).await?;
    let confirmation = Confirmation {
        frame,
        title: "Rebalance".to_owned(),
        action: "/jobs/rebalance".to_owned(),
        button: (moves.count() > 0).then_some("Start the rebalance"),
        back: "/jobs",
        ..Confirmation::default()
    };
    confirmation.with_moves(&moves).show()
}

/// POST /jobs/rebalance
pub async fn create(console: web::Data<Console>, operator: Operator) -> Result<HttpResponse, Failure> {
    console.nodes.require_all_alive().await?;
    let report = operator
        .act(async |session| {
            session.require_operator("rebalance").await?;
            start(session, &cluster::plan_rebalance(session).await?).await
        })
        .await?;
    Ok(console.done("/jobs", report))
}

/// Starts planned moves, and does what remains at their end.
pub(super) async fn start(session: &NodeConnection, moves: &MovePlan) -> Result<String, ClusterError> {
    if moves.count() == 0 && !moves.drains() {
        return Ok("No shard has to move, so nothing was started.".to_owned());
    }
    let Some(job) = moves.start(session).await? else { return Ok("No shard had to move.".to_owned()) };
    rt::spawn(cluster::finish_when_done(session.config().clone(), job));
    Ok(format!(
        "Job {job} has started: {} moves, {} to copy.",
        moves.count(),
        crate::monitor::bytes(moves.total())
    ))
}
