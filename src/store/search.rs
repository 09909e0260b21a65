//! Searching in what a user may read: own notes, those that were shared with the user, and the user's bin. A
//! function of the database finds the numbers of the notes (migrations/V17), and a statement under the
//! policies reads them and checks the right again: docs/decisions/0039.

use std::collections::HashMap;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;

use super::note_access::{Received, received_columns};
use super::notes::{Note, note_columns};
use super::page::{PAGE_BYTES, count_within};
use crate::db::{DbError, FromRow, RowReader, Statement, Steps, TenantHandle, Viewer, values};
use crate::domain::{Access, NoteId, SearchQuery, UserId};

static FIND: Statement = Statement::reading(
    "SELECT note_id, in_title, changed_at, total, is_exact \
     FROM requests.find_notes('{notes}', '{shared_notes}', $1, $2, $3)",
)
.heavy();
static READ: Statement = Statement::reading(concat!(
    "SELECT ",
    note_columns!(whole, "array_position($3, n.id)", "n.id", "ASC"),
    ", n.deleted_at IS NOT NULL, ",
    received_columns!(),
    ", u.username FROM {notes} n
     LEFT JOIN {shared_notes} i ON i.tenant_id = n.tenant_id AND i.recipient_id = $2 AND i.note_id = n.id
     LEFT JOIN {shared.users} u ON u.tenant_id = i.tenant_id AND u.id = i.shared_by
     WHERE n.tenant_id = $1 AND n.id = ANY($3)
       AND (n.user_id = $2 OR (i.note_id IS NOT NULL AND n.deleted_at IS NULL))"
));

pub(super) static ALL: &[&Statement] = &[&FIND, &READ];

/// Where a search looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SearchScope {
    /// In the user's own notes.
    Own,
    /// In the notes that were shared with the user.
    Inbox { only_unread: bool },
    /// In both, and in the user's bin if `bin` says so.
    Everything { bin: bool },
}

/// Where a note is in the results of a search: hits in the title come first, then those that changed last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SearchPosition {
    pub in_title: bool,
    pub changed_at: DateTime<Utc>,
    pub id: NoteId,
}

/// One page of a search.
#[derive(Clone, Copy)]
pub struct SearchRequest<'a> {
    pub query: &'a SearchQuery,
    pub scope: SearchScope,
    /// The last result of the page before.
    pub after: Option<SearchPosition>,
    pub limit: u16,
}

/// The request as `requests.find_notes` reads it.
#[derive(Serialize)]
struct RequestJson<'a> {
    any: Vec<AlternativeJson<'a>>,
    own: bool,
    inbox: bool,
    unread: bool,
    bin: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<PositionJson>,
    wanted: u32,
}

#[derive(Serialize)]
struct AlternativeJson<'a> {
    keys: Vec<i32>,
    title_keys: Vec<i32>,
    all: &'a [String],
    none: &'a [String],
}

#[derive(Serialize)]
struct PositionJson {
    in_title: bool,
    at: String,
    id: i64,
}

impl SearchRequest<'_> {
    /// The request as bytes for [`found`].
    pub(crate) fn to_bytes(self) -> Vec<u8> {
        let any = self.query.alternatives.iter().map(|alternative| AlternativeJson {
            keys: alternative.keys(),
            title_keys: alternative.title_keys(),
            all: &alternative.all,
            none: &alternative.none,
        });
        let scope = self.scope;
        let json = RequestJson {
            any: any.collect(),
            own: !matches!(scope, SearchScope::Inbox { .. }),
            inbox: scope != SearchScope::Own,
            unread: scope == SearchScope::Inbox { only_unread: true },
            bin: scope == SearchScope::Everything { bin: true },
            after: self.after.map(|position| PositionJson {
                in_title: position.in_title,
                at: position.changed_at.to_rfc3339_opts(SecondsFormat::Micros, true),
                id: position.id.number(),
            }),
            wanted: u32::from(self.limit) + 1,
        };
        serde_json::to_vec(&json).expect("numbers and texts are JSON")
    }
}

/// How many notes a search finds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SearchTotal {
    pub notes: i64,
    /// Whether there are no more.
    pub is_exact: bool,
}

/// The numbers of the notes that a search found.
pub struct FoundNumbers {
    positions: Vec<SearchPosition>,
    total: SearchTotal,
}

/// The row of one number.
struct FoundNumber(SearchPosition, SearchTotal);

impl FromRow for FoundNumber {
    fn from_row(row: &mut RowReader<'_>) -> Self {
        let (id, in_title, changed_at) = (row.read(), row.read(), row.read());
        let total = SearchTotal { notes: row.read(), is_exact: row.read() };
        Self(SearchPosition { in_title, changed_at, id }, total)
    }
}

/// The numbers of the notes that the request of [`SearchRequest::to_bytes`] finds for a user.
pub(crate) fn found(user: Viewer, request: &[u8]) -> impl Steps<Output = FoundNumbers> + use<'_> {
    FIND.all(values![user, request]).map(|rows: Vec<FoundNumber>| FoundNumbers {
        total: rows.first().map_or(SearchTotal { notes: 0, is_exact: true }, |row| row.1),
        positions: rows.into_iter().map(|row| row.0).collect(),
    })
}

/// A note that a search found.
#[derive(Clone, Debug)]
pub struct SearchHit {
    pub position: SearchPosition,
    pub note: Note,
    pub is_in_bin: bool,
    /// How it reached the user, unless the user is the author: the right, the way, and the name of the member
    /// who shared it.
    pub received: Option<(Access, Received, String)>,
}

/// The row of a hit, whose place in the results is still to be found.
struct HitRow {
    note: Note,
    is_in_bin: bool,
    received: Option<(Access, Received, String)>,
}

impl FromRow for HitRow {
    fn from_row(row: &mut RowReader<'_>) -> Self {
        let (note, is_in_bin) = (row.read(), row.read());
        let access = row.column::<Option<&str>>().map(Access::from_row);
        let (by, at, read_at): (Option<i64>, Option<DateTime<Utc>>, _) = (row.read(), row.read(), row.read());
        let way = by.zip(at).map(|(by, at)| Received { shared_by: UserId::from_row(by), at, read_at });
        let name: Option<String> = row.read();
        let received = access.zip(way).map(|(access, way)| (access, way, name.unwrap_or_default()));
        Self { note, is_in_bin, received }
    }
}

/// A page of the results of a search.
pub struct SearchPage {
    pub hits: Vec<SearchHit>,
    /// The last result of this page, if there is another page.
    pub older: Option<SearchPosition>,
    /// Counted on the first page.
    pub total: SearchTotal,
}

impl SearchPage {
    /// Ends the page with the note whose text reaches `limit` bytes, as `measure` counts them.
    pub fn shorten(&mut self, limit: usize, measure: impl Fn(&str) -> usize) {
        let shown = count_within(self.hits.iter().map(|hit| measure(hit.note.content.as_str())), limit);
        if shown < self.hits.len() {
            self.hits.truncate(shown);
            self.older = self.hits.last().map(|hit| hit.position);
        }
    }
}

impl TenantHandle {
    /// The notes of the numbers that [`found`] gave for `user`, up to `limit`. The page ends earlier when its
    /// texts get long.
    ///
    /// # Errors
    /// [`DbError`] of the one statement.
    pub async fn search_page(
        &self,
        user: UserId,
        found: FoundNumbers,
        limit: u16,
    ) -> Result<SearchPage, DbError> {
        let FoundNumbers { mut positions, total } = found;
        let has_more = positions.len() > usize::from(limit);
        positions.truncate(limit.into());
        let ids: Vec<i64> = positions.iter().map(|position| position.id.number()).collect();
        let rows: Vec<HitRow> = match ids.is_empty() {
            true => Vec::new(),
            false => self.transaction(READ.all(values![user, ids.as_slice()])).await?,
        };
        let older = positions.last().copied().filter(|_| has_more);
        let mut rows: HashMap<i64, HitRow> =
            rows.into_iter().map(|row| (row.note.id.number(), row)).collect();
        // A note that was taken away meanwhile leaves its place out.
        let hits = positions.into_iter().filter_map(|position| {
            let HitRow { note, is_in_bin, received } = rows.remove(&position.id.number())?;
            Some(SearchHit { position, note, is_in_bin, received })
        });
        let mut page = SearchPage { hits: hits.collect(), older, total };
        page.shorten(PAGE_BYTES, str::len);
        Ok(page)
    }
}
