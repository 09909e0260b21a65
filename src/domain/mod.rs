//! Parsed values. Pages, API, command line and jobs parse their input into these types, so a value that
//! exists is valid and needs no second check. Nothing here knows HTTP, HTML or SQL.

#[cfg(test)]
mod any_input;
mod client_network;
mod comparison;
mod idempotency;
mod ids;
mod invitations;
mod limits;
mod merge;
mod messages;
mod names;
mod notes;
mod password;
mod roles;
mod search;
mod sharing;
mod sign_up;
mod text;

pub use client_network::ClientNetwork;
pub use comparison::{ComparedLine, ComparedPiece, Comparison, LineChange, compare};
pub use idempotency::IdempotencyKey;
pub use ids::{InvitationId, NoteId, SessionId, TenantId, UserId};
pub use invitations::InvitationTerms;
pub use limits::{Limit, LimitOverrides, UsageLimits, counted_bytes, parse_amount};
pub use merge::{Merge, has_markers, is_quick_merge, merge_contents, merge_titles};
pub use messages::{CATCH_UP, FORGET_LOGINS, ForgetLogins, INSERT_TO_SHARED, InsertToShared};
pub use names::{Email, Identifier, TenantName, Username};
pub use notes::{CONTENT_LIMIT, NoteContent, NoteTitle, with_unix_newlines};
pub use password::{LoginPassword, NewPassword};
pub use roles::Role;
pub use search::{
    Alternative, HighlightedText, SEARCH_LIMIT, SearchIndex, SearchQuery, SearchWords, TextPart,
    hits as search_hits,
};
pub use sharing::{AUDIENCE_LIMIT, Access, Audience, NoteRole, Right};
pub use sign_up::{SignUpMode, SignUpPolicy, SignUpRefusal, ascii_domain};
pub use text::canonical;

/// Why a value was refused: a sentence for the user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid(pub &'static str);
