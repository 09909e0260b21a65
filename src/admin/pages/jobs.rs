//! Background jobs: the moves of one job as bars over time, and what blocks them.

use actix_web::{HttpResponse, web};
use askama::Template;
use serde::Deserialize;

use super::gantt::{self, Gantt};
use crate::admin::console::Console;
use crate::admin::frame::ConsoleFrame;
use crate::admin::{Failure, Format, View};
use crate::monitor::{self, JobLine, Jobs, Table, bytes, seconds};

#[derive(Template)]
#[template(path = "admin/jobs.html")]
struct JobsPage<'a> {
    frame: ConsoleFrame,
    jobs: &'a Jobs,
    gantt: Option<Gantt>,
    tables: Vec<Table>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "templates pass references")]
impl JobsPage<'_> {
    fn bytes(&self, count: &i64) -> String {
        bytes(*count)
    }

    fn took(&self, job: &JobLine) -> Option<String> {
        job.duration(self.jobs.at).map(seconds)
    }
}

/// The job whose moves are shown; the latest without it.
#[derive(Deserialize)]
pub struct JobQuery {
    job: Option<i64>,
}

/// GET /jobs
pub async fn show(
    console: web::Data<Console>,
    frame: ConsoleFrame,
    format: Format,
    query: web::Query<JobQuery>,
) -> Result<HttpResponse, Failure> {
    let jobs = monitor::jobs(&console.nodes, &console.move_history, query.job).await?;
    let gantt = jobs.shown.as_ref().map(|shown| gantt::draw(shown, jobs.at));
    Ok(format.show(&jobs, |tables| JobsPage { frame, jobs: &jobs, gantt, tables })?)
}

impl View for Jobs {
    fn tables(&self) -> Vec<Table> {
        Self::tables(self)
    }
}
