//! Receiving notifications (LISTEN). They are hints that shorten a wait. A notification that is sent while
//! there is no connection is lost, so the receiver hears of each new connection and then polls.

use std::future::poll_fn;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use tokio_postgres::{AsyncMessage, Config, NoTls};

use super::pool::as_role;
use super::roles;

/// The pauses between attempts to connect. All listeners lose their connection when a server restarts, so
/// jitter spreads them: it adds up to the same pause again.
const BACKOFF: ExponentialBuilder = ExponentialBuilder::new()
    .with_min_delay(Duration::from_millis(200))
    .with_max_delay(Duration::from_millis(2500))
    .with_jitter()
    .without_max_times();
/// The longest that opening a connection may take: a frozen server accepts it and never answers.
const TIMEOUT: Duration = Duration::from_secs(5);

/// What a listener receives.
pub(crate) enum ListenEvent {
    /// A connection is there from now on; earlier notifications may be lost.
    Connected,
    /// The payload of a notification.
    Notification(String),
}

/// Listens on `channel` until the future is dropped.
pub(super) async fn listen(config: &Config, channel: &'static str, handle: impl Fn(ListenEvent)) {
    // pg_stat_activity shows by the role what the connection is for.
    let config = as_role(config, roles::RELAY);
    let mut pauses = BACKOFF.build();
    loop {
        if listen_once(&config, channel, &handle).await {
            pauses = BACKOFF.build();
        }
        tokio::time::sleep(pauses.next().unwrap_or(TIMEOUT)).await;
    }
}

/// One connection, until it ends; false when LISTEN did not succeed.
async fn listen_once(config: &Config, channel: &str, handle: &impl Fn(ListenEvent)) -> bool {
    let Ok(Ok((client, mut connection))) = tokio::time::timeout(TIMEOUT, config.connect(NoTls)).await else {
        return false;
    };
    let (sender, mut payloads) = tokio::sync::mpsc::unbounded_channel();
    let driven = async move {
        while let Some(Ok(message)) = poll_fn(|context| connection.poll_message(context)).await {
            if let AsyncMessage::Notification(notification) = message
                && sender.send(notification.payload().to_owned()).is_err()
            {
                return;
            }
        }
    };
    let listened = async {
        if client.batch_execute(&format!("LISTEN {channel}")).await.is_err() {
            return false;
        }
        handle(ListenEvent::Connected);
        while let Some(payload) = payloads.recv().await {
            handle(ListenEvent::Notification(payload));
        }
        true
    };
    // The connection works only while it is polled.
    tokio::select! {
        listened = listened => listened,
        () = driven => true,
    }
}
