//! Takes messages from the broker and does what they ask for. The broker hears of it only after the row says
//! so: what is cut off in between comes again, and doing it again changes nothing.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use lapin::message::Delivery;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicNackOptions, BasicQosOptions, BasicRejectOptions,
};
use lapin::types::FieldTable;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::amqp::{BrokerError, BrokerUrl, QUEUE, close};
use super::attempt::{Attempt, attempt};
use super::counters::Tally;
use super::envelope::Envelope;
use super::readiness::Readiness;
use crate::db::Database;
use crate::store::{DeliveryState, Message};

/// Messages that this process has at a time. They are handled side by side, so it is also how many
/// connections to the database it asks for.
const PREFETCH: u16 = 16;
const SHORTEST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// How long the broker may take to be told of a message. The library leaves an acknowledgement unanswered for
/// ever that meets the end of its connection.
const TELLING_TIMEOUT: Duration = Duration::from_secs(5);
/// How often a message is tried here while the database is away, before the broker gets it back and another
/// has its turn.
const TRIES: u32 = 5;

/// Consumes until it is told to stop; reconnects by itself.
pub(super) async fn run(
    url: BrokerUrl,
    database: Database,
    tally: Arc<Tally>,
    readiness: Arc<Readiness>,
    mut stopped: watch::Receiver<bool>,
) {
    let mut pause = SHORTEST_PAUSE;
    loop {
        match consume(&url, &database, &tally, &readiness, stopped.clone()).await {
            Ok(()) => pause = SHORTEST_PAUSE,
            Err(error) => log::debug!("no messages are taken from the broker: {error}"),
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            _ = stopped.wait_for(|stopped| *stopped) => return,
        }
        pause = LONGEST_PAUSE.min(pause * 2);
    }
}

/// Consumes on one connection, until it ends or a stop is asked for.
async fn consume(
    url: &BrokerUrl,
    database: &Database,
    tally: &Arc<Tally>,
    readiness: &Readiness,
    mut stopped: watch::Receiver<bool>,
) -> Result<(), BrokerError> {
    let start = async |channel: &lapin::Channel| {
        channel.basic_qos(PREFETCH, BasicQosOptions::default()).await?;
        channel
            .basic_consume(QUEUE.into(), "".into(), BasicConsumeOptions::default(), FieldTable::default())
            .await
    };
    // The channel lives as long as its deliveries are settled.
    let (connection, _channel, mut deliveries) = url.connect("worker", start).await?;
    let _consuming = readiness.consuming();
    let mut working = JoinSet::new();
    let seen = stopped.clone();
    loop {
        tokio::select! {
            delivery = deliveries.next() => match delivery {
                Some(Ok(delivery)) => {
                    let (database, tally, seen) = (database.clone(), Arc::clone(tally), seen.clone());
                    working.spawn(async move { settle(&database, &tally, delivery, seen).await });
                }
                Some(Err(error)) => {
                    log::debug!("the connection to the broker ended: {error}");
                    break;
                }
                None => break,
            },
            Some(_) = working.join_next() => {}
            _ = stopped.wait_for(|stopped| *stopped) => break,
        }
    }
    // What was not begun goes back to the queue with the connection. What is being done ends: before a stop
    // it is waited for, and otherwise messages are taken from the next connection meanwhile.
    if *stopped.borrow() {
        while working.join_next().await.is_some() {}
    }
    working.detach_all();
    close(connection).await;
    Ok(())
}

/// What the broker is told.
enum Verdict {
    /// It can forget the message.
    Forget,
    /// It belongs to the dead letters.
    Bury,
    /// Somebody is to have it later.
    Return,
}

async fn settle(database: &Database, tally: &Tally, delivery: Delivery, stopped: watch::Receiver<bool>) {
    let verdict = match Envelope::parse(&delivery.data) {
        Some(envelope) => decide(database, tally, &envelope, stopped).await,
        None => {
            log::error!("a message that cannot be read goes to the dead letters");
            Verdict::Bury
        }
    };
    let telling = async {
        match verdict {
            Verdict::Forget => delivery.ack(BasicAckOptions::default()).await,
            Verdict::Bury => delivery.reject(BasicRejectOptions { requeue: false }).await,
            Verdict::Return => delivery.nack(BasicNackOptions { requeue: true, multiple: false }).await,
        }
    };
    match tokio::time::timeout(TELLING_TIMEOUT, telling).await {
        Ok(Ok(_)) => {}
        Ok(Err(error)) => {
            log::debug!("the broker was not told of a message, and will give it again: {error}")
        }
        Err(_) => log::debug!("nobody knows whether the broker was told of a message; it may give it again"),
    }
}

async fn decide(
    database: &Database,
    tally: &Tally,
    envelope: &Envelope,
    stopped: watch::Receiver<bool>,
) -> Verdict {
    let mut pause = SHORTEST_PAUSE;
    for _ in 0..TRIES {
        match look_and_try(database, tally, envelope).await {
            Some(verdict) => return verdict,
            None if *stopped.borrow() => return Verdict::Return,
            None => tokio::time::sleep(pause).await,
        }
        pause *= 2;
    }
    Verdict::Return
}

/// None while the database is away.
async fn look_and_try(database: &Database, tally: &Tally, envelope: &Envelope) -> Option<Verdict> {
    let tenant = envelope.tenant();
    let message: Message = match database.tenant(tenant).message(envelope.message_id).await {
        Ok(Some(message)) => message,
        Ok(None) => {
            log::error!("message {} has no row and goes to the dead letters", envelope.name());
            return Some(Verdict::Bury);
        }
        Err(_) => return None,
    };
    match message.state {
        DeliveryState::Acknowledged => return Some(Verdict::Forget),
        // A copy of it lies there already.
        DeliveryState::Failed => return Some(Verdict::Forget),
        DeliveryState::Pending | DeliveryState::Published => {}
    }
    let attempt = attempt(database, tenant, &message).await;
    tally.tried(&attempt);
    match attempt {
        Attempt::Done | Attempt::Failed => Some(Verdict::Forget),
        Attempt::GivenUp => Some(Verdict::Bury),
        Attempt::Unavailable => None,
    }
}
