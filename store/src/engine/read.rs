//! Answers: blocks, rollups and head merged into one series, whole or reduced.

use std::sync::Arc;
use std::time::Duration;

use afterglow_wire::Timestamp;

use super::Engine;
use crate::batch::SignalId;
use crate::block;
use crate::columns::Columns;
use crate::reduce::Reducer;
use crate::signals::Signals;
use crate::tables::{BlockSummary, Rows};
use crate::{Query, Sink, Span, Stopped, StoreError, budget};

/// Block summaries read at once: bounds memory, whatever the span.
const PAGE: usize = 1_024;

/// Points that are read before the first of them is handed on: 2 MB, and a block more. Tests read little, and go on often.
const READ_AHEAD: usize = if cfg!(test) { 3 } else { 128 << 10 };

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
    }
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
                piece => {
                    let (reached, newest) = piece?;
                    place = reached;
                    newest
                }
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

    /// Reads on from `place` until as much is read ahead as may be; returns where it got, and the number of the last commit.
    fn piece(
        &self,
        reader: &mut dyn Rows,
        query: &Query,
        wanted: &[(Arc<str>, SignalId)],
        mut place: Place,
        ahead: &mut ReadAhead<'_>,
    ) -> Result<(Place, u64), StoreError> {
        // The head before the first statement, with which the snapshot begins: what is sealed in between is in both and
        // merges, and nothing is in neither. Not before there is a reader: copies do not wait for one.
        let (heads, sequence) = self.read_head(|head| {
            let (mut heads, mut samples) = (Vec::new(), 0);
            for (_, signal) in &wanted[place.signal..] {
                let from = if heads.is_empty() { place.from } else { query.span.from };
                let columns = head.within(*signal, Span { from, ..query.span });
                samples += columns.len();
                heads.push(columns);
                if samples >= HEAD_AHEAD && !ahead.at_once {
                    break;
                }
            }
            (heads, head.sequence().cast_unsigned())
        });
        for head in heads {
            ahead.check()?;
            let (name, signal) = &wanted[place.signal];
            place = self.series(reader, query, (name, *signal), place, head, ahead)?;
            if ahead.at_once {
                ahead.hand_on()?;
            } else if ahead.is_full() {
                break;
            }
        }
        Ok((place, sequence))
    }

    /// One signal's answer from `place` on, until it is whole or as much is read ahead as may be.
    fn series(
        &self,
        reader: &mut dyn Rows,
        query: &Query,
        (name, signal): (&str, SignalId),
        place: Place,
        mut head: Columns,
        ahead: &mut ReadAhead<'_>,
    ) -> Result<Place, StoreError> {
        let mut span = Span { from: place.from, ..query.span };
        // A reduced answer is small, and can only be handed on as a whole.
        let pauses = query.max_points.is_none() && !ahead.at_once;
        if pauses && let Some(time) = head.times().get(READ_AHEAD) {
            span.to = Timestamp::from_micros(time - 1);
            head = head.clip(span);
        }
        let points = Columns::merge(&self.expired(reader, signal, span)?, &place.moved);
        let mut rest = Rest { samples: head, points };
        let extent = rest.extent(reader.extent(signal, span)?);
        let extent = extent.map(|(first, last)| (first.max(span.from.micros()), last.min(span.to.micros())));
        let reduction = Reduction::new(query.max_points, extent);
        let mut answer = Answer { name, sink: ahead, reduction };
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
                    && answer.wants_extremes(stored)
                    // Where they cannot be read the payload says the same.
                    && let Some(extremes) = reader.extremes(stored.id)?
                    && let Ok(extremes) = block::decode_extremes(&extremes)
                {
                    answer.add(&extremes);
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
                    return Ok(place.go_on(next, &mut rest));
                }
            }
            if page.len() < PAGE {
                break;
            }
        }
        let end = span.to.micros().saturating_add(1);
        answer.add(&rest.take(end, &Columns::default()));
        answer.finish();
        if span.to < query.span.to {
            return Ok(place.go_on(end, &mut rest));
        }
        Ok(Place::begin(query, place.signal + 1))
    }
}

/// Where an answer goes on.
#[derive(Clone)]
struct Place {
    /// Which of the wanted signals is next.
    signal: usize,
    /// Its next instant.
    from: Timestamp,
    /// A point that gave way to a sample before that instant.
    moved: Columns,
}

impl Place {
    /// The beginning of the wanted signal numbered so.
    fn begin(query: &Query, signal: usize) -> Self {
        Self { signal, from: query.span.from, moved: Columns::default() }
    }

    /// The instant `next` of the same signal, before which everything was taken from `rest`.
    fn go_on(self, next: i64, rest: &mut Rest) -> Self {
        let moved = rest.points.split_before(next.saturating_add(1));
        Self { from: Timestamp::from_micros(next), moved, ..self }
    }
}

/// What was read and is not handed on yet.
struct ReadAhead<'s> {
    /// Whether the points are handed on while the reader is held.
    at_once: bool,
    sink: &'s mut dyn Sink,
    /// The series begun last.
    series: String,
    parts: Vec<Part>,
    points: usize,
}

/// Points, and the series that begins with them, if one does.
type Part = (Option<String>, Vec<i64>, Vec<f64>);

impl<'s> ReadAhead<'s> {
    fn new(at_once: bool, sink: &'s mut dyn Sink) -> Self {
        Self { at_once, sink, series: String::new(), parts: Vec::new(), points: 0 }
    }

    fn is_full(&self) -> bool {
        self.points >= READ_AHEAD
    }

    fn check(&mut self) -> Result<(), Stopped> {
        self.sink.check()?;
        budget::check()
    }

    /// An answer that goes on is no new series.
    fn begin(&mut self, name: &str) {
        if self.series != name {
            self.series = name.to_owned();
            self.parts.push((Some(name.to_owned()), Vec::new(), Vec::new()));
        }
    }

    fn add(&mut self, columns: &Columns) {
        self.points += columns.len();
        self.parts.push((None, columns.times().to_vec(), columns.values().to_vec()));
    }

    fn hand_on(&mut self) -> Result<(), Stopped> {
        self.points = 0;
        for (series, times, values) in std::mem::take(&mut self.parts) {
            if let Some(name) = series {
                self.sink.series(&name)?;
            }
            if !times.is_empty() {
                self.sink.points(&times, &values)?;
            }
        }
        Ok(())
    }
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

    /// The first and last instant of what is here and of `stored` blocks.
    fn extent(&self, (first, last): (Option<i64>, Option<i64>)) -> Option<(i64, i64)> {
        let here = [self.samples.times(), self.points.times()];
        let first = first.into_iter().chain(here.iter().filter_map(|times| times.first().copied())).min();
        let last = last.into_iter().chain(here.iter().filter_map(|times| times.last().copied())).max();
        first.zip(last)
    }

    /// Takes out what is before `time`, together with a block's samples, which all are.
    fn take(&mut self, time: i64, block: &Columns) -> Columns {
        let samples = Columns::merge(block, &self.samples.split_before(time));
        let mut all = Columns::union(&samples, &self.points.split_before(time));
        let taken = all.split_before(time);
        if !all.is_empty() {
            // A point that gave way is no longer before it.
            self.points = Columns::merge(&all, &self.points);
        }
        taken
    }
}

/// Passes one signal's points on, reduced where that was asked for.
struct Answer<'a, 's> {
    name: &'a str,
    sink: &'a mut ReadAhead<'s>,
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

impl Answer<'_, '_> {
    fn add(&mut self, columns: &Columns) {
        if columns.is_empty() {
            return;
        }
        let Some(reduction) = &mut self.reduction else { return self.hand_on(columns) };
        if reduction.reduces(columns.len()) {
            reduction.reducer.add(columns.times(), columns.values());
        } else {
            reduction.few.append(columns);
        }
    }

    /// Whether a block's summary is all that the answer needs of it.
    fn add_summary(&mut self, stored: &BlockSummary) -> bool {
        let Some(reduction) = &mut self.reduction else { return false };
        let one_slice = reduction.reducer.same_slice(stored.first_time, stored.last_time);
        if !one_slice || !reduction.reduces(stored.count.cast_unsigned() as usize) {
            return false;
        }
        reduction.reducer.add_extremes(stored.min, stored.max);
        true
    }

    /// Whether the extremes of a block's parts are all that the answer needs of it.
    fn wants_extremes(&mut self, stored: &BlockSummary) -> bool {
        let Some(reduction) = &mut self.reduction else { return false };
        let parts = i64::from(stored.count) / block::EXTREMES_OF as i64;
        let wide =
            parts > 0 && reduction.reducer.is_much_wider_than((stored.last_time - stored.first_time) / parts);
        wide && reduction.reduces(stored.count.cast_unsigned() as usize)
    }

    fn hand_on(&mut self, columns: &Columns) {
        self.sink.begin(self.name);
        self.sink.add(columns);
    }

    fn finish(mut self) {
        let Some(reduction) = self.reduction.take() else { return };
        let columns = if reduction.reducing {
            let mut points = reduction.reducer.finish();
            points.truncate(reduction.limit);
            // In order, unless a damaged row gives a wrong place.
            Columns::from_unsorted(&points)
        } else {
            reduction.few
        };
        if !columns.is_empty() {
            self.hand_on(&columns);
        }
    }
}
