//! The isolation of a tenant in a shard of its own: the plan with the choice of a node, and the start. Citus
//! splits a shard in a session and not in a background job, so this process holds that session. The list of
//! events has the outcome.

use actix_web::{HttpResponse, rt, web};
use askama::Template;
use serde::Deserialize;

use crate::admin::Failure;
use crate::admin::console::Console;
use crate::admin::frame::ConsoleFrame;
use crate::admin::operator::Operator;
use crate::cluster::{self, ClusterError, HostPort, Isolation, IsolationRequest, NodeConnection};
use crate::log_context::carry;
use crate::web::{Error, Form};

/// The choices of the form.
#[derive(Default, Deserialize)]
pub struct IsolationForm {
    /// host:port of a node; empty for the node with the most free disk.
    #[serde(default)]
    to: String,
    /// Not empty when other shards are to leave that node.
    #[serde(default)]
    alone: String,
}

#[derive(Template)]
#[template(path = "admin/isolation.html")]
struct IsolationPage {
    frame: ConsoleFrame,
    tenant: i64,
    workers: Vec<String>,
    to: String,
    alone: bool,
    lines: Vec<String>,
}

impl IsolationForm {
    fn request(&self, tenant: i64) -> Result<IsolationRequest, Error> {
        let to = match self.to.as_str() {
            "" => None,
            to => {
                Some(to.parse::<HostPort>().map_err(|_| Error::BadRequest("The worker is not host:port."))?)
            }
        };
        Ok(IsolationRequest { tenant, to, alone: self.is_alone() })
    }

    fn is_alone(&self) -> bool {
        !self.alone.is_empty()
    }
}

fn command(request: &IsolationRequest) -> String {
    let to = request.to.as_ref().map_or_else(String::new, |to| format!(" --to {to}"));
    format!("isolate-tenant {}{to}{}", request.tenant, if request.alone { " --alone" } else { "" })
}

/// GET /tenants/{tenant}/isolation/new
pub async fn new(
    console: web::Data<Console>,
    operator: Operator,
    frame: ConsoleFrame,
    tenant: web::Path<i64>,
    form: web::Query<IsolationForm>,
) -> Result<HttpResponse, Failure> {
    let tenant = tenant.into_inner();
    let request = form.request(tenant)?;
    console.nodes.require_all_alive().await?;
    let workers =
        console.nodes.list().await?.nodes.into_iter().filter(|node| node.group != 0 && node.takes_shards);
    let workers = workers.map(|node| node.address.to_string()).collect();
    let plan = operator
        .plan(&command(&request), async |session| cluster::plan_isolation(session, request).await)
        .await?;
    let page = IsolationPage {
        frame,
        tenant,
        workers,
        alone: form.is_alone(),
        to: form.into_inner().to,
        lines: plan.describe(),
    };
    Ok(HttpResponse::Ok().content_type("text/html; charset=utf-8").body(page.render()?))
}

/// POST /tenants/{tenant}/isolation
pub async fn create(
    console: web::Data<Console>,
    operator: Operator,
    tenant: web::Path<i64>,
    form: Form<IsolationForm>,
) -> Result<HttpResponse, Failure> {
    let tenant = tenant.into_inner();
    let request = form.0.request(tenant)?;
    console.nodes.require_all_alive().await?;
    let command = command(&request);
    let report = operator
        .act(async move |session| {
            session.require_operator(&command).await?;
            begin(session, cluster::plan_isolation(session, request).await?).await
        })
        .await?;
    Ok(console.done(
        "/jobs",
        format!(
            "{report} tenant {tenant} gets a shard of its own. The list of events will say how it ended."
        ),
    ))
}

/// Begins it over a connection of its own, as the page does not wait for its end.
async fn begin(session: &NodeConnection, plan: Isolation) -> Result<String, ClusterError> {
    let own = session.open_another().await?;
    rt::spawn(carry(async move {
        if let Err(error) = plan.run(&own, &|line| log::info!("{line}")).await {
            log::warn!("a tenant was not isolated: {error}");
        }
    }));
    Ok("It has begun:".to_owned())
}
