//! Where the body of a request ends in the bytes of a connection (RFC 9112, 6 and 7).

/// The part of a body that is still to come.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum BodyFraming {
    /// This many bytes.
    Sized(u64),
    /// Chunks.
    Chunks(ChunkState),
}

/// The position in a chunked body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ChunkState {
    /// In the line with a chunk's size; `seen` is whether a digit came.
    Size { size: u64, seen: bool },
    /// In white space behind the digits.
    Space { size: u64 },
    /// Behind the semicolon, until the end of the line.
    Extension { size: u64 },
    /// Behind the carriage return of that line.
    SizeEnd { size: u64 },
    /// In the data of a chunk, and its line end.
    Data { left: u64 },
    /// At the beginning of a line of the trailer section.
    TrailerStart,
    /// Inside of such a line.
    Trailer,
    /// Behind the carriage return of such a line.
    TrailerEnd,
    /// Behind the carriage return of the last, empty line.
    LastLine,
    /// The body has ended.
    End,
}

/// The bytes do not follow the format of chunks.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct BrokenChunks;

impl BodyFraming {
    /// A body of a given length.
    pub(super) fn sized(length: u64) -> Self {
        Self::Sized(length)
    }

    /// A chunked body at its beginning.
    pub(super) fn chunked() -> Self {
        Self::Chunks(ChunkState::Size { size: 0, seen: false })
    }

    /// Whether the whole body has come.
    pub(super) fn has_ended(&self) -> bool {
        matches!(self, Self::Sized(0) | Self::Chunks(ChunkState::End))
    }

    /// Whether the rest of the body may be longer than `length` bytes.
    pub(super) fn may_exceed(&self, length: usize) -> bool {
        match self {
            Self::Sized(left) => *left > length as u64,
            Self::Chunks(_) => true,
        }
    }

    /// How many of `length` bytes may be read without reading behind the body, as far as that is known.
    pub(super) fn at_most(&self, length: usize) -> usize {
        match self {
            Self::Sized(left) => usize::try_from(*left).unwrap_or(usize::MAX).min(length),
            Self::Chunks(_) => length,
        }
    }

    /// Takes the bytes that belong to the body from the beginning of `bytes` and tells how many they are.
    ///
    /// # Errors
    /// [`BrokenChunks`].
    pub(super) fn take(&mut self, bytes: &[u8]) -> Result<usize, BrokenChunks> {
        match self {
            Self::Sized(left) => {
                let taken = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
                *left -= taken as u64;
                Ok(taken)
            }
            Self::Chunks(state) => state.take(bytes),
        }
    }
}

impl ChunkState {
    fn take(&mut self, bytes: &[u8]) -> Result<usize, BrokenChunks> {
        let mut at = 0;
        while at < bytes.len() && *self != Self::End {
            if let Self::Data { left } = self
                && *left > 2
            {
                // All but the line end, which is checked byte by byte.
                let data = usize::try_from(*left - 2).unwrap_or(usize::MAX).min(bytes.len() - at);
                *left -= data as u64;
                at += data;
                continue;
            }
            *self = self.after(bytes[at])?;
            at += 1;
        }
        Ok(at)
    }

    fn after(self, byte: u8) -> Result<Self, BrokenChunks> {
        Ok(match (self, byte) {
            (Self::Size { size, .. }, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => {
                let digit = u64::from(char::from(byte).to_digit(16).unwrap_or_default());
                // Two are added for the line end behind the data.
                let size =
                    size.checked_mul(16).and_then(|size| size.checked_add(digit)).ok_or(BrokenChunks)?;
                Self::Size {
                    size: Some(size).filter(|size| *size < u64::MAX - 2).ok_or(BrokenChunks)?,
                    seen: true,
                }
            }
            (Self::Size { size, seen: true }, b'\r') => Self::SizeEnd { size },
            (Self::Size { size, seen: true } | Self::Space { size }, b' ' | b'\t') => Self::Space { size },
            (Self::Size { size, seen: true } | Self::Space { size }, b';') => Self::Extension { size },
            (Self::Extension { size } | Self::Space { size }, b'\r') => Self::SizeEnd { size },
            (Self::Extension { size }, b'\t' | b' '..=b'~' | 0x80..) => Self::Extension { size },
            (Self::SizeEnd { size: 0 }, b'\n') => Self::TrailerStart,
            (Self::SizeEnd { size }, b'\n') => Self::Data { left: size + 2 },
            (Self::Data { left: 2 }, b'\r') => Self::Data { left: 1 },
            (Self::Data { left: 1 }, b'\n') => Self::Size { size: 0, seen: false },
            (Self::TrailerStart, b'\r') => Self::LastLine,
            (Self::LastLine, b'\n') => Self::End,
            (Self::Trailer, b'\r') => Self::TrailerEnd,
            (Self::TrailerEnd, b'\n') => Self::TrailerStart,
            (Self::TrailerStart | Self::Trailer, byte) if byte != b'\n' => Self::Trailer,
            _ => return Err(BrokenChunks),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_ends_where_its_length_says() {
        let mut body = BodyFraming::sized(5);
        assert_eq!((body.at_most(3), body.at_most(9)), (3, 5));
        assert_eq!((body.take(b"abc"), body.has_ended()), (Ok(3), false));
        assert_eq!((body.take(b"defg"), body.has_ended()), (Ok(2), true));
    }

    #[test]
    fn a_chunked_body_ends_behind_its_last_line_however_it_is_cut() {
        for text in [
            "3\r\nabc\r\n0\r\n\r\n",
            "A;name=value\r\n0123456789\r\n00\r\nX: y\r\n\r\n",
            "1 \r\n\r\r\n2\r\n\r\n\r\n0\r\n\r\n",
        ] {
            let more = format!("{text}GET / HTTP/1.1\r\n");
            for cut in 0..text.len() {
                let mut body = BodyFraming::chunked();
                assert_eq!(body.take(&more.as_bytes()[..cut]), Ok(cut), "{text:?}");
                assert!(!body.has_ended(), "{text:?} at {cut}");
                assert_eq!(body.take(&more.as_bytes()[cut..]), Ok(text.len() - cut), "{text:?}");
                assert!(body.has_ended(), "{text:?}");
            }
        }
    }

    #[test]
    fn chunks_that_recipients_may_read_differently_are_refused() {
        for text in [
            "\r\n",
            "x\r\n",
            "3\nabc\n",
            "3\r\nabcd",
            "3\r\nabc\n",
            "-1\r\n",
            "0x3\r\n",
            "3 x\r\n",
            "0\r\nX: y\n\r\n",
            "ffffffffffffffff\r\n",
        ] {
            assert_eq!(BodyFraming::chunked().take(text.as_bytes()), Err(BrokenChunks), "{text:?}");
        }
    }
}
