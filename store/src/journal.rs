//! A commit as text: what one row of the journal holds.
//!
//! `[[timestamp, [[signal, value], ...]], ...]`, a JSON that plain SQL can read (the view `telemetry` does) and whose
//! numbers come back bit for bit. One row for thousands of samples costs a fraction of a row each.

use crate::batch::{Batch, Sample, SignalId};
use afterglow_wire::Timestamp;

/// Samples in one row: the view makes a row's identity from it.
pub(super) const ROW_SAMPLES: usize = 8_192;

/// About what a sample takes in a row.
const SAMPLE_BYTES: usize = 24;

/// One of the two parts of the journal that take turns: while one is sealed, the other takes rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    A,
    B,
}

impl Part {
    /// The part whose turn is next.
    pub(super) fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }
}

/// A row of the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) count: usize,
    pub(super) samples: String,
}

impl Row {
    pub(super) fn checksum(&self) -> i64 {
        i64::from(crc32fast::hash(self.samples.as_bytes()))
    }
}

/// The rows for `batches`, in order.
pub(super) fn encode(batches: &[Batch]) -> Vec<Row> {
    let mut rows = vec![Writer::default()];
    for instant in batches.iter().flat_map(Batch::instants) {
        for part in instant.chunks(ROW_SAMPLES) {
            if rows.last().is_some_and(|row| row.count + part.len() > ROW_SAMPLES) {
                rows.push(Writer::default());
            }
            if let Some(row) = rows.last_mut() {
                row.write(part);
            }
        }
    }
    rows.into_iter().filter(|row| row.count > 0).map(Writer::finish).collect()
}

#[derive(Default)]
struct Writer {
    count: usize,
    text: String,
}

impl Writer {
    fn write(&mut self, instant: &[Sample]) {
        let Some(first) = instant.first() else { return };
        self.text.reserve((instant.len() + 1) * SAMPLE_BYTES);
        let (mut integer, mut float) = (itoa::Buffer::new(), zmij::Buffer::new());
        self.text.push_str(if self.count == 0 { "[[" } else { ",[" });
        self.text.push_str(integer.format(first.timestamp.micros()));
        self.text.push_str(",[");
        for (index, sample) in instant.iter().enumerate() {
            self.text.push_str(if index == 0 { "[" } else { ",[" });
            self.text.push_str(integer.format(sample.signal.0));
            self.text.push(',');
            self.text.push_str(float.format_finite(sample.value));
            self.text.push(']');
        }
        self.text.push_str("]]");
        self.count += instant.len();
    }

    fn finish(mut self) -> Row {
        self.text.push(']');
        Row { count: self.count, samples: self.text }
    }
}

/// The samples of a row whose checksum has been verified.
///
/// # Errors
/// A sentence when the text is not what [`encode`] writes.
pub(super) fn decode(samples: &str) -> Result<Vec<Sample>, String> {
    let instants: Vec<(i64, Vec<(u32, f64)>)> =
        serde_json::from_str(samples).map_err(|error| error.to_string())?;
    let sample = |time, signal, value| Sample {
        signal: SignalId(signal),
        timestamp: Timestamp::from_micros(time),
        value,
    };
    Ok(instants
        .into_iter()
        .flat_map(|(time, pairs)| pairs.into_iter().map(move |(signal, value)| sample(time, signal, value)))
        .collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_sample_comes_back_in_order_bit_for_bit(
            samples in proptest::collection::vec(
                (0..3_u32, -5_i64..5, any::<f64>().prop_filter("finite", |v| v.is_finite())), 1..100),
            copies in 1..300_usize,
        ) {
            let mut batch = Batch::default();
            for (signal, time, value) in samples.iter().cycle().take(samples.len() * copies) {
                batch.push(Sample { signal: SignalId(*signal), timestamp: Timestamp::from_micros(*time), value: *value });
            }
            let rows = encode(&[Batch::default(), batch.clone()]);
            prop_assert!(rows.iter().all(|row| row.count <= ROW_SAMPLES));
            let decoded: Vec<_> = rows.iter().flat_map(|row| decode(&row.samples).unwrap()).collect();
            prop_assert_eq!(rows.iter().map(|row| row.count).sum::<usize>(), batch.len());
            let bits = |samples: &[Sample]| samples.iter().map(|s| (s.signal, s.timestamp, s.value.to_bits())).collect::<Vec<_>>();
            prop_assert_eq!(bits(&decoded), bits(batch.samples()));
        }
    }

    #[test]
    fn damaged_text_is_an_error() {
        for text in ["", "[", "{}", "[[1]]", "[[1,[[0]]]]", "[[1,[[0,null]]]]", "[[1,[[-1,1.0]]]]"] {
            assert!(decode(text).is_err(), "{text}");
        }
    }
}
