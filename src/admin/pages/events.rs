//! Who did what to the cluster.

use actix_web::{HttpResponse, web};
use askama::Template;

use crate::admin::console::Console;
use crate::admin::frame::Frame;
use crate::admin::{Face, Failure, View};
use crate::monitor::{self, Events, Sheet};

#[derive(Template)]
#[template(path = "admin/events.html")]
struct EventsPage<'a> {
    frame: Frame,
    events: &'a Events,
    sheets: Vec<Sheet>,
}

/// GET /events
pub async fn show(console: web::Data<Console>, frame: Frame, face: Face) -> Result<HttpResponse, Failure> {
    let events = monitor::events(&console.nodes, frame.span.length()).await?;
    Ok(face.show(&events, |sheets| EventsPage { frame, events: &events, sheets })?)
}

impl View for Events {
    fn sheets(&self) -> Vec<Sheet> {
        Self::sheets(self)
    }
}
