//! `pigeonhole limits`: what a tenant uses and may use, setting that, and counting it anew.

use std::fmt::Write as _;
use std::time::Duration;

use anyhow::Context;
use clap::{Args, Subcommand};
use serde_json::json;
use tokio_postgres::Config;

use super::output;
use crate::cluster::{self, NodeConnection, record_operation};
use crate::domain::{Limit, LimitOverrides, parse_amount};
use crate::services::tenant_limits::{LimitLine, TenantLimits};
use crate::settings::Settings;

/// Showing and setting read a few rows.
const TIMEOUT: Duration = Duration::from_secs(30);

/// What to do.
#[derive(Args)]
pub struct LimitsCommand {
    #[command(subcommand)]
    action: LimitsAction,
}

#[derive(Subcommand)]
enum LimitsAction {
    /// What a tenant uses and may use.
    Show {
        /// The tenant's number.
        #[arg(long)]
        tenant: i64,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Allow a tenant more or less than the settings do.
    Set {
        /// The tenant's number.
        #[arg(long)]
        tenant: i64,
        /// NAME=AMOUNT, such as notes=5000 or bytes=10Gi; none is no limit, and default is the setting.
        #[arg(required = true, value_parser = change)]
        changes: Vec<(Limit, Option<i64>)>,
    },
    /// Count anew what tenants use; a tenant's writes wait meanwhile.
    Recount {
        /// The tenant's number; without it all tenants, one after the other.
        #[arg(long)]
        tenant: Option<i64>,
    },
}

/// A limit, and the amount to set for it; none for the setting.
fn change(text: &str) -> Result<(Limit, Option<i64>), String> {
    let (name, amount) = text.split_once('=').ok_or("write it as NAME=AMOUNT")?;
    let names = || Limit::ALL.map(Limit::as_str).join(", ");
    let limit =
        Limit::parse(name).ok_or_else(|| format!("there is no limit {name}; there are {}", names()))?;
    if amount == "default" {
        return Ok((limit, None));
    }
    Ok((limit, Some(parse_amount(amount).map_err(|reason| format!("{name} {reason}, or default"))?)))
}

/// Does it and prints the result.
///
/// # Errors
/// One line that says what failed.
pub async fn run(settings: &Settings, command: LimitsCommand) -> anyhow::Result<()> {
    let config = settings.database.url.as_ref().context("limits needs DATABASE_URL")?;
    let mut limits = TenantLimits::connect(config, TIMEOUT).await?;
    match command.action {
        LimitsAction::Show { tenant, json } => show(settings, &limits, tenant, json).await,
        LimitsAction::Set { tenant, changes } => {
            let mut overrides = limits.report(tenant).await?.overrides;
            for (limit, amount) in &changes {
                overrides.set(*limit, *amount);
            }
            set(config, &limits, tenant, &overrides).await?;
            show(settings, &limits, tenant, false).await
        }
        LimitsAction::Recount { tenant } => {
            let tenants = match tenant {
                Some(tenant) => vec![tenant],
                None => limits.tenants().await?,
            };
            for tenant in tenants {
                let usage = limits.recount(tenant).await?.usage;
                output::line(&format!(
                    "tenant {tenant}: {} members, {} notes, {} bytes",
                    usage.members, usage.notes, usage.bytes
                ));
            }
            Ok(())
        }
    }
}

/// Sets the limits, and writes that into the operators' events.
async fn set(
    config: &Config,
    limits: &TenantLimits,
    tenant: i64,
    overrides: &LimitOverrides,
) -> anyhow::Result<()> {
    let session = NodeConnection::coordinator(config).await?;
    let detail = format!("tenant {tenant}: {}", overrides.in_words());
    record_operation(&session, "limits set", &detail, async {
        limits
            .set(tenant, overrides)
            .await
            .map_err(|error| cluster::ClusterError::Obstacle(error.to_string()))
    })
    .await?;
    Ok(())
}

async fn show(settings: &Settings, limits: &TenantLimits, tenant: i64, json: bool) -> anyhow::Result<()> {
    let report = limits.report(tenant).await?;
    let lines = LimitLine::of(&report, &settings.limits.limits());
    if json {
        let limits: Vec<_> = lines
            .iter()
            .map(|line| {
                json!({
                    "name": line.limit.as_str(), "used": line.used, "allowed": line.allowed(),
                    "set": line.set, "setting": line.setting,
                })
            })
            .collect();
        let answer = json!({ "tenant_id": tenant, "name": report.name, "limits": limits });
        return output::answer(&format!("{}\n", serde_json::to_string_pretty(&answer)?));
    }
    let mut text = format!("tenant {tenant}\n");
    for line in lines {
        let used = line.used.map_or_else(String::new, |used| format!("{used} used, "));
        let allowed =
            line.allowed().map_or_else(|| "no limit".to_owned(), |amount| format!("{amount} allowed"));
        let source = if line.set.is_some() { "set for this tenant" } else { "by the settings" };
        let _ = writeln!(text, "  {:<20} {used}{allowed} ({source})", line.limit.as_str());
    }
    output::answer(&text)
}
