//! Answers: blocks, rollups and head merged into one series, whole or reduced.

use std::collections::BTreeSet;
use std::sync::Arc;

use afterglow_wire::Timestamp;
use diesel::dsl::{max, min, sum};
use diesel::prelude::*;

use super::super::block;
use super::super::columns::Columns;
use super::super::head::Head;
use super::super::reduce::Reducer;
use super::super::rollup::{self, Bucket, Resolution};
use super::super::schema::{block as blocks, rollup as rollups};
use super::super::{Details, Query, Sink, Span, StoreError};
use super::{Sqlite, connection, seal};
use crate::batch::SignalId;
use crate::signals::Signals;

/// Block summaries read at once: bounds memory, whatever the span.
const PAGE: i64 = 1_024;

/// What a block says of itself.
#[derive(Queryable)]
struct Stored {
    id: i64,
    first_time: i64,
    last_time: i64,
    count: i32,
    min: (i64, f64),
    max: (i64, f64),
}

impl Stored {
    /// Whether the row does not contradict itself, as a damaged one may; only its payload has a checksum.
    fn is_possible(&self) -> bool {
        let inside = self.first_time..=self.last_time;
        // The whole calendar is less than a half of what an integer holds.
        let length = self.last_time.checked_sub(self.first_time);
        self.count > 0
            && length.is_some_and(|length| length < i64::MAX / 8)
            && inside.contains(&self.min.0)
            && inside.contains(&self.max.0)
            && self.min.1 <= self.max.1
    }
}

pub(super) fn query(
    engine: &Sqlite,
    query: &Query,
    signals: &Signals,
    sink: &mut dyn Sink,
) -> Result<u64, StoreError> {
    let wanted: Vec<(Arc<str>, SignalId)> = signals.by_name(|name| query.wants(name));
    // The head first, the blocks after: what is sealed in between is in both and merges, and nothing is in neither.
    let (sequence, heads) = engine.read_head(|head| {
        let heads = wanted.iter().map(|(_, signal)| head.within(*signal, query.span));
        (head.sequence().cast_unsigned(), heads.collect::<Vec<_>>())
    });
    let mut reader = connection(&engine.readers)?;
    reader.transaction(|reader| {
        for ((name, signal), head) in wanted.iter().zip(heads) {
            sink.check()?;
            series(engine, reader, query, (name, *signal), &head, sink)?;
        }
        Ok(sequence)
    })
}

/// As [`query`], but with a transaction for each signal: one that lasted as long as everything takes would keep the
/// write-ahead log from being folded back, and it would grow by all that arrives meanwhile.
pub(super) fn query_each(
    engine: &Sqlite,
    query: &Query,
    signals: &Signals,
    sink: &mut dyn Sink,
) -> Result<(), StoreError> {
    let mut reader = connection(&engine.readers)?;
    for (name, signal) in signals.by_name(|name| query.wants(name)) {
        sink.check()?;
        let head = engine.read_head(|head| head.within(signal, query.span));
        reader.transaction(|reader| series(engine, reader, query, (&name, signal), &head, sink))?;
    }
    Ok(())
}

/// One signal's answer.
fn series(
    engine: &Sqlite,
    reader: &mut SqliteConnection,
    query: &Query,
    (name, signal): (&str, SignalId),
    head: &Columns,
    sink: &mut dyn Sink,
) -> Result<(), StoreError> {
    let span = query.span;
    let mut rest = Rest { samples: head.clone(), points: expired(engine, reader, signal, span)? };
    let extent = extent(reader, signal, span, &rest)?;
    let mut answer = Answer { name, sink, begun: false, reduction: Reduction::new(query.max_points, extent) };
    let mut after = i64::MIN;
    loop {
        let page = page(reader, signal, span, after)?;
        for stored in &page {
            answer.sink.check()?;
            after = stored.last_time;
            answer.add(&rest.take(stored.first_time, &Columns::default()))?;
            let next = stored.last_time.min(span.to.micros()).saturating_add(1);
            let whole = stored.is_possible()
                && !rest.begins_before(next)
                && span.from.micros() <= stored.first_time
                && stored.last_time <= span.to.micros();
            if whole && answer.add_summary(stored) {
                continue;
            }
            if whole
                && answer.wants_extremes(stored)
                && let Some(extremes) = seal::read_extremes(reader, stored.id)?
            {
                answer.add(&extremes)?;
                continue;
            }
            let block = engine.read_block(reader, signal, stored.id)?.unwrap_or_default();
            answer.add(&if whole { block } else { rest.take(next, &block.clip(span)) })?;
        }
        if (page.len() as i64) < PAGE {
            break;
        }
    }
    answer.add(&rest.take(span.to.micros().saturating_add(1), &Columns::default()))?;
    answer.finish()
}

/// What an answer has in memory as a whole, without what has been handed on.
struct Rest {
    /// The head's.
    samples: Columns,
    /// What remains of expired ones.
    points: Columns,
}

impl Rest {
    /// Whether there is anything before `time`.
    fn begins_before(&self, time: i64) -> bool {
        [&self.samples, &self.points]
            .iter()
            .any(|rest| rest.times().first().is_some_and(|first| *first < time))
    }

    /// Takes out what is before `time`, together with a block's samples, which all are.
    fn take(&mut self, time: i64, block: &Columns) -> Columns {
        let samples = Columns::merge(block, &self.samples.split_before(time));
        let mut all = Columns::beside(&samples, &self.points.split_before(time));
        let taken = all.split_before(time);
        if !all.is_empty() {
            // A point that gave way is no longer before it.
            self.points = Columns::merge(&all, &self.points);
        }
        taken
    }
}

/// The summaries of the next blocks that have a part in `span` and end after `after`.
fn page(reader: &mut SqliteConnection, signal: SignalId, span: Span, after: i64) -> QueryResult<Vec<Stored>> {
    blocks::table
        .filter(blocks::signal_id.eq(signal.0.cast_signed()))
        .filter(blocks::last_timestamp.ge(span.from.micros()).and(blocks::last_timestamp.gt(after)))
        .filter(blocks::first_timestamp.le(span.to.micros()))
        .order(blocks::last_timestamp)
        .limit(PAGE)
        .select((
            blocks::id,
            blocks::first_timestamp,
            blocks::last_timestamp,
            blocks::count,
            (blocks::min_timestamp, blocks::min),
            (blocks::max_timestamp, blocks::max),
        ))
        .load(reader)
}

/// The first and last instant that an answer can have.
fn extent(
    reader: &mut SqliteConnection,
    signal: SignalId,
    span: Span,
    rest: &Rest,
) -> QueryResult<Option<(i64, i64)>> {
    let of_signal = blocks::table
        .filter(blocks::signal_id.eq(signal.0.cast_signed()))
        .filter(blocks::last_timestamp.ge(span.from.micros()))
        .filter(blocks::first_timestamp.le(span.to.micros()));
    let first: Option<i64> =
        of_signal.order(blocks::last_timestamp).select(blocks::first_timestamp).first(reader).optional()?;
    let last: Option<i64> = of_signal
        .order(blocks::last_timestamp.desc())
        .select(blocks::last_timestamp)
        .first(reader)
        .optional()?;
    let rest = [rest.samples.times(), rest.points.times()];
    let first = first.into_iter().chain(rest.iter().filter_map(|times| times.first().copied())).min();
    let last = last.into_iter().chain(rest.iter().filter_map(|times| times.last().copied())).max();
    Ok(first.zip(last).map(|(first, last)| (first.max(span.from.micros()), last.min(span.to.micros()))))
}

/// What remains of expired samples, as two points a bucket: the lowest at its start, the highest in its middle. Where a
/// sample is at that instant (not all of the bucket's have expired, or one came late) they give way: see [`Rest`].
fn expired(
    engine: &Sqlite,
    reader: &mut SqliteConnection,
    signal: SignalId,
    span: Span,
) -> Result<Columns, StoreError> {
    let rows: Vec<(i64, i32, Vec<u8>, i64)> = rollups::table
        .filter(rollups::signal_id.eq(signal.0.cast_signed()))
        .filter(rollups::last_bucket.gt(span.from.micros().saturating_sub(HOUR)))
        .filter(rollups::first_bucket.lt(span.to.micros().saturating_add(HOUR)))
        .select((rollups::id, rollups::resolution, rollups::payload, rollups::checksum))
        .load(reader)?;
    let (mut minutes, mut hours) = (Vec::new(), Vec::new());
    for (id, resolution, payload, checksum) in rows {
        match verified(&payload, checksum) {
            Ok(buckets) if resolution == Resolution::Hour.seconds() => hours.extend(buckets),
            Ok(buckets) => minutes.extend(buckets),
            Err(error) => engine.report_damage("rollup", id, &error),
        }
    }
    hours.sort_by_key(|hour| hour.start);
    // Samples that came so late that their hour had been made already are a part of it: minutes beside it would have points
    // at its instants.
    let (late, minutes): (Vec<_>, Vec<_>) = minutes.into_iter().partition(|minute: &Bucket| {
        let hour = minute.start.div_euclid(HOUR) * HOUR;
        hours.binary_search_by_key(&hour, |hour| hour.start).is_ok()
    });
    let hours = rollup::merge(&hours, &rollup::coarsen(&late, Resolution::Hour));
    let mut points = Vec::new();
    for (buckets, resolution) in [(hours, Resolution::Hour), (minutes, Resolution::Minute)] {
        buckets.iter().for_each(|bucket| push_points(&mut points, bucket, resolution));
    }
    Ok(Columns::from_unsorted(&points).clip(span))
}

const HOUR: i64 = 3_600_000_000;

fn push_points(points: &mut Vec<(i64, f64)>, bucket: &Bucket, resolution: Resolution) {
    points.push((bucket.start, bucket.min));
    if bucket.max > bucket.min {
        points.push((bucket.start + resolution.micros() / 2, bucket.max));
    }
}

/// The buckets of a stored payload.
pub(super) fn verified(payload: &[u8], checksum: i64) -> Result<Vec<Bucket>, block::Damaged> {
    if block::checksum(payload) != checksum {
        return Err(block::Damaged("its checksum is wrong".into()));
    }
    rollup::decode(payload)
}

/// Hands one signal's points on, reduced where that was asked for.
struct Answer<'s> {
    name: &'s str,
    sink: &'s mut dyn Sink,
    begun: bool,
    reduction: Option<Reduction>,
}

/// Few samples stay as they are; only when there turn out to be too many are they reduced.
struct Reduction {
    limit: usize,
    few: Columns,
    reducer: Reducer,
    reducing: bool,
}

impl Reduction {
    fn new(max_points: Option<u32>, extent: Option<(i64, i64)>) -> Option<Self> {
        let (max_points, (first, last)) = (max_points?, extent?);
        let reducer = Reducer::new(first, last, max_points);
        Some(Self { limit: max_points as usize, few: Columns::default(), reducer, reducing: false })
    }

    /// Whether `more` samples are too many to stay as they are; the ones so far are reduced then.
    fn reduces(&mut self, more: usize) -> bool {
        if !self.reducing && self.few.len() + more > self.limit {
            self.reducing = true;
            self.reducer.add(self.few.times(), self.few.values());
        }
        self.reducing
    }
}

impl Answer<'_> {
    fn add(&mut self, columns: &Columns) -> Result<(), StoreError> {
        if columns.is_empty() {
            return Ok(());
        }
        let Some(reduction) = &mut self.reduction else { return self.hand_on(columns) };
        if reduction.reduces(columns.len()) {
            reduction.reducer.add(columns.times(), columns.values());
        } else {
            reduction.few.append(columns);
        }
        Ok(())
    }

    /// Whether a block's summary is all that the answer needs of it.
    fn add_summary(&mut self, stored: &Stored) -> bool {
        let Some(reduction) = &mut self.reduction else { return false };
        let one_slice = reduction.reducer.same_slice(stored.first_time, stored.last_time);
        if !one_slice || !reduction.reduces(stored.count.cast_unsigned() as usize) {
            return false;
        }
        reduction.reducer.add_extremes(stored.min, stored.max);
        true
    }

    /// Whether the extremes of a block's parts are all that the answer needs of it.
    fn wants_extremes(&mut self, stored: &Stored) -> bool {
        let Some(reduction) = &mut self.reduction else { return false };
        let parts = i64::from(stored.count) / block::EXTREMES_OF as i64;
        let wide =
            parts > 0 && reduction.reducer.is_much_wider_than((stored.last_time - stored.first_time) / parts);
        wide && reduction.reduces(stored.count.cast_unsigned() as usize)
    }

    fn hand_on(&mut self, columns: &Columns) -> Result<(), StoreError> {
        if !std::mem::replace(&mut self.begun, true) {
            self.sink.series(self.name)?;
        }
        self.sink.points(columns.times(), columns.values())
    }

    fn finish(mut self) -> Result<(), StoreError> {
        let Some(reduction) = self.reduction.take() else { return Ok(()) };
        let columns = if reduction.reducing {
            let mut points = reduction.reducer.finish();
            points.truncate(reduction.limit);
            // In order, unless a damaged row lied about where it lies.
            Columns::from_unsorted(&points)
        } else {
            reduction.few
        };
        if columns.is_empty() { Ok(()) } else { self.hand_on(&columns) }
    }
}

/// The latest instant of each signal, by number.
pub(super) fn latest(engine: &Sqlite, signals: &Signals) -> Result<Vec<Option<Timestamp>>, StoreError> {
    let heads = engine.read_head(Head::latest);
    let mut reader = connection(&engine.readers)?;
    let sealed: Vec<(i32, Option<i64>)> = blocks::table
        .group_by(blocks::signal_id)
        .select((blocks::signal_id, max(blocks::last_timestamp)))
        .load(&mut reader)?;
    let expired: Vec<(i32, Option<i64>)> = rollups::table
        .group_by(rollups::signal_id)
        .select((rollups::signal_id, max(rollups::last_bucket)))
        .load(&mut reader)?;
    let stored = sealed.into_iter().chain(expired);
    let stored = stored.filter_map(|(id, latest)| Some((SignalId(id.cast_unsigned()), latest?)));
    let mut all = vec![None; signals.len()];
    for (signal, latest) in heads.into_iter().chain(stored) {
        // A damaged row may name any signal.
        if let Some(known) = all.get_mut(signal.0 as usize) {
            *known = (*known).max(Some(Timestamp::from_micros(latest)));
        }
    }
    Ok(all)
}

pub(super) fn signal_names(engine: &Sqlite, signals: &Signals) -> Result<Vec<String>, StoreError> {
    let mut with_samples = engine.read_head(Head::signals);
    let mut reader = connection(&engine.readers)?;
    let in_blocks: Vec<i32> = blocks::table.select(blocks::signal_id).distinct().load(&mut reader)?;
    let in_rollups: Vec<i32> = rollups::table.select(rollups::signal_id).distinct().load(&mut reader)?;
    with_samples.extend(in_blocks.into_iter().chain(in_rollups).map(|id| SignalId(id.cast_unsigned())));
    let names: BTreeSet<String> = with_samples
        .into_iter()
        .filter_map(|signal| signals.name(signal))
        .map(|name| name.to_string())
        .collect();
    Ok(names.into_iter().collect())
}

pub(super) fn details(engine: &Sqlite, signals: &Signals) -> Result<Vec<Details>, StoreError> {
    const EVERYTHING: Span = Span { from: Timestamp::MIN, to: Timestamp::MAX };
    let wanted = signals.by_name(|_| true);
    let heads: Vec<Columns> =
        engine.read_head(|head| wanted.iter().map(|(_, signal)| head.within(*signal, EVERYTHING)).collect());
    // In one transaction: what expires in between would be counted in both tiers, or in neither.
    connection(&engine.readers)?.transaction(|reader| {
        wanted
            .iter()
            .zip(heads)
            .map(|(signal, head)| detail(engine, reader, signal, &head))
            .filter_map(Result::transpose)
            .collect()
    })
}

/// What one signal comes to; `None` when it has nothing.
fn detail(
    engine: &Sqlite,
    reader: &mut SqliteConnection,
    (name, signal): &(Arc<str>, SignalId),
    head: &Columns,
) -> Result<Option<Details>, StoreError> {
    let id = signal.0.cast_signed();
    let sealed: (Option<i64>, Option<i64>, Option<i64>) = blocks::table
        .filter(blocks::signal_id.eq(id))
        .select((min(blocks::first_timestamp), max(blocks::last_timestamp), sum(blocks::count)))
        .first(reader)?;
    let expired: (Option<i64>, Option<i64>) = rollups::table
        .filter(rollups::signal_id.eq(id))
        .select((min(rollups::first_bucket), max(rollups::last_bucket)))
        .first(reader)?;
    let expired_count: Vec<i64> =
        rollups::table.filter(rollups::signal_id.eq(id)).select(rollups::count).load(reader)?;
    let newest_block: Option<(i64, f64)> = blocks::table
        .filter(blocks::signal_id.eq(id))
        .order(blocks::last_timestamp.desc())
        .select((blocks::last_timestamp, blocks::last))
        .first(reader)
        .optional()?;
    let newest = head.iter().last().into_iter().chain(newest_block).max_by_key(|(time, _)| *time);
    let newest = match newest {
        None => newest_bucket(engine, reader, id)?,
        newest => newest,
    };
    let first = [sealed.0, expired.0, head.times().first().copied()].into_iter().flatten().min();
    let (Some(first), Some((last, last_value))) = (first, newest) else { return Ok(None) };
    // Saturating, because a damaged row may claim anything.
    let expired_count = expired_count.into_iter().fold(0_i64, i64::saturating_add);
    let count = sealed.2.unwrap_or(0).saturating_add(expired_count).saturating_add(head.len() as i64);
    Ok(Some(Details {
        name: name.to_string(),
        first: Timestamp::from_micros(first),
        last: Timestamp::from_micros(last),
        last_value,
        count: count.cast_unsigned(),
    }))
}

/// The last bucket of a signal whose samples have all expired, as a sample.
fn newest_bucket(
    engine: &Sqlite,
    reader: &mut SqliteConnection,
    id: i32,
) -> Result<Option<(i64, f64)>, StoreError> {
    let row: Option<(i64, Vec<u8>, i64)> = rollups::table
        .filter(rollups::signal_id.eq(id))
        .order(rollups::last_bucket.desc())
        .select((rollups::id, rollups::payload, rollups::checksum))
        .first(reader)
        .optional()?;
    let Some((id, payload, checksum)) = row else { return Ok(None) };
    match verified(&payload, checksum) {
        Ok(buckets) => Ok(buckets.last().map(|bucket| (bucket.start, bucket.last))),
        Err(error) => {
            engine.report_damage("rollup", id, &error);
            Ok(None)
        }
    }
}
