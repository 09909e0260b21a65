//! `pigeonhole messages`: what waits in the outbox, what failed, and what to do about it.

use std::fmt::Write as _;
use std::str::FromStr;

use anyhow::Context;
use chrono::Utc;
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use tokio_postgres::Client;

use super::output;
use crate::db::connect_as_owner;
use crate::messaging::{self, BrokerUrl};
use crate::settings::Settings;
use crate::store::{self, Backlog, Message};

/// Failed messages that one command lists or works on.
const LIMIT: i64 = 1000;
/// Messages of the broker's dead-letter queue that are looked at.
const DEAD_LETTERS: usize = 1000;

/// What to do; without a word, a count by state.
#[derive(Args)]
pub struct Messages {
    #[command(subcommand)]
    action: Option<Action>,
    /// For scripts.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Subcommand)]
enum Action {
    /// The messages that failed for good, and what nobody could read.
    List,
    /// One message.
    Show {
        /// TENANT/MESSAGE, as `list` shows it.
        name: Name,
    },
    /// Have failed messages tried again; harmless when repeated.
    Replay(Chosen),
    /// Give failed messages up for good.
    Drop {
        #[command(flatten)]
        chosen: Chosen,
        /// Empty the broker's dead-letter queue; failed messages keep their rows.
        #[arg(long)]
        dead_letters: bool,
    },
}

#[derive(Args)]
struct Chosen {
    /// TENANT/MESSAGE, as `list` shows it.
    names: Vec<Name>,
    /// All that failed.
    #[arg(long, conflicts_with = "names")]
    all: bool,
}

#[derive(Clone, Copy)]
struct Name {
    tenant: i64,
    id: i64,
}

impl FromStr for Name {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts =
            text.split_once('/').and_then(|(tenant, id)| Some((tenant.parse().ok()?, id.parse().ok()?)));
        parts.map(|(tenant, id)| Self { tenant, id }).ok_or("write it as TENANT/MESSAGE, such as 7/1234")
    }
}

/// Does it and prints what came of it.
///
/// # Errors
/// In one line, what stands in the way.
pub async fn run(settings: &Settings, wanted: Messages) -> anyhow::Result<()> {
    let config = settings.database.as_ref().context("messages needs DATABASE_URL")?;
    let client = connect_as_owner(config).await?;
    let broker = settings.broker.as_ref();
    let answer = match wanted.action {
        None => summary(&client, broker).await?,
        Some(Action::List) => list(&client, broker).await?,
        Some(Action::Show { name }) => {
            let message = store::show_message(&client, name.tenant, name.id).await?;
            let message =
                message.with_context(|| format!("there is no message {}/{}", name.tenant, name.id))?;
            described(name.tenant, &message)
        }
        Some(Action::Replay(chosen)) => replay(&client, &chosen).await?,
        Some(Action::Drop { chosen, dead_letters }) => {
            drop_messages(&client, broker, &chosen, dead_letters).await?
        }
    };
    let text =
        if wanted.json { format!("{}\n", serde_json::to_string_pretty(&answer)?) } else { in_words(&answer) };
    output::answer(&text)
}

async fn summary(client: &Client, broker: Option<&BrokerUrl>) -> anyhow::Result<Value> {
    let states: Vec<Value> = store::backlog(client)
        .await?
        .iter()
        .map(|count| {
            let age = count.oldest.map(|oldest| (Utc::now() - oldest).num_seconds().max(0));
            json!({
                "state": count.state, "messages": count.messages, "oldest": count.oldest, "age_seconds": age,
                "most_attempts": count.most_attempts,
            })
        })
        .collect();
    let mut answer = json!({ "states": states });
    if let Some(broker) = broker {
        answer["dead_letters"] = match messaging::dead_letter_count(broker).await {
            Ok(count) => json!(count),
            Err(error) => json!(error.to_string()),
        };
    }
    Ok(answer)
}

async fn list(client: &Client, broker: Option<&BrokerUrl>) -> anyhow::Result<Value> {
    let failed = store::failed_messages(client, LIMIT).await?;
    let failed: Vec<Value> =
        failed.iter().map(|Backlog { tenant, message }| described(*tenant, message)).collect();
    let mut answer = json!({ "failed": failed });
    if let Some(broker) = broker {
        let dead = messaging::dead_letters(broker, DEAD_LETTERS).await?;
        let mut unreadable = Vec::new();
        for letter in dead {
            let row = match letter.name.as_deref().map(str::parse::<Name>) {
                Some(Ok(name)) => store::show_message(client, name.tenant, name.id).await?,
                _ => None,
            };
            // A copy of a message that has a row is listed by its row, if it has failed for good.
            if row.is_none() {
                unreadable.push(json!(letter));
            }
        }
        answer["unreadable"] = json!(unreadable);
    }
    Ok(answer)
}

async fn replay(client: &Client, chosen: &Chosen) -> anyhow::Result<Value> {
    let mut replayed = Vec::new();
    let mut untouched = Vec::new();
    for name in chosen.resolve(client).await? {
        let written = format!("{}/{}", name.tenant, name.id);
        if store::replay_failed(client, name.tenant, name.id).await? {
            replayed.push(written)
        } else {
            untouched.push(written)
        }
    }
    Ok(json!({ "replayed": replayed, "not_failed": untouched }))
}

async fn drop_messages(
    client: &Client,
    broker: Option<&BrokerUrl>,
    chosen: &Chosen,
    dead_letters: bool,
) -> anyhow::Result<Value> {
    let mut answer = json!({});
    if dead_letters {
        let broker = broker.context("--dead-letters needs AMQP_URL")?;
        answer["dead_letters_dropped"] = json!(messaging::purge_dead_letters(broker).await?);
        if chosen.names.is_empty() && !chosen.all {
            return Ok(answer);
        }
    }
    let mut dropped = Vec::new();
    let mut untouched = Vec::new();
    for name in chosen.resolve(client).await? {
        let written = format!("{}/{}", name.tenant, name.id);
        if store::drop_failed(client, name.tenant, name.id).await? {
            dropped.push(written)
        } else {
            untouched.push(written)
        }
    }
    answer["dropped"] = json!(dropped);
    answer["not_failed"] = json!(untouched);
    Ok(answer)
}

impl Chosen {
    async fn resolve(&self, client: &Client) -> anyhow::Result<Vec<Name>> {
        if self.all {
            let failed = store::failed_messages(client, LIMIT).await?;
            return Ok(failed
                .iter()
                .map(|Backlog { tenant, message }| Name { tenant: *tenant, id: message.id })
                .collect());
        }
        anyhow::ensure!(!self.names.is_empty(), "name messages as TENANT/MESSAGE, or say --all");
        Ok(self.names.clone())
    }
}

fn described(tenant: i64, message: &Message) -> Value {
    json!({
        "message": format!("{tenant}/{}", message.id), "tenant_id": tenant, "message_id": message.id,
        "route": message.route,
        "note_id": message.note_id, "userid": message.user_id, "state": message.state.as_str(),
        "attempts": message.attempts,
        "created_at": message.created_at, "due_at": message.due_at, "since": message.since,
        "last_error": message.last_error,
    })
}

/// The same for people: a line for each message, a word for each field.
fn in_words(answer: &Value) -> String {
    let mut text = String::new();
    let fields = answer.as_object().into_iter().flatten();
    for (name, value) in fields {
        match value.as_array() {
            Some(rows) if rows.is_empty() => {
                let _ = writeln!(text, "{name}: none");
            }
            Some(rows) => {
                let _ = writeln!(text, "{name}:");
                for row in rows {
                    let _ = writeln!(text, "  {}", line(row));
                }
            }
            None => {
                let _ = writeln!(text, "{name}: {}", word(value));
            }
        }
    }
    text
}

fn line(row: &Value) -> String {
    match row.as_object() {
        None => word(row),
        Some(fields) => fields
            .iter()
            .map(|(name, value)| format!("{name} {}", word(value)))
            .collect::<Vec<_>>()
            .join(", "),
    }
}

/// Text of others must not steer a terminal.
fn word(value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    text.chars().filter(|character| !character.is_control()).collect()
}
