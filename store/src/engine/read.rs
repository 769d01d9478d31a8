//! Answers: blocks, rollups and head merged into one series, whole or reduced.

use super::Engine;
use crate::batch::SignalId;
use crate::block;
use crate::columns::Columns;
use crate::reduce::Reducer;
use crate::signals::Signals;
use crate::tables::{BlockSummary, Rows};
use crate::{Query, Sink, StoreError, budget};

/// Block summaries read at once: bounds memory, whatever the span.
const PAGE: usize = 1_024;

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
    /// Hands what `query` asks for to `sink`; returns the number of the last commit that is in it.
    pub(crate) fn query(
        &self,
        query: &Query,
        signals: &Signals,
        sink: &mut dyn Sink,
    ) -> Result<u64, StoreError> {
        let wanted = signals.select(&query.signals, || sink.check())?;
        // The head first, the blocks after: what is sealed in between is in both and merges, and nothing is in neither.
        let (sequence, heads) = self.read_head(|head| {
            let heads = wanted.iter().map(|(_, signal)| head.within(*signal, query.span));
            (head.sequence().cast_unsigned(), heads.collect::<Vec<_>>())
        });
        self.tables.in_snapshot(|reader| {
            for ((name, signal), head) in wanted.iter().zip(heads) {
                sink.check()?;
                self.series(reader, query, (name, *signal), &head, sink)?;
            }
            Ok(sequence)
        })
    }

    /// As [`Engine::query`], but with a transaction for each signal: one that lasted as long as everything takes would keep
    /// the write-ahead log from being folded back, and it would grow by all that arrives meanwhile.
    pub(crate) fn query_each(
        &self,
        query: &Query,
        signals: &Signals,
        sink: &mut dyn Sink,
    ) -> Result<(), StoreError> {
        for (name, signal) in signals.select(&query.signals, || sink.check())? {
            sink.check()?;
            let head = self.read_head(|head| head.within(signal, query.span));
            self.tables.in_snapshot(|reader| self.series(reader, query, (&name, signal), &head, sink))?;
        }
        Ok(())
    }

    /// One signal's answer.
    fn series(
        &self,
        reader: &mut dyn Rows,
        query: &Query,
        (name, signal): (&str, SignalId),
        head: &Columns,
        sink: &mut dyn Sink,
    ) -> Result<(), StoreError> {
        let span = query.span;
        let mut rest = Rest { samples: head.clone(), points: self.expired(reader, signal, span)? };
        let extent = rest.extent(reader.extent(signal, span)?);
        let extent = extent.map(|(first, last)| (first.max(span.from.micros()), last.min(span.to.micros())));
        let mut answer =
            Answer { name, sink, begun: false, reduction: Reduction::new(query.max_points, extent) };
        let mut after = i64::MIN;
        loop {
            let page = reader.blocks(signal, span, after, PAGE)?;
            for stored in &page {
                answer.sink.check()?;
                budget::check()?;
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
                    // Where they cannot be read the payload says the same.
                    && let Some(extremes) = reader.extremes(stored.id)?
                    && let Ok(extremes) = block::decode_extremes(&extremes)
                {
                    answer.add(&extremes)?;
                    continue;
                }
                let block = self.read_block(reader, signal, stored.id)?.unwrap_or_default();
                answer.add(&if whole { block } else { rest.take(next, &block.clip(span)) })?;
            }
            if page.len() < PAGE {
                break;
            }
        }
        answer.add(&rest.take(span.to.micros().saturating_add(1), &Columns::default()))?;
        answer.finish()
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
            // In order, unless a damaged row gives a wrong place.
            Columns::from_unsorted(&points)
        } else {
            reduction.few
        };
        if columns.is_empty() { Ok(()) } else { self.hand_on(&columns) }
    }
}
