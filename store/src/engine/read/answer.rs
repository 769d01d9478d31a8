//! One signal's answer: all its points, so few that their shape stays, or what they amount to.

use super::super::rollups::Expired;
use super::ahead::ReadAhead;
use crate::columns::Columns;
use crate::reduce::Reducer;
use crate::slices::Slices;
use crate::tables::BlockSummary;
use crate::{Bucket, Detail, Query, Span};

/// Passes on what was asked for of one signal.
pub(super) struct Answer<'a, 's> {
    pub(super) name: &'a str,
    pub(super) sink: &'a mut ReadAhead<'s>,
    pub(super) shape: Shape,
}

/// What becomes of a signal's points.
pub(super) enum Shape {
    /// They stay as they are.
    Whole,
    /// They become few.
    Few(Reduction),
    /// Only what they amount to counts.
    Slices(Slices),
}

/// Few samples stay as they are; only when there turn out to be too many are they reduced.
pub(super) struct Reduction {
    limit: usize,
    few: Columns,
    reducer: Reducer,
    reducing: bool,
}

impl Shape {
    /// What `query` asks for of a signal whose samples in the span have this `extent`.
    pub(super) fn new(query: &Query, extent: Option<(i64, i64)>) -> Self {
        match (query.detail, extent) {
            (Detail::Slices(count), _) => Self::Slices(Slices::new(query.span, count)),
            (Detail::Points(limit), Some((first, last))) => Self::Few(Reduction {
                limit: limit as usize,
                few: Columns::default(),
                reducer: Reducer::new(first, last, limit),
                reducing: false,
            }),
            (Detail::Points(_), None) | (Detail::Samples, _) => Self::Whole,
        }
    }
}

impl Reduction {
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
    /// What remains of expired samples, where it is not taken as points.
    pub(super) fn add_expired(&mut self, expired: &Expired, span: Span) {
        if let Shape::Slices(slices) = &mut self.shape {
            expired.within(span).for_each(|bucket| slices.include(*bucket, bucket.start));
        }
    }

    pub(super) fn add(&mut self, columns: &Columns) {
        if columns.is_empty() {
            return;
        }
        match &mut self.shape {
            Shape::Whole => self.hand_on(columns),
            Shape::Few(reduction) => {
                if reduction.reduces(columns.len()) {
                    reduction.reducer.add(columns.times(), columns.values());
                } else {
                    reduction.few.append(columns);
                }
            }
            Shape::Slices(slices) => slices.add(columns),
        }
    }

    /// Whether a block's summary is all that the answer needs of it.
    pub(super) fn add_summary(&mut self, stored: &BlockSummary) -> bool {
        match &mut self.shape {
            Shape::Whole => false,
            Shape::Few(reduction) => {
                let one_slice = reduction.reducer.same_slice(stored.first_time, stored.last_time);
                if !one_slice || !reduction.reduces(stored.count.cast_unsigned() as usize) {
                    return false;
                }
                reduction.reducer.add_extremes(stored.min, stored.max);
                true
            }
            Shape::Slices(slices) if slices.same_slice(stored.first_time, stored.last_time) => {
                let BlockSummary { first_time: start, last_time, sum, last, .. } = *stored;
                let (min, max, count) = (stored.min.1, stored.max.1, i64::from(stored.count));
                slices.include(Bucket { start, min, max, sum, count, last }, last_time);
                true
            }
            Shape::Slices(_) => false,
        }
    }

    /// Whether the extremes of a block's parts of `length` samples are all that the answer needs of it.
    pub(super) fn wants_extremes(&mut self, stored: &BlockSummary, length: usize) -> bool {
        let Shape::Few(reduction) = &mut self.shape else { return false };
        let parts = i64::from(stored.count) / length as i64;
        let wide =
            parts > 0 && reduction.reducer.is_much_wider_than((stored.last_time - stored.first_time) / parts);
        wide && reduction.reduces(stored.count.cast_unsigned() as usize)
    }

    fn hand_on(&mut self, columns: &Columns) {
        self.sink.begin(self.name);
        self.sink.add(columns);
    }

    /// Hands on what was kept; `resolution` is how coarse expired samples are, 0 where there are none.
    pub(super) fn finish(mut self, resolution: i64) {
        self.sink.reduce(resolution);
        match std::mem::replace(&mut self.shape, Shape::Whole) {
            Shape::Whole => {}
            Shape::Few(reduction) if reduction.reducing => {
                self.sink.reduce(reduction.reducer.slice());
                let mut points = reduction.reducer.finish();
                points.truncate(reduction.limit);
                // In order, unless a damaged row gives a wrong place.
                self.add(&Columns::from_unsorted(&points));
            }
            Shape::Few(reduction) => self.add(&reduction.few),
            Shape::Slices(slices) => {
                let slices = slices.finish();
                if !slices.is_empty() {
                    self.sink.begin(self.name);
                    self.sink.add_slices(slices);
                }
            }
        }
    }
}
