//! Some thousand samples of one signal, compressed; and back, bit for bit.
//!
//! Timestamps and values are compressed by `pco`. Values that are decimals with few places, which is what sensors and
//! people produce, become integers first, because their differences are small integers while those of the floats are
//! noise; this is done only when every single value comes back exactly (the idea is ALP's: Afroozeh, Kuffo, Boncz,
//! "ALP: Adaptive Lossless floating-Point Compression", SIGMOD 2024).
//!
//! Payload: version (1 byte), decimal places or [`FLOATS`] (1 byte), length of the timestamps (4 bytes, little endian),
//! timestamps, values.

use pco::standalone::{simple_compress, simple_decompress_into};
use pco::{ChunkConfig, ModeSpec};

use super::columns::Columns;

/// Samples that a full block has. Smaller ones waste more of the pages that they end in (a tenth at 16 k), larger ones cost
/// more to read for a short span (a quarter of a millisecond at this size).
pub(super) const BLOCK_SAMPLES: usize = 65_536;

/// A signal's samples stay in bundles until they are as many; a block with fewer is joined with what comes after it.
pub(super) const SMALL_BLOCK: usize = if cfg!(test) { 12 } else { 4_096 };

/// Samples of which the lowest and the highest are kept beside the payload.
pub(super) const EXTREMES_OF: usize = 512;

/// The most samples a readable block can have: what a damaged count may make us allocate.
const LARGEST_BLOCK: usize = 1 << 20;

const VERSION: u8 = 1;
const HEADER: usize = 6;

/// In place of the decimal places: values are floats as they are.
pub(super) const FLOATS: u8 = 255;
const MOST_PLACES: usize = 9;
const POWERS: [f64; MOST_PLACES + 1] = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9];
/// Integers up to here are exact in a float.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Level 8, the default, is 2 to 4 times slower and saves less than one per cent on telemetry.
const LEVEL: usize = 4;

/// What is known of a block's samples without decompressing them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Summary {
    pub(super) first_time: i64,
    pub(super) last_time: i64,
    pub(super) count: usize,
    /// The lowest value, and the first instant that has it.
    pub(super) min: (i64, f64),
    /// The highest value, and the first instant that has it.
    pub(super) max: (i64, f64),
    /// Held within the finite floats.
    pub(super) sum: f64,
    pub(super) first: f64,
    pub(super) last: f64,
}

/// A payload that cannot be read, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the block is damaged: {0}")]
pub(super) struct Damaged(pub(super) String);

impl Summary {
    /// `None` when there are no samples.
    pub(super) fn of(columns: &Columns) -> Option<Self> {
        let mut samples = columns.iter();
        let (time, value) = samples.next()?;
        let start = Self {
            first_time: time,
            last_time: time,
            count: 1,
            min: (time, value),
            max: (time, value),
            sum: value,
            first: value,
            last: value,
        };
        Some(samples.fold(start, |sum, (time, value)| Self {
            last_time: time,
            count: sum.count + 1,
            min: if value < sum.min.1 { (time, value) } else { sum.min },
            max: if value > sum.max.1 { (time, value) } else { sum.max },
            sum: add(sum.sum, value),
            last: value,
            ..sum
        }))
    }
}

/// A sum that stays finite.
pub(super) fn add(a: f64, b: f64) -> f64 {
    (a + b).clamp(f64::MIN, f64::MAX)
}

/// The payload of `columns`.
pub(super) fn encode(columns: &Columns) -> Result<Vec<u8>, Damaged> {
    let config = ChunkConfig::default().with_compression_level(LEVEL);
    let failed = |error: pco::errors::PcoError| Damaged(error.to_string());
    // Timestamps have no hidden multiples that the search for them would pay for.
    let times = simple_compress(columns.times(), &config.clone().with_mode_spec(ModeSpec::Classic))
        .map_err(failed)?;
    let (places, values) = match decimals(columns.values()) {
        Some((places, integers)) => (places, simple_compress(&integers, &config).map_err(failed)?),
        None => (FLOATS, simple_compress(columns.values(), &config).map_err(failed)?),
    };
    let length = u32::try_from(times.len()).map_err(|_| Damaged("too many samples".into()))?;
    let mut payload = Vec::with_capacity(HEADER + times.len() + values.len());
    payload.extend_from_slice(&[VERSION, places]);
    payload.extend_from_slice(&length.to_le_bytes());
    payload.extend_from_slice(&times);
    payload.extend_from_slice(&values);
    Ok(payload)
}

/// The `count` samples of a payload whose checksum has been verified.
pub(super) fn decode(payload: &[u8], count: usize) -> Result<Columns, Damaged> {
    let damaged = |why: &str| Damaged(why.to_owned());
    let (header, rest) = payload.split_at_checked(HEADER).ok_or_else(|| damaged("it has no header"))?;
    let [version, places, length @ ..] = header else { return Err(damaged("it has no header")) };
    if *version != VERSION {
        return Err(Damaged(format!("version {version} is not known")));
    }
    let length = length.iter().rev().fold(0, |sum, byte| sum << 8 | usize::from(*byte));
    let (times, values) = rest.split_at_checked(length).ok_or_else(|| damaged("it is cut short"))?;
    let times: Vec<i64> = numbers(times, count)?;
    let values = if *places == FLOATS {
        numbers(values, count)?
    } else {
        let power = power(*places).ok_or_else(|| damaged("its places are unknown"))?;
        // The encoder made sure that they are exact.
        numbers::<i64>(values, count)?.into_iter().map(|integer| integer as f64 / power).collect()
    };
    if !times.is_sorted_by(|a, b| a < b) {
        return Err(damaged("its timestamps do not rise"));
    }
    Ok(Columns::from_sorted(times, values))
}

/// The lowest and the highest of every [`EXTREMES_OF`] samples, compressed: a hundredth of the payload, and all that a wide
/// chart needs. `None` where they would tell nothing or save nothing.
///
/// Checksum (4 bytes, little endian), number of points (4 bytes, little endian), and a payload of its own.
pub(super) fn encode_extremes(columns: &Columns) -> Result<Option<Vec<u8>>, Damaged> {
    let constant = columns.values().windows(2).all(|pair| pair[0] == pair[1]);
    if constant || columns.len() < 8 * EXTREMES_OF {
        return Ok(None);
    }
    let extremes = extremes_of(columns, EXTREMES_OF);
    let count = u32::try_from(extremes.len()).map_err(|_| Damaged("too many samples".into()))?;
    let mut rest = count.to_le_bytes().to_vec();
    rest.extend(encode(&extremes)?);
    let mut blob = crc32fast::hash(&rest).to_le_bytes().to_vec();
    blob.extend(rest);
    Ok(Some(blob))
}

/// The lowest and the highest of every `length` samples, in time order.
pub(super) fn extremes_of(columns: &Columns, length: usize) -> Columns {
    let mut extremes = Columns::default();
    for start in (0..columns.len()).step_by(length) {
        let part = columns.slice(start..columns.len().min(start + length));
        if let Some(Summary { min, max, .. }) = Summary::of(&part) {
            let (first, second) = if min.0 <= max.0 { (min, max) } else { (max, min) };
            extremes.push(first.0, first.1);
            if second.0 > first.0 {
                extremes.push(second.0, second.1);
            }
        }
    }
    extremes
}

/// The points of a blob that [`encode_extremes`] made.
pub(super) fn decode_extremes(blob: &[u8]) -> Result<Columns, Damaged> {
    let short = || Damaged("its extremes are cut short".into());
    let (checksum, rest) = blob.split_first_chunk::<4>().ok_or_else(short)?;
    if u32::from_le_bytes(*checksum) != crc32fast::hash(rest) {
        return Err(Damaged("the checksum of its extremes is wrong".into()));
    }
    let (count, payload) = rest.split_first_chunk::<4>().ok_or_else(short)?;
    decode(payload, u32::from_le_bytes(*count) as usize)
}

/// The checksum that stands beside a payload.
pub(super) fn checksum(payload: &[u8]) -> i64 {
    i64::from(crc32fast::hash(payload))
}

fn numbers<T: pco::data_types::Number + Default>(bytes: &[u8], count: usize) -> Result<Vec<T>, Damaged> {
    if count > LARGEST_BLOCK {
        return Err(Damaged(format!("it claims {count} samples")));
    }
    let mut numbers = vec![T::default(); count];
    let progress = simple_decompress_into(bytes, &mut numbers).map_err(|error| Damaged(error.to_string()))?;
    if progress.n_processed != count || !progress.finished {
        return Err(Damaged(format!("it has not the {count} samples that it should")));
    }
    Ok(numbers)
}

/// The values as integers and the decimal places they share, if all come back bit for bit.
pub(super) fn decimals(values: &[f64]) -> Option<(u8, Vec<i64>)> {
    let (mut places, mut integers) = (0, Vec::with_capacity(values.len()));
    // Those before had fewer places.
    let mut outdated = 0;
    for (index, value) in values.iter().enumerate() {
        let found = loop {
            match integer(*value, places) {
                Some(integer) => break integer,
                None if places == MOST_PLACES => return None,
                None => (places, outdated) = (places + 1, index),
            }
        };
        integers.push(found);
    }
    for (value, outdated) in values.iter().zip(&mut integers[..outdated]) {
        *outdated = integer(*value, places)?;
    }
    Some((u8::try_from(places).ok()?, integers))
}

/// What integers with this number of decimal places are divided by; `None` when it is too large.
pub(super) fn power(places: u8) -> Option<f64> {
    POWERS.get(usize::from(places)).copied()
}

fn integer(value: f64, places: usize) -> Option<i64> {
    let scaled = value * POWERS[places];
    if scaled.abs() > EXACT {
        return None;
    }
    // Rounds by adding a half and cutting off, which takes a third of the time of `round`. Above a half of `EXACT` there are no
    // fractions, and a half could not be added.
    let half = if scaled.abs() < EXACT / 2.0 { 0.5_f64.copysign(scaled) } else { 0.0 };
    let integer = (scaled + half) as i64;
    // By way of the integer, which has no negative zero.
    let back = integer as f64 / POWERS[places];
    (back.to_bits() == value.to_bits()).then_some(integer)
}

/// The samples of a stored payload.
pub(super) fn verified(payload: &[u8], stored: i64, count: i32) -> Result<Columns, Damaged> {
    if checksum(payload) != stored {
        return Err(Damaged("its checksum is wrong".into()));
    }
    decode(payload, usize::try_from(count).unwrap_or(usize::MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn columns(values: Vec<f64>) -> Columns {
        Columns::from_sorted((0..values.len() as i64).map(|i| i * 1_000_000).collect(), values)
    }

    fn check_round_trip(columns: &Columns) -> Vec<u8> {
        let payload = encode(columns).unwrap();
        let decoded = decode(&payload, columns.len()).unwrap();
        assert_eq!(decoded.times(), columns.times());
        let bits = |columns: &Columns| columns.values().iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&decoded), bits(columns));
        payload
    }

    #[test]
    fn decimals_become_small() {
        let walk: Vec<f64> = (0..10_000).map(|i| f64::from(i * 37 % 1_000) / 100.0).collect();
        let payload = check_round_trip(&columns(walk));
        assert_eq!(payload[1], 2, "two decimal places");
        let constant = check_round_trip(&columns(vec![21.5; 10_000]));
        assert!(constant.len() < 200, "{}", constant.len());
    }

    #[test]
    fn floats_that_are_no_decimals_stay_as_they_are() {
        for value in [-0.0, 0.1 + 0.2, f64::MIN_POSITIVE, 1e300, f64::MAX, 9_007_199_254_740_993.0 * 4.0] {
            check_round_trip(&columns(vec![1.5, value, 2.5]));
        }
    }

    #[test]
    fn extremes_are_those_of_every_part() {
        let all = columns((0..10_000).map(|i| f64::from(i * 7_919 % 10_007)).collect());
        let blob = encode_extremes(&all).unwrap().unwrap();
        let extremes = decode_extremes(&blob).unwrap();
        for start in (0..all.len()).step_by(EXTREMES_OF) {
            let part = all.slice(start..all.len().min(start + EXTREMES_OF));
            let Summary { min, max, .. } = Summary::of(&part).unwrap();
            assert!(extremes.iter().any(|point| point == min) && extremes.iter().any(|point| point == max));
        }
        assert!(extremes.len() <= 2 * all.len().div_ceil(EXTREMES_OF));
        assert_eq!(encode_extremes(&columns(vec![1.0; 10_000])), Ok(None), "a constant has none");
        for byte in 0..blob.len() {
            let mut damaged = blob.clone();
            damaged[byte] ^= 1;
            assert!(decode_extremes(&damaged).is_err(), "{byte}");
        }
    }

    #[test]
    fn a_damaged_payload_is_an_error() {
        let payload = encode(&columns((0..1_000).map(f64::from).collect())).unwrap();
        assert!(decode(&payload, 999).is_err());
        assert!(decode(&payload, 1_001).is_err());
        assert!(decode(&payload, usize::MAX).is_err());
        assert!(decode(&payload[..payload.len() / 2], 1_000).is_err());
        assert!(decode(&[], 1).is_err());
        assert!(decode(&[9; 40], 1).is_err());
    }

    proptest! {
        #[test]
        fn every_column_comes_back_bit_for_bit(
            steps in proptest::collection::vec((1_i64..5_000_000, any::<f64>().prop_filter("finite", |v| v.is_finite())), 1..300),
            start in -1_000_000_000_000_i64..2_000_000_000_000_000,
        ) {
            let mut time = start;
            let (times, values) = steps.into_iter().map(|(step, value)| { time += step; (time, value) }).unzip();
            check_round_trip(&Columns::from_sorted(times, values));
        }

        #[test]
        fn every_decimal_comes_back_bit_for_bit(
            mantissas in proptest::collection::vec(-9_999_999_999_i64..9_999_999_999, 1..300),
            places in 0..10_usize,
        ) {
            let text = |m: &i64| format!("{:.*}", places, *m as f64 / POWERS[places]);
            check_round_trip(&columns(mantissas.iter().map(|m| text(m).parse().unwrap()).collect()));
        }

        #[test]
        fn a_summary_tells_the_truth(values in proptest::collection::vec(-1e9..1e9_f64, 1..100)) {
            let columns = columns(values.clone());
            let summary = Summary::of(&columns).unwrap();
            prop_assert_eq!(summary.count, values.len());
            prop_assert_eq!(summary.min.1, values.iter().copied().fold(f64::INFINITY, f64::min));
            prop_assert_eq!(summary.max.1, values.iter().copied().fold(f64::NEG_INFINITY, f64::max));
            prop_assert!(columns.iter().any(|sample| sample == summary.min));
            prop_assert_eq!((summary.first, summary.last), (values[0], *values.last().unwrap()));
        }
    }
}
