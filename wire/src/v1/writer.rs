//! Makes frames.

use super::bytes::{write_varint, zigzag};
use super::frame::Header;

/// A frame that grows. What is added must suit the header's kind.
#[derive(Clone, Debug)]
pub struct Writer {
    bytes: Vec<u8>,
    server_time: i64,
}

impl Writer {
    /// Begins a frame.
    pub fn new(header: &Header) -> Self {
        let mut bytes = Vec::with_capacity(128);
        header.write(&mut bytes);
        Self { bytes, server_time: header.server_time }
    }

    /// How long the frame is so far.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether nothing follows the header yet.
    pub fn is_empty(&self) -> bool {
        self.bytes.len() == Header::BYTES
    }

    /// The number of the request that is answered: the first thing after the header of `Subscribed`, `Snapshot`,
    /// `Reduced` and `Refused`.
    pub fn request(&mut self, id: u32) {
        self.bytes.extend(id.to_le_bytes());
    }

    /// The rest of a `Refused` frame, an [`crate::ErrorBody`] as JSON, or of a `Changed` frame, what has changed.
    pub fn text(&mut self, text: &str) {
        self.bytes.extend(text.as_bytes());
    }

    /// A signal's number and its name, in a `Names` frame.
    pub fn name(&mut self, signal: u32, name: &str) {
        write_varint(&mut self.bytes, u64::from(signal));
        write_varint(&mut self.bytes, name.len() as u64);
        self.bytes.extend(name.as_bytes());
    }

    /// A signal's number and microseconds of the slices to which it is reduced, in a `Reduced` frame.
    pub fn slice(&mut self, signal: u32, slice: i64) {
        debug_assert!(slice > 0);
        write_varint(&mut self.bytes, u64::from(signal));
        write_varint(&mut self.bytes, slice.cast_unsigned());
    }

    /// Samples of one signal, in a `Snapshot`, `Tail` or `Patch` frame: at least one, `times` in microseconds strictly
    /// rising, a value for each.
    pub fn columns(&mut self, signal: u32, times: &[i64], values: &[f64]) {
        debug_assert!(!times.is_empty() && times.len() == values.len());
        debug_assert!(times.is_sorted_by(|a, b| a < b));
        let bytes = &mut self.bytes;
        write_varint(bytes, u64::from(signal));
        write_varint(bytes, times.len() as u64);
        let mut previous = self.server_time;
        for (place, time) in times.iter().enumerate() {
            let step = time.wrapping_sub(previous);
            // Only the first step can be backwards.
            write_varint(bytes, if place == 0 { zigzag(step) } else { step.cast_unsigned() });
            previous = *time;
        }
        for value in values {
            bytes.extend(value.to_le_bytes());
        }
    }

    /// The frame.
    pub fn finish(self) -> Vec<u8> {
        self.bytes
    }

    /// The frame under another header, which only now is known; its server time stays, because samples count from it.
    pub fn finish_as(mut self, header: &Header) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(Header::BYTES);
        Header { server_time: self.server_time, ..*header }.write(&mut bytes);
        self.bytes[..Header::BYTES].copy_from_slice(&bytes);
        self.bytes
    }
}
