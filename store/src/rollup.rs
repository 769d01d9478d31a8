//! What remains of samples after their time: buckets of a minute, later of an hour, compressed like blocks.

use pco::ChunkConfig;
use pco::standalone::{simple_compress, simple_decompress_into};

use super::block::{Damaged, add, checksum};
use super::columns::Columns;

/// Buckets in one row: about two days of minutes, or five months of hours.
pub(super) const ROW_BUCKETS: usize = 4_096;

const VERSION: u8 = 1;

/// How long a bucket is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Resolution {
    Minute,
    Hour,
}

impl Resolution {
    /// As the database has it.
    pub(super) fn seconds(self) -> i32 {
        match self {
            Self::Minute => 60,
            Self::Hour => 3_600,
        }
    }

    pub(super) fn micros(self) -> i64 {
        i64::from(self.seconds()) * 1_000_000
    }
}

/// What the samples of a stretch of time amount to. Their mean is `sum / count`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bucket {
    /// Where the stretch begins, in microseconds: a multiple of the resolution where it is stored.
    pub start: i64,
    /// The lowest value.
    pub min: f64,
    /// The highest value.
    pub max: f64,
    /// The sum of all, held within the finite floats.
    pub sum: f64,
    /// How many there are, at least 1.
    pub count: i64,
    /// The value of the latest.
    pub last: f64,
}

impl Bucket {
    /// This bucket and a later part of the same stretch together.
    pub(super) fn join(self, later: Self) -> Self {
        Self {
            start: self.start,
            min: self.min.min(later.min),
            max: self.max.max(later.max),
            sum: add(self.sum, later.sum),
            count: self.count + later.count,
            last: later.last,
        }
    }
}

/// The buckets of samples.
pub(super) fn of_samples(columns: &Columns, resolution: Resolution) -> Vec<Bucket> {
    let width = resolution.micros();
    let bucket = |(time, value): (i64, f64)| Bucket {
        start: time.div_euclid(width) * width,
        min: value,
        max: value,
        sum: value,
        count: 1,
        last: value,
    };
    join(columns.iter().map(bucket))
}

/// The coarser buckets of finer ones.
pub(super) fn coarsen(buckets: &[Bucket], resolution: Resolution) -> Vec<Bucket> {
    let width = resolution.micros();
    join(buckets.iter().map(|bucket| Bucket { start: bucket.start.div_euclid(width) * width, ..*bucket }))
}

/// Both together, in order; where both have a bucket, `newer` is the later part of it.
pub(super) fn merge(older: &[Bucket], newer: &[Bucket]) -> Vec<Bucket> {
    let mut all = [older, newer].concat();
    all.sort_by_key(|bucket| bucket.start);
    join(all.into_iter())
}

/// Joins neighbours that have the same start.
fn join(buckets: impl Iterator<Item = Bucket>) -> Vec<Bucket> {
    let mut joined: Vec<Bucket> = Vec::new();
    for bucket in buckets {
        match joined.last_mut() {
            Some(last) if last.start == bucket.start => *last = last.join(bucket),
            _ => joined.push(bucket),
        }
    }
    joined
}

/// Six columns, each with its length before it (4 bytes, little endian): start, count, min, max, sum, last.
pub(super) fn encode(buckets: &[Bucket]) -> Result<Vec<u8>, Damaged> {
    let mut payload = vec![VERSION];
    let config = ChunkConfig::default();
    let integers = [|b: &Bucket| b.start, |b: &Bucket| b.count];
    let floats = [|b: &Bucket| b.min, |b: &Bucket| b.max, |b: &Bucket| b.sum, |b: &Bucket| b.last];
    for column in integers {
        push(&mut payload, simple_compress(&buckets.iter().map(column).collect::<Vec<_>>(), &config))?;
    }
    for column in floats {
        push(&mut payload, simple_compress(&buckets.iter().map(column).collect::<Vec<_>>(), &config))?;
    }
    Ok(payload)
}

fn push(payload: &mut Vec<u8>, column: pco::errors::PcoResult<Vec<u8>>) -> Result<(), Damaged> {
    let column = column.map_err(|error| Damaged(error.to_string()))?;
    let length = u32::try_from(column.len()).map_err(|_| Damaged("too many buckets".into()))?;
    payload.extend_from_slice(&length.to_le_bytes());
    payload.extend_from_slice(&column);
    Ok(())
}

/// The buckets of a payload whose checksum has been verified.
pub(super) fn decode(payload: &[u8]) -> Result<Vec<Bucket>, Damaged> {
    let (version, mut rest) = payload.split_first().ok_or_else(|| Damaged("it is empty".into()))?;
    if *version != VERSION {
        return Err(Damaged(format!("version {version} is not known")));
    }
    let start: Vec<i64> = take(&mut rest)?;
    let count: Vec<i64> = take(&mut rest)?;
    let floats = [take::<f64>(&mut rest)?, take(&mut rest)?, take(&mut rest)?, take(&mut rest)?];
    if count.len() != start.len() || floats.iter().any(|column| column.len() != start.len()) {
        return Err(Damaged("its columns have different lengths".into()));
    }
    let [min, max, sum, last] = &floats;
    let bucket = |i: usize| Bucket {
        start: start[i],
        min: min[i],
        max: max[i],
        sum: sum[i],
        count: count[i],
        last: last[i],
    };
    Ok((0..start.len()).map(bucket).collect())
}

fn take<T: pco::data_types::Number + Default>(rest: &mut &[u8]) -> Result<Vec<T>, Damaged> {
    let short = || Damaged("it is cut short".into());
    let (length, after) = rest.split_at_checked(4).ok_or_else(short)?;
    let length = length.iter().rev().fold(0, |sum, byte| sum << 8 | usize::from(*byte));
    let (column, after) = after.split_at_checked(length).ok_or_else(short)?;
    *rest = after;
    // One more than a row has: a longer column is noticed by its not being finished.
    let mut numbers = vec![T::default(); ROW_BUCKETS + 1];
    let progress =
        simple_decompress_into(column, &mut numbers).map_err(|error| Damaged(error.to_string()))?;
    if !progress.finished {
        return Err(Damaged("it has too many buckets".into()));
    }
    numbers.truncate(progress.n_processed);
    Ok(numbers)
}

/// The buckets of a stored payload.
pub(super) fn verified(payload: &[u8], stored: i64) -> Result<Vec<Bucket>, Damaged> {
    if checksum(payload) != stored {
        return Err(Damaged("its checksum is wrong".into()));
    }
    decode(payload)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn buckets_are_the_same_however_the_samples_were_split(
            samples in proptest::collection::vec((0_i64..20_000_000_000, -1000..1000_i32), 1..200),
            cut in 0_i64..20_000_000_000,
        ) {
            let samples: Vec<_> = samples.into_iter().map(|(t, v)| (t, f64::from(v))).collect();
            let columns = Columns::from_unsorted(&samples);
            let whole = of_samples(&columns, Resolution::Minute);
            let mut later = columns.clone();
            let earlier = later.split_before(cut);
            let parts = merge(&of_samples(&earlier, Resolution::Minute), &of_samples(&later, Resolution::Minute));
            prop_assert_eq!(&parts, &whole);
            prop_assert_eq!(coarsen(&whole, Resolution::Hour), of_samples(&columns, Resolution::Hour));
            prop_assert_eq!(decode(&encode(&whole).unwrap()).unwrap(), whole);
        }
    }

    #[test]
    fn damaged_payloads_are_errors() {
        let buckets = of_samples(&Columns::from_sorted(vec![1, 2], vec![1.0, 2.0]), Resolution::Minute);
        let payload = encode(&buckets).unwrap();
        for end in 0..payload.len() {
            assert!(decode(&payload[..end]).is_err(), "{end}");
        }
    }
}
