//! The overview of a user: the first notes of each list, and their counts.

use super::inbox::{self, ReceivedNote};
use super::notes::{self, ListedNote};
use crate::db::{Steps, Viewer};

/// What a user's start page shows.
pub struct Overview {
    /// How many notes the user wrote.
    pub count: i64,
    /// The notes of the user that changed last.
    pub latest: Vec<ListedNote>,
    /// How many notes in the inbox are unread.
    pub unread: i64,
    /// The latest notes in the inbox.
    pub received: Vec<ReceivedNote>,
}

/// The user's notes and inbox, counted, with the latest of both.
pub(crate) fn overview(user: Viewer, limit: u16, limit_received: u16) -> impl Steps<Output = Overview> {
    let steps = (
        notes::count(user),
        notes::latest(user, limit),
        inbox::unread(user),
        inbox::latest(user, limit_received),
    );
    steps.map(|(count, latest, unread, received)| Overview { count, latest, unread, received })
}
