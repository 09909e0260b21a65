//! The busiest tenants, each with a sparkline of a day.

use actix_web::{HttpResponse, web};
use askama::Template;

use crate::admin::console::Console;
use crate::admin::frame::ConsoleFrame;
use crate::admin::{Failure, Format, View};
use crate::monitor::{self, Table, Tenants};

#[derive(Template)]
#[template(path = "admin/tenants.html")]
struct TenantsPage<'a> {
    frame: ConsoleFrame,
    tenants: &'a Tenants,
    tables: Vec<Table>,
}

impl TenantsPage<'_> {
    /// The points of a line in a box of 96 by 20.
    #[allow(clippy::cast_precision_loss, reason = "points of a picture")]
    fn sparkline(&self, day: &[f64]) -> String {
        let most = day.iter().copied().fold(0.0, f64::max).max(f64::MIN_POSITIVE);
        let point = |(place, value): (usize, &f64)| {
            format!("{:.0},{:.1}", place as f64 * 2.0 + 1.0, 19.0 - value / most * 18.0)
        };
        day.iter().enumerate().map(point).collect::<Vec<_>>().join(" ")
    }
}

/// GET /tenants
pub async fn show(
    console: web::Data<Console>,
    frame: ConsoleFrame,
    format: Format,
) -> Result<HttpResponse, Failure> {
    let tenants = monitor::tenants(
        &console.nodes,
        &console.application.services.database.loads().recent(),
        frame.span.length(),
    )
    .await?;
    Ok(format.show(&tenants, |tables| TenantsPage { frame, tenants: &tenants, tables })?)
}

impl View for Tenants {
    fn tables(&self) -> Vec<Table> {
        Self::tables(self)
    }
}
