//! Stopping the running job.

use actix_web::{HttpResponse, web};

use super::confirmation::Confirmation;
use crate::admin::Failure;
use crate::admin::console::Console;
use crate::admin::frame::ConsoleFrame;
use crate::admin::operator::Operator;
use crate::cluster::{self, BackgroundJob, ClusterError, NodeConnection};

async fn running(session: &NodeConnection, id: i64) -> Result<BackgroundJob, ClusterError> {
    let job = cluster::running_job(session).await?.filter(|job| job.id == id);
    job.ok_or_else(|| ClusterError::Obstacle(format!("Job {id} does not run any more; nothing was done.")))
}

/// GET /jobs/{id}/cancellation/new
pub async fn new(
    operator: Operator,
    frame: ConsoleFrame,
    id: web::Path<i64>,
) -> Result<HttpResponse, Failure> {
    let id = id.into_inner();
    let job = operator.plan("stop", async |session| running(session, id).await).await?;
    let confirmation = Confirmation {
        frame,
        title: format!("Stop job {id}"),
        lines: vec![
            format!("{}, which is {}.", job.description, job.state),
            "Moves that are finished stay; the move under way is rolled back. A worker that is being \
             emptied still takes no shards."
                .to_owned(),
        ],
        action: format!("/jobs/{id}/cancellation"),
        button: Some("Stop it"),
        danger: true,
        back: "/jobs",
        ..Confirmation::default()
    };
    confirmation.show()
}

/// POST /jobs/{id}/cancellation
pub async fn create(
    console: web::Data<Console>,
    operator: Operator,
    id: web::Path<i64>,
) -> Result<HttpResponse, Failure> {
    let id = id.into_inner();
    let report = operator
        .act(async move |session| {
            session.require_operator("stop").await?;
            let job = running(session, id).await?;
            cluster::stop_job(session, &job, &|line| log::info!("{line}")).await?;
            Ok(format!("Job {id} was stopped; shards that had arrived stay where they are."))
        })
        .await?;
    Ok(console.done("/jobs", report))
}
