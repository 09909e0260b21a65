//! The id of a request.

/// The id of a request, which its response and the lines of the log about it carry.
#[derive(Clone, Debug)]
pub struct RequestId(pub String);
