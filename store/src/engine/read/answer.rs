//! One signal's answer: all its points, or so few that their shape stays.

use super::ahead::ReadAhead;
use crate::block;
use crate::columns::Columns;
use crate::reduce::Reducer;
use crate::tables::BlockSummary;

/// Passes one signal's points on, reduced where that was asked for.
pub(super) struct Answer<'a, 's> {
    pub(super) name: &'a str,
    pub(super) sink: &'a mut ReadAhead<'s>,
    pub(super) reduction: Option<Reduction>,
}

/// Few samples stay as they are; only when there turn out to be too many are they reduced.
pub(super) struct Reduction {
    limit: usize,
    few: Columns,
    reducer: Reducer,
    reducing: bool,
}

impl Reduction {
    pub(super) fn new(max_points: Option<u32>, extent: Option<(i64, i64)>) -> Option<Self> {
        let (max_points, (first, last)) = (max_points?, extent?);
        let reducer = Reducer::new(first, last, max_points);
        Some(Self { limit: max_points as usize, few: Columns::default(), reducer, reducing: false })
    }

    /// Whether `more` samples are too many to stay as they are; the ones so far are reduced then.
    pub(super) fn reduces(&mut self, more: usize) -> bool {
        if !self.reducing && self.few.len() + more > self.limit {
            self.reducing = true;
            self.reducer.add(self.few.times(), self.few.values());
        }
        self.reducing
    }
}

impl Answer<'_, '_> {
    pub(super) fn add(&mut self, columns: &Columns) {
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
    pub(super) fn add_summary(&mut self, stored: &BlockSummary) -> bool {
        let Some(reduction) = &mut self.reduction else { return false };
        let one_slice = reduction.reducer.same_slice(stored.first_time, stored.last_time);
        if !one_slice || !reduction.reduces(stored.count.cast_unsigned() as usize) {
            return false;
        }
        reduction.reducer.add_extremes(stored.min, stored.max);
        true
    }

    /// Whether the extremes of a block's parts are all that the answer needs of it.
    pub(super) fn wants_extremes(&mut self, stored: &BlockSummary) -> bool {
        let Some(reduction) = &mut self.reduction else { return false };
        let parts = i64::from(stored.count) / block::EXTREMES_OF as i64;
        let wide =
            parts > 0 && reduction.reducer.is_much_wider_than((stored.last_time - stored.first_time) / parts);
        wide && reduction.reduces(stored.count.cast_unsigned() as usize)
    }

    pub(super) fn hand_on(&mut self, columns: &Columns) {
        self.sink.begin(self.name);
        self.sink.add(columns);
    }

    pub(super) fn finish(mut self) {
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
