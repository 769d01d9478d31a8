//! What a sound row of each kind is.

use diesel::prelude::*;

use crate::block::{self, Summary};
use crate::journal;
use crate::rollup::{self, Resolution};

/// A row of `block`, all of it.
#[derive(Queryable)]
pub(super) struct BlockRow {
    _id: i64,
    _signal: i32,
    first_time: i64,
    last_time: i64,
    count: i32,
    min_time: i64,
    min: f64,
    max_time: i64,
    max: f64,
    sum: f64,
    first: f64,
    last: f64,
    _sealed_at: i64,
    extremes: Option<Vec<u8>>,
    pub(super) payload: Vec<u8>,
    checksum: i64,
}

impl BlockRow {
    pub(super) fn samples(&self) -> i64 {
        self.count.into()
    }

    /// Whether the payload is what was written and the summary is that of its samples.
    pub(super) fn check(&self) -> Result<(), String> {
        let columns = block::verified(&self.payload, self.checksum, self.count).map_err(|error| error.0)?;
        let stored = Summary {
            first_time: self.first_time,
            last_time: self.last_time,
            count: usize::try_from(self.count).unwrap_or(usize::MAX),
            min: (self.min_time, self.min),
            max: (self.max_time, self.max),
            sum: self.sum,
            first: self.first,
            last: self.last,
        };
        match Summary::of(&columns) {
            None => Err("it has no samples".into()),
            Some(actual) if actual != stored => {
                Err(format!("its summary is not that of its samples: {stored:?} instead of {actual:?}"))
            }
            Some(_) if block::encode_extremes(&columns).map_err(|error| error.0)? != self.extremes => {
                Err("its extremes are not those of its samples".into())
            }
            Some(_) => Ok(()),
        }
    }
}

/// A row of `rollup`, all of it.
#[derive(Queryable)]
pub(super) struct RollupRow {
    _id: i64,
    _signal: i32,
    resolution: i32,
    first_bucket: i64,
    last_bucket: i64,
    pub(super) count: i64,
    _arrived_at: i64,
    pub(super) payload: Vec<u8>,
    checksum: i64,
}

impl RollupRow {
    /// Whether the payload is what was written, its buckets are possible, and the row agrees with them.
    pub(super) fn check(&self) -> Result<(), String> {
        let buckets = rollup::verified(&self.payload, self.checksum).map_err(|error| error.0)?;
        let resolutions = [Resolution::Minute, Resolution::Hour];
        let Some(width) = resolutions.into_iter().find(|r| r.seconds() == self.resolution) else {
            return Err(format!("its resolution is {} s; it is 60 or 3600", self.resolution));
        };
        let (Some(first), Some(last)) = (buckets.first(), buckets.last()) else {
            return Err("it has no buckets".into());
        };
        if !buckets.is_sorted_by(|a, b| a.start < b.start) {
            return Err("its buckets do not rise".into());
        }
        if let Some(odd) = buckets.iter().find(|b| {
            let possible = b.count > 0 && b.min <= b.max && (b.min..=b.max).contains(&b.last);
            !possible || b.start % width.micros() != 0
        }) {
            return Err(format!("a bucket contradicts itself: {odd:?}"));
        }
        let count = buckets.iter().fold(0_i64, |sum, bucket| sum.saturating_add(bucket.count));
        let stored = (self.first_bucket, self.last_bucket, self.count);
        let actual = (first.start, last.start, count);
        if stored != actual {
            return Err(format!(
                "its first bucket, last bucket and count are not those of its payload: {stored:?} instead of {actual:?}"
            ));
        }
        Ok(())
    }
}

/// What is checked of a row of the journal.
#[derive(QueryableByName)]
pub(super) struct JournalRow {
    #[diesel(sql_type = diesel::sql_types::Integer)]
    pub(super) count: i32,
    #[diesel(sql_type = diesel::sql_types::Text)]
    pub(super) samples: String,
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    checksum: i64,
}

impl JournalRow {
    /// Whether the samples are what was written, and each is one of a signal that there is.
    pub(super) fn check(&self, known: impl Fn(i32) -> bool) -> Result<(), String> {
        if block::checksum(self.samples.as_bytes()) != self.checksum {
            return Err("its checksum is wrong".into());
        }
        let samples = journal::decode(&self.samples)?;
        if samples.len() != usize::try_from(self.count).unwrap_or(usize::MAX) {
            return Err(format!("it has {} samples instead of {}", samples.len(), self.count));
        }
        match samples.iter().find(|sample| !known(sample.signal.0.cast_signed())) {
            Some(sample) => Err(format!("its signal {} has no name", sample.signal.0)),
            None => Ok(()),
        }
    }
}
