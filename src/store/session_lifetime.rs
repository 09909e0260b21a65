//! When a session ends by itself, in SQL.

/// How long a session lasts without use, as an interval of PostgreSQL.
macro_rules! idle_limit {
    (browser) => {
        "2 hours"
    };
    (long) => {
        "14 days"
    };
}
pub(super) use idle_limit;

/// Whether a session `s` is neither expired nor unused for too long.
macro_rules! in_force {
    () => {
        concat!(
            "s.expires_at > now() AND s.last_seen_at > now() - CASE s.kind WHEN 'browser' THEN interval '",
            $crate::store::session_lifetime::idle_limit!(browser),
            "' ELSE interval '",
            $crate::store::session_lifetime::idle_limit!(long),
            "' END"
        )
    };
}
pub(super) use in_force;
