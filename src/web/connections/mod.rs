//! The connections of a server: how many there may be, how long they may take, and what actix-http gets of
//! them ([record 0029](../../../docs/decisions/0029-own-connections.md)).

mod counts;
mod deadlines;
mod exchange;
mod file_limit;
mod framing;
mod head;
mod received;
mod refusal;
mod registry;
mod serve;
mod stream;

pub use exchange::client_has_closed;
pub use file_limit::{FileLimit, raise_file_limit};
pub use registry::{ConnectionLimits, Connections};
pub use serve::{ServerTimes, serve};
