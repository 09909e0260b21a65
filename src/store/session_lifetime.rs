//! When a session ends by itself, in SQL.

/// How old the stored last use of a session is at most when a use is not written, as an interval of
/// PostgreSQL. Each write costs more than most pages. With the half minute for which
/// a use waits in memory (auth/session_uses.rs), users are told five minutes and an hour.
macro_rules! use_precision {
    (browser) => {
        "4 minutes"
    };
    (long) => {
        "59 minutes"
    };
}
pub(super) use use_precision;

/// When a session ends that is not used, counted from its stored last use: after two hours in a browser and
/// fourteen days for a remembered one or a script, and after as much more as the stored time may be early. So
/// no session ends before its time, and none lasts longer than told.
macro_rules! idle_limit {
    (browser) => {
        "2 hours 4 minutes"
    };
    (long) => {
        "14 days 59 minutes"
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

/// Whether the last use of a session `s` should be written: after half to all of its precision, which depends
/// on the token, so that sessions that began together are not written together.
macro_rules! use_is_due {
    () => {
        concat!(
            "s.last_seen_at < now() - (0.5 + get_byte(s.token_hash, 0) / 512.0::float8) * CASE s.kind \
             WHEN 'browser' THEN interval '",
            $crate::store::session_lifetime::use_precision!(browser),
            "' ELSE interval '",
            $crate::store::session_lifetime::use_precision!(long),
            "' END"
        )
    };
}
pub(super) use use_is_due;
