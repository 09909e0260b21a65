//! The relay finds the tenants that have due messages, claims the messages tenant by tenant, and hands them
//! to the handlers of this process or to the broker. Any number of relays may run, as a claim gives each
//! message to one of them. Each may be killed at any moment, as a claim expires.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::StreamExt;
use futures_util::stream;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use super::attempt::{AttemptOutcome, attempt, refuse};
use super::counters::MessageCounters;
use super::due_tenants::DueTenants;
use super::envelope::Envelope;
use super::kinds;
use super::publisher::Publisher;
use super::readiness::Readiness;
use super::retry;
use crate::db::{Database, DbError, ListenEvent};
use crate::domain::TenantId;
use crate::store::{Message, OUTBOX_CHANNEL, notified_tenants, tenants_with_due_messages};

/// Messages of one claim.
const BATCH: i64 = 100;
/// Tenants whose messages are handed on at the same time.
const TENANTS_AT_ONCE: usize = 8;
/// Messages that are handled at the same time in this process.
const HANDLED_AT_ONCE: usize = 8;
/// The shortest time between two sweeps over all tenants.
const SWEEP_PAUSE: Duration = Duration::from_secs(1);
/// The longest, while sweeps find nothing.
const IDLE_SWEEP_PAUSE: Duration = Duration::from_secs(15);

/// Where claimed messages go.
#[derive(Clone)]
pub(super) enum Transport {
    /// To the handlers of this process.
    InProcess,
    Broker(Publisher),
}

struct Relay {
    database: Database,
    counters: Arc<MessageCounters>,
    transport: Transport,
    readiness: Arc<Readiness>,
    handlers: Semaphore,
}

/// Works until a stop is requested.
pub(super) async fn run(
    database: Database,
    due: Arc<DueTenants>,
    counters: Arc<MessageCounters>,
    transport: Transport,
    readiness: Arc<Readiness>,
    mut stopped: watch::Receiver<bool>,
) {
    let handlers = Semaphore::new(HANDLED_AT_ONCE);
    let relay = Arc::new(Relay { database: database.clone(), counters, transport, readiness, handlers });
    let listening = database.listen(OUTBOX_CHANNEL, |heard| match heard {
        // Notifications before the connection were missed.
        ListenEvent::Connected => due.request_sweep(),
        ListenEvent::Notification(tenants) => {
            log::debug!("notified of messages of tenants {tenants}");
            due.add(notified_tenants(&tenants));
        }
    });
    let mut in_progress = JoinSet::new();
    tokio::select! {
        () = listening => {}
        () = sweep(&relay, &due) => {}
        () = dispatch(&relay, &due, &mut in_progress) => {}
        _ = stopped.wait_for(|stopped| *stopped) => {}
    }
    while in_progress.join_next().await.is_some() {}
}

/// Adds the tenants that have due messages, again and again: once a second at most while there are some,
/// rarely while there are none, and early when a sweep is requested.
async fn sweep(relay: &Relay, due: &DueTenants) {
    let mut pause = SWEEP_PAUSE;
    loop {
        let found = tenants_with_due_messages(&relay.database).await;
        relay.readiness.swept(found.is_ok());
        match found {
            Ok(tenants) if tenants.is_empty() => pause = IDLE_SWEEP_PAUSE.min(pause * 2),
            Ok(tenants) => {
                pause = SWEEP_PAUSE;
                due.add(tenants);
            }
            Err(error) => {
                log::debug!("the outbox could not be swept: {error}");
                pause = SWEEP_PAUSE * 2;
            }
        }
        tokio::time::sleep(SWEEP_PAUSE).await;
        tokio::select! {
            () = tokio::time::sleep(pause - SWEEP_PAUSE) => {}
            () = due.sweep_requested() => pause = SWEEP_PAUSE,
        }
    }
}

/// Starts a task for each tenant that has due messages, a bounded number at a time and never two for one
/// tenant.
async fn dispatch(relay: &Arc<Relay>, due: &Arc<DueTenants>, in_progress: &mut JoinSet<(TenantId, bool)>) {
    let mut busy = BTreeSet::new();
    let mut waiting = BTreeSet::new();
    loop {
        tokio::select! {
            added = due.take() => waiting.extend(added),
            Some(ended) = in_progress.join_next() => {
                match ended {
                    Ok((tenant, more)) => {
                        busy.remove(&tenant);
                        if more { waiting.insert(tenant); }
                    }
                    // A task that panicked gives no tenant, so none stays busy. Two tasks of one tenant are
                    // harmless: they claim different messages.
                    Err(_) => busy.clear(),
                }
            }
        }
        let ready: Vec<TenantId> = waiting.iter().filter(|tenant| !busy.contains(*tenant)).copied().collect();
        for tenant in ready.into_iter().take(TENANTS_AT_ONCE.saturating_sub(busy.len())) {
            waiting.remove(&tenant);
            busy.insert(tenant);
            let relay = Arc::clone(relay);
            let due = Arc::clone(due);
            in_progress.spawn(async move { (tenant, relay.drain_once(tenant, &due).await) });
        }
    }
}

impl Relay {
    /// Hands on one batch of a tenant and gives whether there may be more. One batch at a time, so that a
    /// tenant with many messages does not delay the others.
    async fn drain_once(&self, tenant: TenantId, due: &DueTenants) -> bool {
        if let Transport::Broker(publisher) = &self.transport
            && !publisher.ready()
        {
            // The messages stay due. The publisher requests a sweep when the broker is back.
            return false;
        }
        let claimed = match self.database.tenant(tenant).claim_messages(retry::LEASE, BATCH).await {
            Ok(claimed) => claimed,
            Err(error) => {
                log::debug!("messages of tenant {tenant} could not be claimed: {error}");
                return false;
            }
        };
        let full = claimed.len() == usize::try_from(BATCH).unwrap_or_default();
        if claimed.is_empty() {
            return false;
        }
        let (known, unknown): (Vec<Message>, Vec<Message>) =
            claimed.into_iter().partition(|message| kinds::NAMES.contains(&message.route.as_str()));
        self.fail_unknown(tenant, &unknown).await;
        let expected = known.len();
        let done = match &self.transport {
            Transport::InProcess => self.handle_here(tenant, known).await,
            Transport::Broker(publisher) => self.publish(publisher, tenant, known).await,
        };
        if done < expected {
            // They are due again earlier than an idle relay's next sweep.
            due.request_sweep();
        }
        full && done > 0
    }

    async fn fail_unknown(&self, tenant: TenantId, messages: &[Message]) {
        let tenant = self.database.tenant(tenant);
        for message in messages {
            let outcome = refuse(&tenant, message, "no handler for such a message").await;
            self.counters.count_attempt(&outcome);
        }
    }

    /// Handles messages and gives the number of those that are done.
    async fn handle_here(&self, tenant: TenantId, messages: Vec<Message>) -> usize {
        let outcomes: Vec<AttemptOutcome> = stream::iter(messages)
            .map(|message| async move {
                let _permit = self.handlers.acquire().await;
                let outcome = attempt(&self.database, tenant, &message).await;
                self.counters.count_attempt(&outcome);
                outcome
            })
            .buffer_unordered(HANDLED_AT_ONCE)
            .collect()
            .await;
        outcomes.iter().filter(|outcome| matches!(outcome, AttemptOutcome::Done)).count()
    }

    /// Publishes messages and gives the number of those that the broker confirmed.
    async fn publish(&self, publisher: &Publisher, tenant: TenantId, messages: Vec<Message>) -> usize {
        let Some(claim) = messages.first().map(|message| message.due_at) else { return 0 };
        let envelopes = messages.iter().map(|message| Envelope::of(tenant, message)).collect();
        let mut confirmed = Vec::new();
        let mut refused = Vec::new();
        let mut reason = String::new();
        for (message, result) in messages.iter().zip(publisher.publish(envelopes).await) {
            match result {
                Ok(()) => confirmed.push(message.id),
                Err(error) => {
                    refused.push(message.id);
                    reason = error;
                }
            }
        }
        self.counters.count_relayed(confirmed.len());
        if !refused.is_empty() {
            log::warn!("{} messages of tenant {tenant} stay pending: {reason}", refused.len());
        }
        if let Err(error) = self.record_published(tenant, claim, &confirmed, &refused, &reason).await {
            // They are due again when the claim expires, and handling them twice changes nothing.
            log::debug!("published messages of tenant {tenant} could not be marked: {error}");
        }
        confirmed.len()
    }

    async fn record_published(
        &self,
        tenant: TenantId,
        claim: DateTime<Utc>,
        confirmed: &[i64],
        refused: &[i64],
        reason: &str,
    ) -> Result<(), DbError> {
        let tenant = self.database.tenant(tenant);
        if !confirmed.is_empty() {
            tenant.mark_published(confirmed, claim, retry::PUBLISHED_LEASE).await?;
        }
        if !refused.is_empty() {
            tenant.release_messages(refused, claim, reason, retry::pause_of_refused_message()).await?;
        }
        Ok(())
    }
}
