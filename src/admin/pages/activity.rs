//! What runs on all nodes, and who waits for whom.

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
    waits: Vec<Line<'a>>,
}

/// A line of the tree as a list in a list: whether those behind it follow, and how many lists end after it.
struct Line<'a> {
    wait: &'a LockWait,
    opens: bool,
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

fn lines(waits: &[LockWait]) -> Vec<Line<'_>> {
    let depth_after = |place: usize| waits.get(place + 1).map_or(0, |next| next.depth);
    let mut lines = Vec::new();
    for (place, wait) in waits.iter().enumerate() {
        let next = depth_after(place);
        lines.push(Line { wait, opens: next > wait.depth, closes: wait.depth.saturating_sub(next) });
    }
    lines
}
