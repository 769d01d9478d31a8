//! Answers: blocks, rollups and head merged into one series, whole or reduced.

mod ahead;
mod answer;
mod rest;

use std::sync::Arc;
use std::time::Duration;

use afterglow_wire::Timestamp;

use super::Engine;
use super::extremes::FINE;
use crate::batch::SignalId;
use crate::block;
use crate::columns::Columns;
use crate::fault;
use crate::head::Head;
use crate::signals::Signals;
use crate::tables::{BlockSummary, Rows};
use crate::{Detail, Query, Sink, Span, StoreError, budget};
use ahead::{READ_AHEAD, ReadAhead};
use answer::{Answer, Shape};
use rest::{Place, Rest};

/// Block summaries read at once: bounds memory, whatever the span.
const PAGE: usize = 1_024;

/// Samples of the head that are copied at once: 8 MB, and the last signal's more.
const HEAD_AHEAD: usize = if cfg!(test) { 5 } else { 512 << 10 };

impl BlockSummary {
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
            && self.sum.is_finite()
            && self.last.is_finite()
    }
}

/// Of which spans a piece of an answer copies the head, for the first of the `wanted` signals, and about how many samples those are.
/// An answer that can go on in any place needs no more than it reads ahead.
fn parts(
    head: &Head,
    query: &Query,
    wanted: &[(Arc<str>, SignalId)],
    mut from: Timestamp,
    at_once: bool,
) -> Vec<(Span, usize)> {
    let pauses = query.detail == Detail::Samples && !at_once;
    let (mut parts, mut samples) = (Vec::new(), 0);
    for (_, signal) in wanted {
        let mut span = Span { from: std::mem::replace(&mut from, query.span.from), ..query.span };
        if pauses {
            span = head.beginning(*signal, span, READ_AHEAD + 1);
        }
        let count = head.count(*signal, span);
        parts.push((span, count));
        samples += count;
        if samples >= HEAD_AHEAD && !at_once {
            break;
        }
    }
    parts
}

impl Engine {
    /// Passes what `query` asks for to `sink`; returns the number of the last commit all of which is in it.
    ///
    /// All is as it was at one moment when that is to be `at_once`. Or else a reader is held only while it works, for at most `limit`: what it has read is handed on when it has been given back,
    /// and with the next one the answer goes on from the [`Place`] that it had reached.
    pub(crate) fn query(
        &self,
        query: &Query,
        signals: &Signals,
        limit: Option<Duration>,
        at_once: bool,
        sink: &mut dyn Sink,
    ) -> Result<u64, StoreError> {
        self.sync()?;
        let (before, known) = (self.sequence(), signals.len());
        let wanted = signals.select(&query.signals, || sink.check())?;
        let mut place = Place::begin(query, 0);
        let (mut sequence, mut ahead) = (None, ReadAhead::new(at_once, sink));
        loop {
            ahead.check()?;
            let start = place.clone();
            let piece = budget::limited(limit, || {
                self.tables.in_snapshot(|reader| self.piece(reader, query, &wanted, start, &mut ahead))
            });
            let newest = match piece {
                // Only the beginning of an answer can still be refused. The wait for a reader has an end, and so has the sink's
                // patience.
                Err(StoreError::Busy) if sequence.is_some() => continue,
                piece => match piece? {
                    Some((reached, newest)) => {
                        place = reached;
                        newest
                    }
                    None => {
                        self.sync()?;
                        continue;
                    }
                },
            };
            // A commit after the selection may have brought a signal that belongs to it.
            let newest = if signals.len() == known { newest } else { before };
            let sequence = *sequence.get_or_insert(newest);
            ahead.hand_on()?;
            if place.signal >= wanted.len() {
                return Ok(sequence);
            }
        }
    }

    /// Reads on from `place` until as much is read ahead as may be; returns where it got, and the number of the last commit. Nothing is
    /// read where another process has sealed what the head does not have yet: a block might have a newer write than the head.
    fn piece(
        &self,
        reader: &mut dyn Rows,
        query: &Query,
        wanted: &[(Arc<str>, SignalId)],
        mut place: Place,
        ahead: &mut ReadAhead<'_>,
    ) -> Result<Option<(Place, u64)>, StoreError> {
        // The head before the first statement, with which the snapshot begins: what is sealed in between is in both and
        // merges, and nothing is in neither. Not before there is a reader: copies do not wait for one.
        let parts =
            self.read_head(|head| parts(head, query, &wanted[place.signal..], place.from, ahead.at_once));
        let copied: usize = parts.iter().map(|(_, samples)| samples).sum();
        // The copy for a snapshot is not counted: snapshots are few, and must not wait.
        let _copy = if ahead.at_once { None } else { Some(self.copies.take(copied)?) };
        let (heads, sequence) = self.read_head(|head| {
            let signals = wanted[place.signal..].iter().zip(parts);
            let heads: Vec<_> =
                signals.map(|((_, signal), (span, _))| (head.within(*signal, span), span)).collect();
            (heads, head.sequence().cast_unsigned())
        });
        if self.is_behind(reader, sequence)? {
            return Ok(None);
        }
        for head in heads {
            ahead.check()?;
            let (index, (name, signal)) = (place.signal, &wanted[place.signal]);
            place = self.series(reader, query, (name, *signal), place, head, ahead)?;
            if ahead.at_once {
                ahead.hand_on()?;
            } else if ahead.is_full() || place.signal == index {
                break;
            }
        }
        Ok(Some((place, sequence)))
    }

    /// Whether another process has sealed commits after the one numbered `sequence`. The first statement of a snapshot.
    pub(super) fn is_behind(&self, reader: &mut dyn Rows, sequence: u64) -> Result<bool, StoreError> {
        Ok(self.tables.is_shared() && reader.sealed()?.cast_unsigned() > sequence && !fault::skips_sync())
    }

    /// One signal's answer within `span`, which begins at `place`, until it is whole or as much is read ahead as may be.
    fn series(
        &self,
        reader: &mut dyn Rows,
        query: &Query,
        (name, signal): (&str, SignalId),
        place: Place,
        (mut head, mut span): (Columns, Span),
        ahead: &mut ReadAhead<'_>,
    ) -> Result<Place, StoreError> {
        // A reduced answer is small, and can only be handed on as a whole.
        let pauses = query.detail == Detail::Samples && !ahead.at_once;
        let bundled = self.bundled(reader, signal, span)?;
        if !bundled.is_empty() {
            head = Columns::merge(&bundled, &head);
        }
        if pauses && let Some(time) = head.times().get(READ_AHEAD) {
            span.to = Timestamp::from_micros(time - 1);
            head = head.clip(span);
        }
        let expired = self.expired(reader, signal, span)?;
        let resolution = expired.resolution(span);
        let points = match query.detail {
            Detail::Slices(_) => Columns::default(),
            _ => Columns::merge(&expired.points().clip(span), &place.moved),
        };
        let mut rest = Rest { samples: head, points };
        let extent = rest.extent(reader.extent(signal, span)?);
        let extent = extent.map(|(first, last)| (first.max(span.from.micros()), last.min(span.to.micros())));
        let mut answer = Answer { name, sink: ahead, shape: Shape::new(query, extent) };
        answer.add_expired(&expired, span);
        let mut after = i64::MIN;
        loop {
            let page = reader.blocks(signal, span, after, PAGE)?;
            for stored in &page {
                answer.sink.check()?;
                after = stored.last_time;
                answer.add(&rest.take(stored.first_time, &Columns::default()));
                let next = stored.last_time.min(span.to.micros()).saturating_add(1);
                let whole = stored.is_possible()
                    && !rest.begins_before(next)
                    && span.from.micros() <= stored.first_time
                    && stored.last_time <= span.to.micros();
                if whole && answer.add_summary(stored) {
                    continue;
                }
                if whole
                    && answer.wants_extremes(stored, block::EXTREMES_OF)
                    // Where they cannot be read the payload says the same.
                    && let Some(extremes) = reader.extremes(stored.id)?
                    && let Ok(extremes) = block::decode_extremes(&extremes)
                {
                    answer.add(&extremes);
                    continue;
                }
                if whole && answer.wants_extremes(stored, FINE) {
                    let samples = || self.read_block(reader, signal, stored.id);
                    if let Some(extremes) = self.extremes.of_block(stored.id, samples)? {
                        answer.add(&extremes);
                    }
                    continue;
                }
                let block = self.read_block(reader, signal, stored.id)?.unwrap_or_default();
                answer.add(&if whole { block } else { rest.take(next, &block.clip(span)) });
                if !pauses && answer.sink.is_full() {
                    answer.sink.hand_on()?;
                } else if pauses
                    && answer.sink.is_full()
                    && span.from.micros() < next
                    && next <= span.to.micros()
                {
                    answer.finish(resolution);
                    return Ok(place.go_on(next, &mut rest));
                }
            }
            if page.len() < PAGE {
                break;
            }
        }
        let end = span.to.micros().saturating_add(1);
        answer.add(&rest.take(end, &Columns::default()));
        answer.finish(resolution);
        if span.to < query.span.to {
            return Ok(place.go_on(end, &mut rest));
        }
        ahead.end();
        Ok(Place::begin(query, place.signal + 1))
    }
}
