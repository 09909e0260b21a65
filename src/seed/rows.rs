//! Rows in PostgreSQL's binary COPY format: the number of fields, then each field with its length before it.

use bytes::{BufMut, Bytes, BytesMut};

/// Microseconds from 1970 to 2000, from where PostgreSQL counts.
const EPOCH: i64 = 946_684_800_000_000;

/// A buffer of rows for COPY.
#[derive(Default)]
pub(super) struct Rows(BytesMut);

impl Rows {
    /// A buffer with the header of a COPY.
    pub(super) fn header() -> Self {
        let mut bytes = BytesMut::new();
        bytes.put_slice(b"PGCOPY\n\xff\r\n\0");
        bytes.put_i64(0);
        Self(bytes)
    }

    /// Begins a row. Exactly this many fields must follow.
    pub(super) fn begin(&mut self, fields: i16) -> &mut Self {
        self.0.put_i16(fields);
        self
    }

    pub(super) fn bigint(&mut self, value: i64) -> &mut Self {
        self.0.put_i32(8);
        self.0.put_i64(value);
        self
    }

    pub(super) fn text(&mut self, value: &str) -> &mut Self {
        self.bytes(value.as_bytes())
    }

    pub(super) fn bytes(&mut self, value: &[u8]) -> &mut Self {
        self.0.put_i32(i32::try_from(value.len()).expect("an invented value is short"));
        self.0.put_slice(value);
        self
    }

    pub(super) fn null(&mut self) -> &mut Self {
        self.0.put_i32(-1);
        self
    }

    /// An integer[].
    pub(super) fn integers(&mut self, values: &[i32]) -> &mut Self {
        let length = |bytes: usize| i32::try_from(bytes).expect("an invented value is short");
        self.0.put_i32(length(20 + 8 * values.len()));
        // One dimension, no NULL, the type int4, the number of values, and the number of the first.
        for number in [1, 0, 23, length(values.len()), 1] {
            self.0.put_i32(number);
        }
        for value in values {
            self.0.put_i32(4);
            self.0.put_i32(*value);
        }
        self
    }

    /// A timestamptz, given in microseconds since 1970.
    pub(super) fn time(&mut self, unix_micros: i64) -> &mut Self {
        self.bigint(unix_micros - EPOCH)
    }

    /// Adds the trailer of a COPY.
    pub(super) fn end(&mut self) {
        self.0.put_i16(-1);
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Takes the bytes so far; more rows may follow.
    pub(super) fn take(&mut self) -> Bytes {
        self.0.split().freeze()
    }
}
