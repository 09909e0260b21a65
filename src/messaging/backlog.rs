//! The outbox as an operator works on it, over all tenants: listing failed messages, having them tried again,
//! giving them up. The console and `pigeonhole messages` do it by this type.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use tokio::time::timeout;
use tokio_postgres::{Client, Config, Error};

use crate::db::{ConnectError, connect_to_backlog};
use crate::store::{self, BacklogMessage, DeliveryState, StateCount};

/// The most failed messages that one listing shows or one action changes.
const LIMIT: i64 = 1000;

/// Tenant and number of a message, written TENANT/MESSAGE.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MessageName {
    pub tenant: i64,
    pub id: i64,
}

impl FromStr for MessageName {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts =
            text.split_once('/').and_then(|(tenant, id)| Some((tenant.parse().ok()?, id.parse().ok()?)));
        parts.map(|(tenant, id)| Self { tenant, id }).ok_or("write it as TENANT/MESSAGE, such as 7/1234")
    }
}

impl fmt::Display for MessageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.tenant, self.id)
    }
}

/// The failed messages that an action is about.
#[derive(Clone, Debug)]
pub enum Selection {
    /// All, the oldest failures first, 1,000 at most.
    All,
    Named(Vec<MessageName>),
}

/// The result of an action.
#[derive(Debug, Default)]
pub struct Changes {
    pub done: Vec<MessageName>,
    /// Selected messages that had not failed, and were left as they are.
    pub not_failed: Vec<MessageName>,
}

/// Why the outbox could not be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum BacklogError {
    /// The database does not answer, or the user of DATABASE_URL may not take the role.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The database refused the statement.
    #[error(transparent)]
    Refused(#[from] Error),
    /// A node that holds a part of the outbox did not answer.
    #[error("the outbox: no answer within {} seconds", .0.as_secs_f32())]
    TimedOut(Duration),
}

/// A connection to the outbox of all tenants. Each call takes as long as the timeout at most.
pub struct Backlog {
    client: Client,
    timeout: Duration,
}

impl Backlog {
    /// Connects to the database of `config`, as long as `timeout`.
    ///
    /// # Errors
    /// [`BacklogError`].
    pub async fn connect(config: &Config, timeout_of_calls: Duration) -> Result<Self, BacklogError> {
        let connecting = timeout(timeout_of_calls, connect_to_backlog(config, timeout_of_calls));
        let client = connecting.await.map_err(|_| BacklogError::TimedOut(timeout_of_calls))??;
        Ok(Self { client, timeout: timeout_of_calls })
    }

    /// The messages in each state, counted.
    ///
    /// # Errors
    /// [`BacklogError`].
    pub async fn counts(&self) -> Result<Vec<StateCount>, BacklogError> {
        self.within(store::message_counts(&self.client)).await
    }

    /// Up to `limit` failed messages, the oldest failure first; 1,000 at most.
    ///
    /// # Errors
    /// [`BacklogError`].
    pub async fn failed(&self, limit: i64) -> Result<Vec<BacklogMessage>, BacklogError> {
        self.within(store::failed_messages(&self.client, limit.min(LIMIT))).await
    }

    /// The selected messages that have failed.
    ///
    /// # Errors
    /// [`BacklogError`].
    pub async fn selected(&self, selection: &Selection) -> Result<Vec<BacklogMessage>, BacklogError> {
        match selection {
            Selection::All => self.failed(LIMIT).await,
            Selection::Named(names) => {
                let mut messages = self.named(names).await?;
                messages.retain(|message| message.state == DeliveryState::Failed);
                Ok(messages)
            }
        }
    }

    /// The messages with these names, in any state.
    ///
    /// # Errors
    /// [`BacklogError`].
    pub async fn named(&self, names: &[MessageName]) -> Result<Vec<BacklogMessage>, BacklogError> {
        self.within(store::named_messages(&self.client, &pairs(names))).await
    }

    /// Makes failed messages due again, with all their attempts.
    ///
    /// # Errors
    /// [`BacklogError`]; nothing was changed then, unless the answer was lost.
    pub async fn replay(&self, selection: &Selection) -> Result<Changes, BacklogError> {
        let names = self.names(selection).await?;
        let done = self.within(store::replay_failed(&self.client, &pairs(&names))).await?;
        Ok(Changes::of(names, &done))
    }

    /// Deletes failed messages: what they ask for will not be done.
    ///
    /// # Errors
    /// [`BacklogError`]; nothing was changed then, unless the answer was lost.
    pub async fn drop_failed(&self, selection: &Selection) -> Result<Changes, BacklogError> {
        let names = self.names(selection).await?;
        let done = self.within(store::drop_failed(&self.client, &pairs(&names))).await?;
        Ok(Changes::of(names, &done))
    }

    async fn names(&self, selection: &Selection) -> Result<Vec<MessageName>, BacklogError> {
        match selection {
            Selection::All => Ok(self.failed(LIMIT).await?.iter().map(MessageName::of).collect()),
            Selection::Named(names) => Ok(names.clone()),
        }
    }

    async fn within<T>(&self, work: impl Future<Output = Result<T, Error>>) -> Result<T, BacklogError> {
        Ok(timeout(self.timeout, work).await.map_err(|_| BacklogError::TimedOut(self.timeout))??)
    }
}

impl MessageName {
    /// The name of a message.
    pub fn of(message: &BacklogMessage) -> Self {
        Self { tenant: message.tenant, id: message.id }
    }
}

impl Changes {
    /// Keeps the order of `names`.
    fn of(names: Vec<MessageName>, done: &[(i64, i64)]) -> Self {
        let done: BTreeSet<_> = done.iter().copied().collect();
        let (done, not_failed) = names.into_iter().partition(|name| done.contains(&(name.tenant, name.id)));
        Self { done, not_failed }
    }
}

fn pairs(names: &[MessageName]) -> Vec<(i64, i64)> {
    names.iter().map(|name| (name.tenant, name.id)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_tenant_and_a_number() {
        let name: MessageName = "7/1234".parse().expect("a name");
        assert_eq!((name.tenant, name.id, name.to_string().as_str()), (7, 1234, "7/1234"));
        for text in ["", "7", "7/", "/1", "7/x", "7/1/2"] {
            text.parse::<MessageName>().expect_err(text);
        }
    }

    #[test]
    fn changes_keep_the_order_of_the_names() {
        let names = [(7, 1), (3, 1), (7, 2)].map(|(tenant, id)| MessageName { tenant, id });
        let changes = Changes::of(names.to_vec(), &[(7, 2), (7, 1)]);
        assert_eq!((changes.done, changes.not_failed), (vec![names[0], names[2]], vec![names[1]]));
    }
}
