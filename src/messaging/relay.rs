//! The relay: finds out which tenants have something due, claims it tenant by tenant, and hands it on. Any
//! number of relays may run, as a claim gives each message to one of them; and each may die at any moment, as
//! a claim ends by itself.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use super::attempt::{Attempt, attempt, fail};
use super::counters::Tally;
use super::due_tenants::Due;
use super::envelope::Envelope;
use super::handlers::ROUTES;
use super::publisher::Publisher;
use super::readiness::Readiness;
use crate::db::{Database, DbError, Heard};
use crate::domain::TenantId;
use crate::store::{Message, OUTBOX_CHANNEL, notified_tenants, tenants_with_due_messages};

/// For how long a claim holds. A batch takes a second; one that was killed is tried again after this.
const LEASE: &str = "30 seconds";
/// Messages of one claim.
const BATCH: i64 = 100;
/// Tenants that are looked at at the same time.
const TENANTS_AT_ONCE: usize = 8;
/// Messages that are handled at the same time in this process.
const HANDLED_AT_ONCE: usize = 8;
/// The time between two looks over all tenants: the shortest, and the longest while nothing is found.
const SWEEP_PAUSE: Duration = Duration::from_secs(1);
const IDLE_SWEEP_PAUSE: Duration = Duration::from_secs(15);
/// After what time messages that the broker did not take are tried again.
const BROKER_PAUSE: &str = "5 seconds";

/// Where claimed messages go.
#[derive(Clone)]
pub(super) enum Transport {
    /// To the handlers here.
    InProcess,
    /// To a broker.
    Broker(Publisher),
}

struct Relay {
    database: Database,
    tally: Arc<Tally>,
    transport: Transport,
    readiness: Arc<Readiness>,
    handlers: Semaphore,
}

/// Works until it is told to stop.
pub(super) async fn run(
    database: Database,
    due: Arc<Due>,
    tally: Arc<Tally>,
    transport: Transport,
    readiness: Arc<Readiness>,
    mut stopped: watch::Receiver<bool>,
) {
    let relay = Arc::new(Relay {
        database: database.clone(),
        tally,
        transport,
        readiness,
        handlers: Semaphore::new(HANDLED_AT_ONCE),
    });
    let listening = database.listen(OUTBOX_CHANNEL, |heard| match heard {
        Heard::Connected => due.look_everywhere(),
        Heard::Told(tenants) => {
            log::debug!("notified of messages of tenants {tenants}");
            due.add(notified_tenants(&tenants));
        }
    });
    let mut working = JoinSet::new();
    tokio::select! {
        () = listening => {}
        () = sweep(&relay, &due) => {}
        () = dispatch(&relay, &due, &mut working) => {}
        _ = stopped.wait_for(|stopped| *stopped) => {}
    }
    while working.join_next().await.is_some() {}
}

/// Looks over all tenants: often while there is something, rarely while there is not, at once when something
/// was missed, and never more than once a second.
async fn sweep(relay: &Relay, due: &Due) {
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
                log::debug!("the outbox could not be looked at: {error}");
                pause = SWEEP_PAUSE * 2;
            }
        }
        tokio::time::sleep(SWEEP_PAUSE).await;
        tokio::select! {
            () = tokio::time::sleep(pause - SWEEP_PAUSE) => {}
            () = due.look_wanted() => pause = SWEEP_PAUSE,
        }
    }
}

/// Gives each tenant that has something due to a task of its own, a bounded number at a time and never two
/// for one tenant.
async fn dispatch(relay: &Arc<Relay>, due: &Arc<Due>, working: &mut JoinSet<(TenantId, bool)>) {
    let mut busy = BTreeSet::new();
    let mut waiting = BTreeSet::new();
    loop {
        tokio::select! {
            told = due.take() => waiting.extend(told),
            Some(ended) = working.join_next() => {
                // A task that was lost leaves its tenant to the next sweep, under all circumstances not
                // blocked.
                match ended {
                    Ok((tenant, more)) => {
                        busy.remove(&tenant);
                        if more { waiting.insert(tenant); }
                    }
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
            working.spawn(async move { (tenant, relay.drain_once(tenant, &due).await) });
        }
    }
}

impl Relay {
    /// Hands on one batch of a tenant, and says whether there may be more: so that many messages of one
    /// tenant do not keep others waiting.
    async fn drain_once(&self, tenant: TenantId, due: &Due) -> bool {
        if let Transport::Broker(publisher) = &self.transport
            && !publisher.ready()
        {
            // Not claimed, they stay due; the publisher has everything looked at when it is back.
            return false;
        }
        let claimed = match self.database.tenant(tenant).claim_messages(LEASE, BATCH).await {
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
            claimed.into_iter().partition(|message| ROUTES.contains(&message.route.as_str()));
        for message in unknown {
            self.tally
                .tried(&fail(&self.database.tenant(tenant), &message, "nobody handles such a message").await);
        }
        let wanted = known.len();
        let done = match &self.transport {
            Transport::InProcess => self.handle_here(tenant, known).await,
            Transport::Broker(publisher) => self.publish(publisher, tenant, known).await,
        };
        if done < wanted {
            // They are tried again soon, and somebody has to notice when.
            due.look_everywhere();
        }
        full && done > 0
    }

    /// How many of them are done.
    async fn handle_here(&self, tenant: TenantId, messages: Vec<Message>) -> usize {
        let attempts: Vec<Attempt> = stream::iter(messages)
            .map(|message| async move {
                let _permit = self.handlers.acquire().await;
                let attempt = attempt(&self.database, tenant, &message).await;
                self.tally.tried(&attempt);
                attempt
            })
            .buffer_unordered(HANDLED_AT_ONCE)
            .collect()
            .await;
        attempts.iter().filter(|attempt| matches!(attempt, Attempt::Done)).count()
    }

    /// How many of them the broker took.
    async fn publish(&self, publisher: &Publisher, tenant: TenantId, messages: Vec<Message>) -> usize {
        let Some(lease) = messages.first().map(|message| message.due_at) else { return 0 };
        let sent =
            publisher.publish(messages.iter().map(|message| Envelope::of(tenant, message)).collect()).await;
        let mut confirmed = Vec::new();
        let mut refused = Vec::new();
        let mut reason = String::new();
        for (message, result) in messages.iter().zip(sent) {
            match result {
                Ok(()) => confirmed.push(message.id),
                Err(why) => {
                    refused.push(message.id);
                    reason = why;
                }
            }
        }
        self.tally.relayed(confirmed.len());
        if !refused.is_empty() {
            log::warn!("{} messages of tenant {tenant} stay pending: {reason}", refused.len());
        }
        if let Err(error) = self.note_sent(tenant, lease, &confirmed, &refused, &reason).await {
            // They are due again when the lease ends, and delivering them twice changes nothing.
            log::debug!("that messages of tenant {tenant} were sent could not be written down: {error}");
        }
        confirmed.len()
    }

    async fn note_sent(
        &self,
        tenant: TenantId,
        lease: chrono::DateTime<chrono::Utc>,
        confirmed: &[i64],
        refused: &[i64],
        reason: &str,
    ) -> Result<(), DbError> {
        let tenant = self.database.tenant(tenant);
        if !confirmed.is_empty() {
            tenant.mark_published(confirmed, lease).await?;
        }
        if !refused.is_empty() {
            tenant.release_messages(refused, lease, reason, BROKER_PAUSE).await?;
        }
        Ok(())
    }
}
