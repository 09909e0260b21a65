//! A cache of sessions. Every request needs its session, and the lookup costs the database as much as the
//! rest of the request. A session that ends in this process is removed at once; one that ends in another
//! process stays valid here for at most a second.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use moka::sync::Cache;

use super::session_uses::SessionUses;
use super::token::Token;
use crate::db::{Database, DbError, Steps, TenantHandle, Viewer};
use crate::store::{Session, UnreadLookup};

/// How long an entry stays in the cache.
const LIFE: Duration = Duration::from_secs(1);
/// The most entries; each takes a few hundred bytes.
const CAPACITY: u64 = 50_000;

/// The cache. Clones share its entries.
#[derive(Clone)]
pub struct SessionCache {
    known: Cache<Vec<u8>, Arc<Session>>,
    /// Incremented whenever a session ends, so that a lookup racing with it is not cached.
    ends: Arc<AtomicU64>,
    looks: Arc<Looks>,
    uses: Arc<SessionUses>,
}

/// The number of lookups that the cache answered and that it did not.
#[derive(Default)]
struct Looks {
    hits: AtomicU64,
    misses: AtomicU64,
}

impl Default for SessionCache {
    fn default() -> Self {
        Self {
            known: Cache::builder().time_to_live(LIFE).max_capacity(CAPACITY).build(),
            ends: Arc::default(),
            looks: Arc::default(),
            uses: Arc::default(),
        }
    }
}

impl SessionCache {
    /// The session of a browser's token; none when it has ended over a second ago.
    ///
    /// # Errors
    /// [`DbError`] of the lookup.
    pub async fn find(&self, tenant: &TenantHandle, token: &Token) -> Result<Option<Arc<Session>>, DbError> {
        if let Some(session) = self.known(token) {
            return Ok(Some(session));
        }
        let found = self.look_up(tenant, token, UnreadLookup::Count, |_| ()).await?;
        Ok(found.map(|(session, ())| session))
    }

    /// A session that was looked up less than a second ago.
    pub fn known(&self, token: &Token) -> Option<Arc<Session>> {
        let session = self.known.get(&token.hash());
        let looks = if session.is_some() { &self.looks.hits } else { &self.looks.misses };
        looks.fetch_add(1, Ordering::Relaxed);
        session
    }

    /// Looks up the session of a token. `counted` is counted in the same round trip, when there is one, and
    /// `reads` is read for the session's user; see [`TenantHandle::session_with`].
    ///
    /// # Errors
    /// [`DbError`] of the lookup.
    pub(crate) async fn look_up<R: Steps>(
        &self,
        tenant: &TenantHandle,
        token: &Token,
        counted: UnreadLookup,
        reads: impl Fn(Viewer) -> R,
    ) -> Result<Option<(Arc<Session>, R::Output)>, DbError> {
        let hash = token.hash();
        let before = self.ends.load(Ordering::SeqCst);
        let Some((session, output)) = tenant.session_with(&hash, counted, reads).await? else {
            return Ok(None);
        };
        if session.use_is_due {
            self.uses.keep(tenant.tenant(), &hash);
        }
        let session = Arc::new(session);
        self.known.insert(hash.clone(), Arc::clone(&session));
        // If a session ended during the lookup, its invalidation may have run before this insert: invalidate
        // again.
        if self.ends.load(Ordering::SeqCst) != before {
            self.known.invalidate(&hash);
        }
        Ok(Some((session, output)))
    }

    /// Lookups answered from the cache and from the database, since the start.
    pub fn hits_and_misses(&self) -> (u64, u64) {
        (self.looks.hits.load(Ordering::Relaxed), self.looks.misses.load(Ordering::Relaxed))
    }

    /// Writes the last uses of sessions in batches, until the future is dropped.
    pub async fn keep_uses_written(&self, database: &Database) {
        self.uses.keep_written(database).await;
    }

    /// Writes the last uses that are not written yet.
    pub async fn write_uses(&self, database: &Database) {
        self.uses.write(database).await;
    }

    /// Removes the session of a token, which has just ended.
    pub fn forget(&self, token: &Token) {
        self.ends.fetch_add(1, Ordering::SeqCst);
        self.known.invalidate(&token.hash());
    }

    /// Removes all sessions, after sessions ended whose tokens are not known here.
    pub fn forget_all(&self) {
        self.ends.fetch_add(1, Ordering::SeqCst);
        self.known.invalidate_all();
    }
}
