//! The limits of one tenant: what it uses, a form for what it may use, and what a change would do. The role
//! of the console reads no tenant's rows, so the operator's connection does it, as the owner of the tables.

use actix_web::{HttpResponse, web};
use askama::Template;
use serde::Deserialize;

use crate::admin::Failure;
use crate::admin::console::Console;
use crate::admin::frame::ConsoleFrame;
use crate::admin::operator::Operator;
use crate::cluster::{ClusterError, record_operation};
use crate::domain::{Limit, LimitOverrides, parse_amount};
use crate::services::tenant_limits::{LimitLine, TenantLimits, TenantLimitsError};
use crate::web::{Error, Form};

/// The tenant and, once the form was sent, what it may use. An empty field is the setting.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub struct LimitsForm {
    tenant: String,
    /// Not empty when the form was sent to see what it would change.
    review: String,
    members: String,
    notes: String,
    notes_per_person: String,
    bytes: String,
    tokens_per_person: String,
    sessions_per_person: String,
    imports: String,
    requests: String,
    requests_per_person: String,
}

#[derive(Template)]
#[template(path = "admin/limits.html")]
struct LimitsPage {
    frame: ConsoleFrame,
    tenant: i64,
    name: String,
    lines: Vec<FormLine>,
    /// What the form would change, once it was sent.
    changes: Option<Vec<String>>,
    refused: Option<String>,
}

/// A limit as the form shows it.
struct FormLine {
    name: &'static str,
    label: &'static str,
    used: String,
    allowed: String,
    setting: String,
    typed: String,
    wrong: Option<String>,
}

impl LimitsForm {
    /// The number of the tenant.
    fn tenant(&self) -> Result<i64, Error> {
        self.tenant.trim().parse().map_err(|_| Error::NotFound)
    }

    fn typed(&self, limit: Limit) -> &str {
        match limit {
            Limit::Members => &self.members,
            Limit::Notes => &self.notes,
            Limit::NotesPerPerson => &self.notes_per_person,
            Limit::Bytes => &self.bytes,
            Limit::TokensPerPerson => &self.tokens_per_person,
            Limit::SessionsPerPerson => &self.sessions_per_person,
            Limit::Imports => &self.imports,
            Limit::Requests => &self.requests,
            Limit::RequestsPerPerson => &self.requests_per_person,
        }
    }

    fn parse(&self, limit: Limit) -> Result<Option<i64>, String> {
        let typed = self.typed(limit).trim();
        if typed.is_empty() { Ok(None) } else { parse_amount(typed).map(Some) }
    }

    fn overrides(&self) -> Result<LimitOverrides, Error> {
        if Limit::ALL.into_iter().any(|limit| self.parse(limit).is_err()) {
            return Err(Error::BadRequest("An amount must be a number such as 1000 or 2Gi, none, or empty."));
        }
        Ok(LimitOverrides::of(|limit| self.parse(limit).ok().flatten()))
    }
}

/// GET /tenants/limits/new
pub async fn new(
    console: web::Data<Console>,
    frame: ConsoleFrame,
    form: web::Query<LimitsForm>,
) -> Result<HttpResponse, Failure> {
    let form = form.into_inner();
    let tenant = form.tenant()?;
    let frame = ConsoleFrame { path: "/tenants".to_owned(), ..frame };
    let timeout = console.settings.cluster.node_timeout * 4;
    let reading = async { TenantLimits::connect(&console.config, timeout).await?.report(tenant).await };
    let page = match reading.await {
        Ok(report) => {
            let lines = LimitLine::of(&report, &console.settings.limits.limits());
            let sent = !form.review.is_empty();
            LimitsPage {
                frame,
                tenant,
                name: report.name,
                changes: (sent && form.overrides().is_ok()).then(|| changes(&lines, &form)),
                lines: lines.iter().map(|line| FormLine::of(line, sent.then_some(&form))).collect(),
                refused: None,
            }
        }
        Err(TenantLimitsError::NoSuchTenant(_)) => return Err(Error::NotFound.into()),
        Err(error) => LimitsPage {
            frame,
            tenant,
            name: String::new(),
            lines: Vec::new(),
            changes: None,
            refused: Some(error.to_string()),
        },
    };
    Ok(HttpResponse::Ok().content_type("text/html; charset=utf-8").body(page.render()?))
}

/// POST /tenants/limits
pub async fn create(
    console: web::Data<Console>,
    operator: Operator,
    Form(form): Form<LimitsForm>,
) -> Result<HttpResponse, Failure> {
    let (tenant, overrides) = (form.tenant()?, form.overrides()?);
    let (config, timeout) = (console.config.clone(), console.settings.cluster.node_timeout * 4);
    let report = operator
        .act(async move |session| {
            let detail = format!("tenant {tenant}: {}", overrides.in_words());
            record_operation(session, "limits set", &detail, async {
                let limits = TenantLimits::connect(&config, timeout).await.map_err(refused)?;
                limits.set(tenant, &overrides).await.map_err(refused)
            })
            .await?;
            Ok(format!("The limits of tenant {tenant} are set. They hold within a second."))
        })
        .await?;
    Ok(console.done("/tenants", report))
}

fn refused(error: TenantLimitsError) -> ClusterError {
    match error {
        TenantLimitsError::Connect(error) => error.into(),
        other => ClusterError::Obstacle(other.to_string()),
    }
}

impl FormLine {
    fn of(line: &LimitLine, sent: Option<&LimitsForm>) -> Self {
        Self {
            name: line.limit.as_str(),
            label: line.limit.label(),
            used: line.used.map_or_else(String::new, |used| used.to_string()),
            allowed: amount(line.allowed()),
            setting: amount(line.setting),
            typed: match (sent, line.set) {
                (Some(form), _) => form.typed(line.limit).to_owned(),
                (None, Some(0)) => "none".to_owned(),
                (None, set) => set.map_or_else(String::new, |set| set.to_string()),
            },
            wrong: sent.and_then(|form| form.parse(line.limit).err()),
        }
    }
}

fn amount(amount: Option<i64>) -> String {
    amount.map_or_else(|| "no limit".to_owned(), |amount| amount.to_string())
}

/// A sentence for each limit that the form changes.
fn changes(lines: &[LimitLine], form: &LimitsForm) -> Vec<String> {
    let changed = lines.iter().filter_map(|line| {
        let next = LimitLine { set: form.parse(line.limit).ok()?, ..*line };
        if next.set == line.set {
            return None;
        }
        let over = line.used.zip(next.allowed()).filter(|(used, allowed)| used > allowed);
        let remark = match over {
            Some(_) => " The tenant uses more now: what is there stays, and nothing is added.",
            None => "",
        };
        let (before, after) = (amount(line.allowed()), amount(next.allowed()));
        Some(format!("{}: {after} in place of {before}.{remark}", line.limit.label()))
    });
    changed.collect()
}
