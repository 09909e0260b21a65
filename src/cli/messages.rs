//! `pigeonhole messages`: what waits in the outbox, what failed, trying it again and giving it up.

use std::fmt::Write as _;
use std::time::Duration;

use anyhow::Context;
use chrono::Utc;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::output;
use crate::messaging::{self, Backlog, MessageName, Selection};
use crate::settings::{BrokerUrl, Settings};
use crate::store::BacklogMessage;

/// A count of all messages of a week reads every row.
const TIMEOUT: Duration = Duration::from_secs(60);
/// Failed messages that are listed.
const LISTED: i64 = 1000;
/// Messages of the broker's dead-letter queue that are listed.
const DEAD_LETTERS: usize = 1000;

/// What to do. Without a subcommand, count the messages by state.
#[derive(Args)]
pub struct MessagesCommand {
    #[command(subcommand)]
    action: Option<Action>,
    /// Print JSON.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Subcommand)]
enum Action {
    /// The messages that failed for good, and those that no consumer could read.
    List,
    /// One message.
    Show {
        /// TENANT/MESSAGE, as `list` shows it.
        name: MessageName,
    },
    /// Have failed messages tried again; harmless when repeated.
    Replay(SelectionArguments),
    /// Give failed messages up for good.
    Drop {
        #[command(flatten)]
        selected: SelectionArguments,
        /// Empty the broker's dead-letter queue; failed messages keep their rows.
        #[arg(long)]
        dead_letters: bool,
    },
}

#[derive(Args)]
struct SelectionArguments {
    /// TENANT/MESSAGE, as `list` shows it.
    names: Vec<MessageName>,
    /// All that failed.
    #[arg(long, conflicts_with = "names")]
    all: bool,
}

impl SelectionArguments {
    fn selection(self) -> anyhow::Result<Selection> {
        if self.all {
            return Ok(Selection::All);
        }
        anyhow::ensure!(!self.names.is_empty(), "name messages as TENANT/MESSAGE, or say --all");
        Ok(Selection::Named(self.names))
    }
}

/// Does it and prints the result.
///
/// # Errors
/// One line that says what failed.
pub async fn run(settings: &Settings, command: MessagesCommand) -> anyhow::Result<()> {
    let config = settings.database.url.as_ref().context("messages needs DATABASE_URL")?;
    let backlog = Backlog::connect(config, TIMEOUT).await?;
    let broker = settings.messaging.broker.as_ref();
    let answer = match command.action {
        None => summary(&backlog, broker).await?,
        Some(Action::List) => list(&backlog, broker).await?,
        Some(Action::Show { name }) => {
            let message = backlog.named(&[name]).await?.pop();
            described(&message.with_context(|| format!("there is no message {name}"))?)
        }
        Some(Action::Replay(selected)) => {
            let changes = backlog.replay(&selected.selection()?).await?;
            json!({ "replayed": written(&changes.done), "not_failed": written(&changes.not_failed) })
        }
        Some(Action::Drop { selected, dead_letters }) => {
            drop_messages(&backlog, broker, selected, dead_letters).await?
        }
    };
    let text = if command.json {
        format!("{}\n", serde_json::to_string_pretty(&answer)?)
    } else {
        in_words(&answer)
    };
    output::answer(&text)
}

async fn summary(backlog: &Backlog, broker: Option<&BrokerUrl>) -> anyhow::Result<Value> {
    let states: Vec<Value> = backlog
        .counts()
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

async fn list(backlog: &Backlog, broker: Option<&BrokerUrl>) -> anyhow::Result<Value> {
    let failed: Vec<Value> = backlog.failed(LISTED).await?.iter().map(described).collect();
    let mut answer = json!({ "failed": failed });
    if let Some(broker) = broker {
        let letters = messaging::dead_letters(broker, DEAD_LETTERS).await?;
        let name = |letter: &messaging::DeadLetter| letter.name.as_ref()?.parse::<MessageName>().ok();
        // A copy of a message that has a row is listed by its row, if it has failed for good.
        let rows = backlog.named(&letters.iter().filter_map(name).collect::<Vec<_>>()).await?;
        let known: Vec<MessageName> = rows.iter().map(MessageName::of).collect();
        let unreadable =
            letters.iter().filter(|letter| name(letter).is_none_or(|name| !known.contains(&name)));
        answer["unreadable"] = json!(unreadable.collect::<Vec<_>>());
    }
    Ok(answer)
}

async fn drop_messages(
    backlog: &Backlog,
    broker: Option<&BrokerUrl>,
    selected: SelectionArguments,
    dead_letters: bool,
) -> anyhow::Result<Value> {
    let mut answer = json!({});
    if dead_letters {
        let broker = broker.context("--dead-letters needs AMQP_URL")?;
        answer["dead_letters_dropped"] = json!(messaging::purge_dead_letters(broker).await?);
        if selected.names.is_empty() && !selected.all {
            return Ok(answer);
        }
    }
    let changes = backlog.drop_failed(&selected.selection()?).await?;
    answer["dropped"] = json!(written(&changes.done));
    answer["not_failed"] = json!(written(&changes.not_failed));
    Ok(answer)
}

fn written(names: &[MessageName]) -> Vec<String> {
    names.iter().map(MessageName::to_string).collect()
}

fn described(message: &BacklogMessage) -> Value {
    json!({
        "message": MessageName::of(message).to_string(),
        "tenant_id": message.tenant, "message_id": message.id, "route": message.route,
        "note_id": message.note_id, "userid": message.user_id, "state": message.state.as_str(),
        "attempts": message.attempts,
        "created_at": message.created_at, "due_at": message.due_at, "since": message.since,
        "last_error": message.last_error,
    })
}

/// For people: a line for each message.
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
                let _ = writeln!(text, "{name}: {}", plain_text(value));
            }
        }
    }
    text
}

fn line(row: &Value) -> String {
    match row.as_object() {
        None => plain_text(row),
        Some(fields) => fields
            .iter()
            .map(|(name, value)| format!("{name} {}", plain_text(value)))
            .collect::<Vec<_>>()
            .join(", "),
    }
}

/// Without control characters, by which text of users could steer the terminal.
fn plain_text(value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    text.chars().filter(|character| !character.is_control()).collect()
}
