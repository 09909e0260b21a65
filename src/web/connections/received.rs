//! The bytes that came from a client and were not given to the dispatcher yet.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use actix_web::rt::net::TcpStream;
use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, ReadBuf};

/// The bytes that one read may take.
const READ: usize = 4 * 1024;

/// A buffer that has memory only while it has bytes: most connections are idle.
#[derive(Default)]
pub(super) struct ReceivedBytes {
    bytes: BytesMut,
    /// How many of the bytes the last check has seen.
    checked: usize,
    ended: bool,
}

impl ReceivedBytes {
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Whether the client has closed its side.
    pub(super) fn has_ended(&self) -> bool {
        self.ended
    }

    /// Reads what has come; pending when nothing has.
    pub(super) fn poll_fill(
        &mut self,
        socket: &mut TcpStream,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        let mut space = [0; READ];
        let mut buffer = ReadBuf::new(&mut space);
        ready!(Pin::new(socket).poll_read(context, &mut buffer))?;
        self.ended = buffer.filled().is_empty();
        self.bytes.extend_from_slice(buffer.filled());
        Poll::Ready(Ok(()))
    }

    /// Lets `read` look at all bytes, with the number of those that it has seen before.
    pub(super) fn check<T>(&mut self, read: impl FnOnce(&mut [u8], usize) -> T) -> T {
        let result = read(&mut self.bytes, self.checked);
        self.checked = self.bytes.len();
        result
    }

    /// The first `length` bytes.
    pub(super) fn front(&self, length: usize) -> &[u8] {
        &self.bytes[..length]
    }

    /// Drops the first `length` bytes.
    pub(super) fn advance(&mut self, length: usize) {
        self.bytes.advance(length);
        self.checked = 0;
        if self.bytes.is_empty() {
            self.bytes = BytesMut::new();
        }
    }

    /// Adds bytes that were read and belong to what follows.
    pub(super) fn put_back(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Drops all bytes.
    pub(super) fn clear(&mut self) {
        self.advance(self.bytes.len());
    }
}
