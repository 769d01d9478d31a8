//! A commit as it travels over the bus.
//!
//! | bytes | |
//! |---|---|
//! | 1 | version of this form: 1 |
//! | 8 | epoch of the database |
//! | 8, 8 | the last number before the commit's, and its own last one |
//! | 8 | when it was made, in microseconds |
//! | 1 | 1 when samples follow; 0 when there are too many, so that they must be fetched |
//! | … | for each instant: microseconds since the one before, samples, and for each of them number of the signal and value |
//! | 32 | HMAC-SHA256 of all that comes before, with the database's key |
//!
//! Numbers of fixed length and values are little-endian, the others are variable (LEB128; differences of instants in zigzag).

use afterglow_wire::Timestamp;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::batch::{Batch, Sample, SignalId};
use crate::fault;
use crate::store::{Commit, Sequences};

/// Longest frame, in bytes: half of what a NATS server takes unless it is set otherwise.
const LONGEST: usize = 512 << 10;

const VERSION: u8 = 1;
const HEAD: usize = 34;
const SIGNATURE: usize = 32;

/// Fewest bytes of a sample.
const SAMPLE: usize = 9;

/// What servers of one database sign with.
#[derive(Clone)]
pub struct Key {
    hmac: Hmac<Sha256>,
    epoch: u64,
}

/// A commit that another server has made.
#[derive(Debug)]
pub struct Frame {
    /// How it is numbered, and when it was made.
    pub sequences: Sequences,
    /// Its samples; none when they must be fetched.
    pub samples: Option<Batch>,
}

impl Key {
    /// The `key` of the database whose epoch this is.
    pub fn new(key: &[u8], epoch: u64) -> Option<Self> {
        let hmac = Hmac::new_from_slice(key).ok().filter(|_| !key.is_empty())?;
        Some(Self { hmac, epoch })
    }

    /// Under which subject servers of this database meet: another database, or this one brought back, has another.
    pub fn subject(&self) -> String {
        let mut hmac = self.hmac.clone();
        hmac.update(b"subject");
        hmac.update(&self.epoch.to_le_bytes());
        let name = hmac.finalize().into_bytes();
        let name: String = name.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        format!("afterglow.{name}.commit")
    }

    /// The frame of a commit.
    pub fn seal(&self, commit: &Commit) -> Vec<u8> {
        let samples: usize = commit.batches.iter().map(Batch::len).sum();
        let mut bytes = Vec::with_capacity(HEAD + SIGNATURE + samples.min(LONGEST / SAMPLE) * (SAMPLE + 4));
        let Sequences { before, last, at } = commit.sequences;
        bytes.push(VERSION);
        for number in [self.epoch, before, last, at.micros().cast_unsigned()] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        bytes.push(1);
        if !write_samples(&mut bytes, commit) {
            bytes.truncate(HEAD);
            bytes[HEAD - 1] = 0;
        }
        let mut hmac = self.hmac.clone();
        hmac.update(&bytes);
        bytes.extend_from_slice(&hmac.finalize().into_bytes());
        bytes
    }

    /// What a frame says; nothing when no server of this database has made it.
    pub fn open(&self, bytes: &[u8]) -> Option<Frame> {
        let (said, signature) = bytes.split_at_checked(bytes.len().checked_sub(SIGNATURE)?)?;
        let mut hmac = self.hmac.clone();
        hmac.update(said);
        if hmac.verify_slice(signature).is_err() && !fault::ignores_signatures() {
            return None;
        }
        let mut reader = Reader(said);
        let version = reader.byte()?;
        let [epoch, before, last, at] =
            [reader.number()?, reader.number()?, reader.number()?, reader.number()?];
        if version != VERSION || epoch != self.epoch || before >= last || i64::try_from(last).is_err() {
            return None;
        }
        let samples = match reader.byte()? {
            0 => None,
            1 => Some(read_samples(&mut reader)?),
            _ => return None,
        };
        let at = Timestamp::from_micros(at.cast_signed());
        Some(Frame { sequences: Sequences { before, last, at }, samples })
    }
}

impl Frame {
    /// About how much memory it takes.
    pub fn bytes(&self) -> usize {
        size_of::<Self>() + self.samples.as_ref().map_or(0, Batch::len) * size_of::<Sample>()
    }
}

/// Whether the frame is not too long with them.
fn write_samples(bytes: &mut Vec<u8>, commit: &Commit) -> bool {
    let mut last = 0_i64;
    for instant in commit.batches.iter().flat_map(Batch::instants) {
        let Some(first) = instant.first() else { continue };
        if bytes.len() + instant.len() * SAMPLE > LONGEST - SIGNATURE {
            return false;
        }
        let since = first.timestamp.micros().wrapping_sub(last);
        last = first.timestamp.micros();
        write_number(bytes, (since << 1 ^ since >> 63).cast_unsigned());
        write_number(bytes, instant.len() as u64);
        for sample in instant {
            write_number(bytes, u64::from(sample.signal.0));
            bytes.extend_from_slice(&sample.value.to_le_bytes());
        }
    }
    bytes.len() <= LONGEST - SIGNATURE
}

fn read_samples(reader: &mut Reader<'_>) -> Option<Batch> {
    let (mut batch, mut last) = (Batch::default(), 0_i64);
    while !reader.0.is_empty() {
        let since = reader.variable()?;
        last = last.wrapping_add((since >> 1).cast_signed() ^ -(since & 1).cast_signed());
        let timestamp = Timestamp::from_micros(last);
        for _ in 0..reader.variable()? {
            let signal = SignalId(u32::try_from(reader.variable()?).ok()?);
            let value = f64::from_bits(reader.number()?);
            if !value.is_finite() {
                return None;
            }
            batch.push(Sample { signal, timestamp, value });
        }
    }
    Some(batch)
}

fn write_number(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

/// What of a frame has not been read yet.
struct Reader<'f>(&'f [u8]);

impl Reader<'_> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn number(&mut self) -> Option<u64> {
        let (number, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u64::from_le_bytes(*number))
    }

    fn variable(&mut self) -> Option<u64> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KEY: &[u8] = b"a key of the database";

    fn commit(samples: &[(u32, i64, f64)]) -> Commit {
        let mut batch = Batch::default();
        for &(signal, time, value) in samples {
            let timestamp = Timestamp::from_micros(time);
            batch.push(Sample { signal: SignalId(signal), timestamp, value });
        }
        let sequences = Sequences { before: 6, last: 8, at: Timestamp::from_micros(-5) };
        Commit { sequences, batches: vec![batch] }
    }

    proptest! {
        #[test]
        fn what_is_sealed_is_opened(
            samples in proptest::collection::vec(
                (any::<u32>(), prop_oneof![any::<i64>(), 0..3_i64], -1e300..1e300_f64), 0..50,
            ),
        ) {
            let key = Key::new(KEY, 7).unwrap();
            let commit = commit(&samples);
            let frame = key.open(&key.seal(&commit)).unwrap();
            prop_assert_eq!(frame.sequences, commit.sequences);
            prop_assert_eq!(frame.samples.as_ref(), commit.batches.first());
        }

        #[test]
        fn no_change_of_a_frame_is_believed(at in 0..100_usize, bit in 0..8_u8, length in 0..100_usize) {
            let key = Key::new(KEY, 7).unwrap();
            let bytes = key.seal(&commit(&[(1, 2, 3.0), (2, 2, 4.0)]));
            let mut changed = bytes.clone();
            let at = at % changed.len();
            changed[at] ^= 1 << bit;
            prop_assert!(key.open(&changed).is_none());
            prop_assert!(key.open(&bytes[..length % bytes.len()]).is_none());
        }
    }

    #[test]
    fn another_database_meets_elsewhere_and_is_not_believed() {
        let key = Key::new(KEY, 7).unwrap();
        let sealed = key.seal(&commit(&[(1, 2, 3.0)]));
        for other in [Key::new(KEY, 8).unwrap(), Key::new(b"another", 7).unwrap()] {
            assert!(other.open(&sealed).is_none());
            assert_ne!(other.subject(), key.subject());
        }
        assert!(Key::new(b"", 7).is_none());
    }

    #[test]
    fn what_is_too_long_must_be_fetched() {
        let key = Key::new(KEY, 7).unwrap();
        for (samples, is_whole) in [(45_000, true), (60_000, false)] {
            for step in [0, 1_i64] {
                let samples: Vec<_> = (0..samples).map(|number| (1, number * step, 0.5)).collect();
                let bytes = key.seal(&commit(&samples));
                assert!(bytes.len() <= LONGEST);
                let frame = key.open(&bytes).unwrap();
                assert_eq!(frame.samples.is_some(), is_whole);
                assert_eq!(frame.sequences.last, 8);
            }
        }
    }
}
