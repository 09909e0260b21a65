//! Statements that run on all nodes, and the tree of lock waits.

use actix_web::{HttpResponse, web};
use askama::Template;

use crate::admin::console::Console;
use crate::admin::frame::ConsoleFrame;
use crate::admin::{Failure, Format, View};
use crate::monitor::{self, Activity, LockWait, Table};

#[derive(Template)]
#[template(path = "admin/activity.html")]
struct ActivityPage<'a> {
    frame: ConsoleFrame,
    activity: &'a Activity,
    waits: Vec<WaitLine<'a>>,
}

/// A lock wait as an item of nested lists.
struct WaitLine<'a> {
    wait: &'a LockWait,
    /// Whether a nested list follows.
    opens: bool,
    /// The nested lists that end after it.
    closes: usize,
}

/// GET /activity
pub async fn show(
    console: web::Data<Console>,
    frame: ConsoleFrame,
    format: Format,
) -> Result<HttpResponse, Failure> {
    let activity = monitor::activity(&console.nodes).await?;
    Ok(format.show(&activity, |_| ActivityPage {
        frame,
        activity: &activity,
        waits: lines(&activity.waits),
    })?)
}

impl View for Activity {
    fn tables(&self) -> Vec<Table> {
        Self::tables(self)
    }
}

fn lines(waits: &[LockWait]) -> Vec<WaitLine<'_>> {
    let depth_after = |index: usize| waits.get(index + 1).map_or(0, |next| next.depth);
    let mut lines = Vec::new();
    for (index, wait) in waits.iter().enumerate() {
        let next = depth_after(index);
        lines.push(WaitLine { wait, opens: next > wait.depth, closes: wait.depth.saturating_sub(next) });
    }
    lines
}
