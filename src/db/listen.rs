//! Hearing what others tell by NOTIFY. It is a hint that saves waiting: whatever is told while nobody listens
//! is lost, so who listens is told of each new connection, and then looks for itself.

use std::future::poll_fn;
use std::time::Duration;

use tokio_postgres::{AsyncMessage, Config, NoTls};

use super::pool::as_role;
use super::roles;

/// The pause after a first failure; it doubles up to the longest.
const SHORTEST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// The longest that opening a connection may take; a frozen server accepts it and says nothing.
const TIMEOUT: Duration = Duration::from_secs(5);

/// What a listener hears.
pub(crate) enum Heard {
    /// The connection stands from now on; what was told before was not heard.
    Connected,
    /// The text of a notification.
    Told(String),
}

/// Listens on `channel` until the future is dropped.
pub(super) async fn for_ever(config: &Config, channel: &'static str, heard: impl Fn(Heard)) {
    // A role of its own shows in pg_stat_activity what the connection is for.
    let config = as_role(config, roles::RELAY);
    let mut pause = SHORTEST_PAUSE;
    loop {
        if once(&config, channel, &heard).await {
            pause = SHORTEST_PAUSE;
        }
        tokio::time::sleep(pause).await;
        pause = LONGEST_PAUSE.min(pause * 2);
    }
}

/// One connection, from its beginning to its end; false when it never stood.
async fn once(config: &Config, channel: &str, heard: &impl Fn(Heard)) -> bool {
    let Ok(Ok((client, mut connection))) = tokio::time::timeout(TIMEOUT, config.connect(NoTls)).await else {
        return false;
    };
    let (told, mut hearing) = tokio::sync::mpsc::unbounded_channel();
    let driven = async move {
        while let Some(Ok(message)) = poll_fn(|context| connection.poll_message(context)).await {
            if let AsyncMessage::Notification(notification) = message
                && told.send(notification.payload().to_owned()).is_err()
            {
                return;
            }
        }
    };
    let listened = async {
        if client.batch_execute(&format!("LISTEN {channel}")).await.is_err() {
            return false;
        }
        heard(Heard::Connected);
        while let Some(payload) = hearing.recv().await {
            heard(Heard::Told(payload));
        }
        true
    };
    // The connection works only while it is polled.
    tokio::select! {
        stood = listened => stood,
        () = driven => true,
    }
}
