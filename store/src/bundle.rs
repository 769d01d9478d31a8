//! Small runs of neighbouring signals in one row, and back, bit for bit.
//!
//! With many signals a sealing has few samples of each: a row for each signal would cost more than what is in it. A bundle holds
//! runs of up to [`GROUP`] signals; each can be read without the others. It is made to be merged within hours, so its form is
//! simple: differences in as many bits as the largest needs (frame of reference; e.g. Lemire, Boytsov, "Decoding billions of
//! integers per second through vectorization", 2015). Decimals become integers first, as in [`block`](super::block).
//!
//! The directory says of each run where it is and what is known of it; the payload has the runs' pieces. Integers are LEB128,
//! signed ones zigzag.
//!
//! - Directory: CRC-32 of the rest (4 bytes, little endian), then for each run: signal minus the one before, count, first
//!   instant minus the one before, last instant minus first, last value (8 bytes, little endian), length of the piece of
//!   instants, length of the piece of values. A run without instants of its own has those of the run before.
//! - Instants: the smallest step, the bits of what each step is longer than that, and these, packed.
//! - Values: decimal places; the first integer, the bits of the differences, and these, zigzag and packed. Or [`FLOATS`] and
//!   8 bytes each.

mod bits;

use std::ops::Range;

use super::batch::SignalId;
use super::block::{self, Damaged, FLOATS};
use super::columns::Columns;
use bits::{pack, put_integer, put_signed, take_integer, take_signed, unpack, width, zigzag};

/// Signals are grouped by their numbers divided by this; a bundle has signals of one group.
pub(super) const GROUP: u32 = if cfg!(test) { 2 } else { 64 };

/// A bundle with this number of samples takes no further run: what must be read for the sake of one run stays small.
pub(super) const BUNDLE_SAMPLES: usize = if cfg!(test) { 16 } else { 4_096 };

/// The most samples a readable run can have: what a damaged count may make us allocate.
const LARGEST_RUN: u64 = 1 << 24;

/// What a directory says of one signal's samples.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Run {
    pub(super) signal: SignalId,
    pub(super) count: usize,
    pub(super) first: i64,
    pub(super) last: (i64, f64),
    /// Where its pieces are in the payload.
    times: Range<usize>,
    values: Range<usize>,
}

/// Bundled samples as they are stored.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Encoded {
    pub(super) directory: Vec<u8>,
    pub(super) payload: Vec<u8>,
}

/// The group of a signal.
pub(super) fn group(signal: SignalId) -> u32 {
    signal.0 / GROUP
}

/// Bundles `runs`, which are in order of their signals and not empty.
pub(super) fn encode(runs: &[(SignalId, Columns)]) -> Encoded {
    let mut encoded = Encoded { directory: vec![0; 4], payload: Vec::new() };
    let Encoded { directory, payload } = &mut encoded;
    let (mut signal_before, mut first_before, mut times_before): (u32, i64, &[i64]) = (0, 0, &[]);
    for (signal, columns) in runs {
        let times = columns.times();
        let (Some(&first), Some((last, last_value))) = (times.first(), columns.last()) else { continue };
        let start = payload.len();
        if times != times_before {
            put_times(payload, times);
        }
        let middle = payload.len();
        put_values(payload, columns.values());
        put_integer(directory, u64::from(signal.0 - signal_before));
        put_integer(directory, times.len() as u64);
        put_signed(directory, first.wrapping_sub(first_before));
        put_integer(directory, last.wrapping_sub(first).cast_unsigned());
        directory.extend_from_slice(&last_value.to_le_bytes());
        put_integer(directory, (middle - start) as u64);
        put_integer(directory, (payload.len() - middle) as u64);
        (signal_before, first_before, times_before) = (signal.0, first, times);
    }
    let checksum = crc32fast::hash(&directory[4..]);
    directory[..4].copy_from_slice(&checksum.to_le_bytes());
    encoded
}

/// What a directory says.
pub(super) fn runs(directory: &[u8]) -> Result<Vec<Run>, Damaged> {
    let short = || Damaged("its directory is cut short".into());
    let (checksum, mut rest) = directory.split_first_chunk::<4>().ok_or_else(short)?;
    if u32::from_le_bytes(*checksum) != crc32fast::hash(rest) {
        return Err(Damaged("the checksum of its directory is wrong".into()));
    }
    let (mut runs, mut signal, mut first, mut end, mut times) = (Vec::new(), 0_u32, 0_i64, 0_usize, 0..0);
    while !rest.is_empty() {
        let mut integer = || take_integer(&mut rest);
        let next = integer().and_then(|step| signal.checked_add(u32::try_from(step).ok()?));
        signal = next.ok_or_else(short)?;
        let count = integer().filter(|count| (1..=LARGEST_RUN).contains(count)).ok_or_else(short)? as usize;
        first = first.wrapping_add(take_signed(&mut rest).ok_or_else(short)?);
        let last = first.wrapping_add(take_integer(&mut rest).ok_or_else(short)?.cast_signed());
        let (value, after) = rest.split_first_chunk::<8>().ok_or_else(short)?;
        rest = after;
        let mut piece = || {
            let length = usize::try_from(take_integer(&mut rest)?).ok()?;
            let piece = end..end.checked_add(length)?;
            end = piece.end;
            Some(piece)
        };
        let own = piece().ok_or_else(short)?;
        let values = piece().ok_or_else(short)?;
        if !own.is_empty() {
            times = own;
        }
        let last = (last, f64::from_le_bytes(*value));
        runs.push(Run { signal: SignalId(signal), count, first, last, times: times.clone(), values });
    }
    Ok(runs)
}

/// The samples of a run of a payload whose checksum has been verified.
pub(super) fn decode(payload: &[u8], run: &Run) -> Result<Columns, Damaged> {
    let short = || Damaged("a run of it is cut short".into());
    let times = payload.get(run.times.clone()).ok_or_else(short)?;
    let times = take_times(times, run.first, run.count).ok_or_else(short)?;
    let values = payload.get(run.values.clone()).ok_or_else(short)?;
    let values = take_values(values, run.count).ok_or_else(short)?;
    let last = times.last().copied().zip(values.last().copied());
    if !times.is_sorted_by(|a, b| a < b) || last.is_none_or(|last| last.0 != run.last.0) {
        return Err(Damaged("the instants of a run do not rise to the last".into()));
    }
    if values.iter().any(|value| !value.is_finite()) {
        return Err(Damaged("a value is not finite".into()));
    }
    Ok(Columns::from_sorted(times, values))
}

fn put_times(payload: &mut Vec<u8>, times: &[i64]) {
    let steps = || times.windows(2).map(|pair| pair[1].wrapping_sub(pair[0]).cast_unsigned());
    let (least, most) = steps().fold((u64::MAX, 0), |(least, most), step| (least.min(step), most.max(step)));
    let least = least.min(most);
    let bits = width(most - least);
    put_integer(payload, least);
    payload.push(bits);
    pack(payload, steps().map(|step| step - least), bits);
}

fn take_times(mut piece: &[u8], first: i64, count: usize) -> Option<Vec<i64>> {
    let least = take_integer(&mut piece)?;
    let (bits, packed) = piece.split_first()?;
    let mut times = Vec::with_capacity(count);
    let mut time = first;
    times.push(time);
    unpack(packed, *bits, count - 1, |more| {
        time = time.wrapping_add(least.wrapping_add(more).cast_signed());
        times.push(time);
    })?;
    Some(times)
}

fn put_values(payload: &mut Vec<u8>, values: &[f64]) {
    let Some((places, integers)) = block::decimals(values) else {
        payload.push(FLOATS);
        values.iter().for_each(|value| payload.extend_from_slice(&value.to_le_bytes()));
        return;
    };
    let differences = || integers.windows(2).map(|pair| zigzag(pair[1] - pair[0]));
    let bits = width(differences().fold(0, |all, difference| all | difference));
    payload.push(places);
    put_signed(payload, integers.first().copied().unwrap_or_default());
    payload.push(bits);
    pack(payload, differences(), bits);
}

fn take_values(piece: &[u8], count: usize) -> Option<Vec<f64>> {
    let (places, mut rest) = piece.split_first()?;
    if *places == FLOATS {
        let (values, odd) = rest.as_chunks::<8>();
        return (odd.is_empty() && values.len() == count)
            .then(|| values.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect());
    }
    let power = block::power(*places)?;
    let mut integer = take_signed(&mut rest)?;
    let (bits, packed) = rest.split_first()?;
    let mut values = Vec::with_capacity(count);
    values.push(integer as f64 / power);
    unpack(packed, *bits, count - 1, |difference| {
        integer = integer.wrapping_add(bits::unzigzag(difference));
        values.push(integer as f64 / power);
    })?;
    Some(values)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A signal's number minus the one before, the first instant, steps, values.
    type Made = (u32, i64, Vec<(i64, f64)>);

    fn columns((_, first, samples): &Made) -> Columns {
        let mut next = *first;
        let mut instant = |step: i64| {
            let time = next;
            next += step;
            time
        };
        let (times, values) = samples.iter().map(|(step, value)| (instant(*step), *value)).unzip();
        Columns::from_sorted(times, values)
    }

    fn value() -> impl Strategy<Value = f64> {
        prop_oneof![
            (-99_999_999..99_999_999_i64, 0..6_u8).prop_map(|(m, p)| m as f64 / block::power(p).unwrap()),
            any::<f64>().prop_filter("finite", |value| value.is_finite()),
        ]
    }

    fn made() -> impl Strategy<Value = Made> {
        let step = prop_oneof![Just(1_000_000_i64), 1..5_000_000_i64];
        let same = proptest::collection::vec((Just(1_000_000_i64), Just(20.5)), 1..9);
        let any = proptest::collection::vec((step, value()), 1..40);
        (
            1..9_u32,
            prop_oneof![Just(7_i64), -1_000_000_000_000..1_000_000_000_000_i64],
            prop_oneof![same, any],
        )
    }

    proptest! {
        #[test]
        fn every_run_comes_back_bit_for_bit(made in proptest::collection::vec(made(), 0..20)) {
            let mut signal = 0;
            let runs: Vec<_> = made.iter().map(|made| { signal += made.0; (SignalId(signal), columns(made)) }).collect();
            let encoded = encode(&runs);
            let directory = super::runs(&encoded.directory).unwrap();
            prop_assert_eq!(directory.len(), runs.len());
            for (run, (signal, columns)) in directory.iter().zip(&runs) {
                prop_assert_eq!((run.signal, run.count, run.first), (*signal, columns.len(), columns.times()[0]));
                let decoded = decode(&encoded.payload, run).unwrap();
                prop_assert_eq!(decoded.times(), columns.times());
                let bits = |columns: &Columns| columns.values().iter().map(|v| v.to_bits()).collect::<Vec<_>>();
                prop_assert_eq!(bits(&decoded), bits(columns));
                prop_assert_eq!(Some(run.last), columns.last());
            }
        }

        #[test]
        fn damage_is_an_error_and_no_panic(
            made in proptest::collection::vec(made(), 1..4), at in any::<prop::sample::Index>(), bit in 0..8_u8,
        ) {
            let runs: Vec<_> = (1..).map(SignalId).zip(made.iter().map(columns)).collect();
            let Encoded { mut directory, mut payload } = encode(&runs);
            let sound = super::runs(&directory).unwrap();
            let (place, len) = (at.index(directory.len()), payload.len());
            directory[place] ^= 1 << bit;
            prop_assert!(super::runs(&directory).is_err());
            prop_assert!(super::runs(&directory[..place]).is_err());
            // What no checksum kept from here must not break anything.
            payload[at.index(len)] ^= 1 << bit;
            for run in &sound {
                let _ = decode(&payload, run);
                let _ = decode(&payload[..at.index(len)], run);
            }
        }
    }

    #[test]
    fn runs_that_share_their_instants_keep_them_once() {
        let walk = |seed: i64| {
            let values = (0..100).map(|i| ((i * 7_919 * seed) % 1_000) as f64 / 100.0).collect();
            Columns::from_sorted((0..100).map(|i| i * 1_000_000 + i % 3).collect(), values)
        };
        let one = encode(&[(SignalId(0), walk(1))]).payload.len();
        let ten: Vec<_> = (0..10).map(|number| (SignalId(number), walk(1))).collect();
        let instants = runs(&encode(&ten).directory).unwrap()[0].times.len();
        assert!(instants > 10);
        assert_eq!(encode(&ten).payload.len(), instants + 10 * (one - instants));
    }
}
