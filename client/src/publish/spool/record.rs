//! One record: `length u32 | samples u32 | crc32 u32 | payload`.

use std::io::{self, Read};

use flate2::Crc;

use crate::publish::batch::Batch;

/// The bytes before the payload.
pub(super) const HEADER_BYTES: usize = 12;

/// The record of `batch`.
///
/// # Errors
/// When the batch has more than 4 GiB, or more than 2^32 samples.
pub(super) fn encode(batch: &Batch) -> io::Result<Vec<u8>> {
    let too_large = |_| io::Error::new(io::ErrorKind::InvalidInput, "the batch is too large for a record");
    let length = u32::try_from(batch.objects().len()).map_err(too_large)?.to_le_bytes();
    let samples = u32::try_from(batch.samples()).map_err(too_large)?.to_le_bytes();
    let sum = checksum(length, samples, batch.objects()).to_le_bytes();
    Ok([&length, &samples, &sum, batch.objects()].concat())
}

/// Reads the next record, of at most `rest` bytes in all. Gives none when what is left is not a whole one.
///
/// # Errors
/// When reading fails.
pub(super) fn decode(input: &mut impl Read, rest: u64) -> io::Result<Option<Batch>> {
    let mut header = [[0_u8; 4]; HEADER_BYTES / 4];
    if rest < HEADER_BYTES as u64 {
        return Ok(None);
    }
    input.read_exact(header.as_flattened_mut())?;
    let [length, samples, sum] = header;
    let size = u64::from(u32::from_le_bytes(length));
    if size > rest - HEADER_BYTES as u64 {
        return Ok(None);
    }
    let mut payload = Vec::new();
    input.take(size).read_to_end(&mut payload)?;
    let whole = payload.len() as u64 == size && size > 0;
    let intact = checksum(length, samples, &payload) == u32::from_le_bytes(sum);
    Ok((whole && intact).then(|| Batch::from_parts(&payload, u32::from_le_bytes(samples) as usize)))
}

fn checksum(length: [u8; 4], samples: [u8; 4], payload: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(&length);
    crc.update(&samples);
    crc.update(payload);
    crc.sum()
}
