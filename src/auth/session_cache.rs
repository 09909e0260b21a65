//! Sessions that were looked up a moment ago. Every request needs its session, and looking it up costs the
//! database as much as the rest of the request. A session that ends in this process is forgotten at once; one
//! that ends in another process is good for a second here at most.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use moka::sync::Cache;

use super::token::Token;
use crate::db::{DbError, TenantHandle};
use crate::store::{Counted, Session};

/// How long a look-up counts.
const LIFE: Duration = Duration::from_secs(1);
/// The most sessions that are remembered; each takes a few hundred bytes.
const CAPACITY: u64 = 50_000;

/// What was looked up.
#[derive(Clone)]
pub struct SessionCache {
    known: Cache<Vec<u8>, Arc<Session>>,
    /// Counts the ends of sessions, so that a look-up which one of them overtook is not remembered.
    ends: Arc<AtomicU64>,
    looks: Arc<Looks>,
}

/// How often the cache was asked.
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
        }
    }
}

/// A session and where it was found.
pub struct SessionLookup {
    /// The session.
    pub session: Arc<Session>,
    /// Whether the database was asked for it just now.
    pub from_database: bool,
}

impl SessionCache {
    /// The session of a browser's token, if it is in force, or was a second ago.
    ///
    /// # Errors
    /// [`DbError`] of the look-up.
    pub async fn find(&self, tenant: &TenantHandle, token: &Token) -> Result<Option<SessionLookup>, DbError> {
        self.look_up(tenant, token, Counted::Unread).await
    }

    /// The same for any token, with what is to be counted in the round trip.
    ///
    /// # Errors
    /// [`DbError`] of the look-up.
    pub async fn look_up(
        &self,
        tenant: &TenantHandle,
        token: &Token,
        counted: Counted,
    ) -> Result<Option<SessionLookup>, DbError> {
        let hash = token.hash();
        if let Some(session) = self.known.get(&hash) {
            self.looks.hits.fetch_add(1, Ordering::Relaxed);
            return Ok(Some(SessionLookup { session, from_database: false }));
        }
        self.looks.misses.fetch_add(1, Ordering::Relaxed);
        let before = self.ends.load(Ordering::SeqCst);
        let Some(session) = tenant.session(&hash, counted).await?.map(Arc::new) else { return Ok(None) };
        self.known.insert(hash.clone(), Arc::clone(&session));
        // Whoever counts after this line also forgets after it; whoever counted before may have forgotten too
        // early.
        if self.ends.load(Ordering::SeqCst) != before {
            self.known.invalidate(&hash);
        }
        Ok(Some(SessionLookup { session, from_database: true }))
    }

    /// How many sessions were found here since the start, and how many had to be looked up.
    pub fn hits_and_misses(&self) -> (u64, u64) {
        (self.looks.hits.load(Ordering::Relaxed), self.looks.misses.load(Ordering::Relaxed))
    }

    /// Forgets the session of a token that has just ended.
    pub fn forget(&self, token: &Token) {
        self.ends.fetch_add(1, Ordering::SeqCst);
        self.known.invalidate(&token.hash());
    }

    /// Forgets all sessions, after some ended whose tokens nobody here knows.
    pub fn forget_all(&self) {
        self.ends.fetch_add(1, Ordering::SeqCst);
        self.known.invalidate_all();
    }
}
