//! Draining a worker, and undoing that.

use actix_web::{HttpResponse, web};

use super::confirmation::Confirmation;
use super::rebalance::start;
use crate::admin::Failure;
use crate::admin::console::Console;
use crate::admin::frame::ConsoleFrame;
use crate::admin::operator::Operator;
use crate::cluster::{self, HostPort};
use crate::web::Error;

/// The worker of a group.
async fn worker(console: &Console, group: i32) -> Result<HostPort, Failure> {
    let nodes = console.nodes.list().await?.nodes;
    let node = nodes.into_iter().find(|node| node.group == group && group != 0);
    Ok(node.ok_or(Error::NotFound)?.address)
}

/// GET /nodes/{group}/drain/new
pub async fn new(
    console: web::Data<Console>,
    operator: Operator,
    frame: ConsoleFrame,
    group: web::Path<i32>,
) -> Result<HttpResponse, Failure> {
    let group = group.into_inner();
    let address = worker(&console, group).await?;
    console.nodes.require_all_alive().await?;
    let moves = operator
        .plan(&format!("drain {address}"), async |session| cluster::plan_drain(session, &address).await)
        .await?;
    let confirmation = Confirmation {
        frame,
        title: format!("Empty {address}"),
        action: format!("/nodes/{group}/drain"),
        button: Some("Move everything away"),
        danger: true,
        back: "/jobs",
        ..Confirmation::default()
    };
    confirmation.with_moves(&moves).show()
}

/// POST /nodes/{group}/drain
pub async fn create(
    console: web::Data<Console>,
    operator: Operator,
    group: web::Path<i32>,
) -> Result<HttpResponse, Failure> {
    let address = worker(&console, group.into_inner()).await?;
    console.nodes.require_all_alive().await?;
    let report = operator
        .act(async move |session| {
            session.require_operator(&format!("drain {address}")).await?;
            start(session, &cluster::plan_drain(session, &address).await?).await
        })
        .await?;
    Ok(console.done("/jobs", report))
}

/// GET /nodes/{group}/drain/cancellation/new
pub async fn new_cancellation(
    console: web::Data<Console>,
    frame: ConsoleFrame,
    group: web::Path<i32>,
) -> Result<HttpResponse, Failure> {
    let group = group.into_inner();
    let address = worker(&console, group).await?;
    let confirmation = Confirmation {
        frame,
        title: format!("Let {address} take shards again"),
        lines: vec![
            format!(
                "Shards may be placed on {address} again. Those that have left it stay away until a \
                 rebalance moves some there."
            ),
            "A job that runs is stopped first; what it has moved stays.".to_owned(),
        ],
        action: format!("/nodes/{group}/drain/cancellation"),
        button: Some("Let it take shards"),
        back: "/jobs",
        ..Confirmation::default()
    };
    confirmation.show()
}

/// POST /nodes/{group}/drain/cancellation
pub async fn create_cancellation(
    console: web::Data<Console>,
    operator: Operator,
    group: web::Path<i32>,
) -> Result<HttpResponse, Failure> {
    let address = worker(&console, group.into_inner()).await?;
    console.nodes.require_all_alive().await?;
    let report = operator
        .act(async move |session| {
            session.require_operator(&format!("drain --undo {address}")).await?;
            cluster::undrain(session, &address, &|line| log::info!("{line}")).await?;
            Ok(format!("{address} takes shards again."))
        })
        .await?;
    Ok(console.done("/jobs", report))
}
