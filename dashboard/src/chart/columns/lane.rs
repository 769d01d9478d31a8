//! The slots of one signal on a chart's grid.

use super::grid::{Grid, SLOTS};
use crate::samples::history::pyramid::Extent;
use crate::samples::history::{Part, Trace};

/// Four slots for each column, NaN where there is no point.
#[derive(Debug, Default)]
pub(super) struct Lane {
    slots: Vec<f64>,
    /// The first column after the last grid's.
    end: i64,
    /// Which sources the slots are from, and how often samples before their newest had been changed.
    sources: Vec<(u64, u64)>,
    /// The time of the newest sample that the slots show: what came later is not in them.
    newest: i64,
    /// What the columns that are computed again had before.
    old: Vec<f64>,
}

impl Lane {
    pub(super) fn slots(&self) -> &[f64] {
        &self.slots
    }

    /// Hides the signal; whether it was hidden already.
    pub(super) fn clear(&mut self) -> bool {
        let was_hidden = self.slots.is_empty();
        *self = Self::default();
        was_hidden
    }

    /// Brings the slots to `grid`, which has `moved` on: moves those that are still right, and computes the rest. Returns
    /// the first column from which on the line is different; none when all of it may be.
    ///
    /// Where one source ends and the next begins moves as the ring forgets; columns need not be computed again for
    /// that, because both have the same samples there.
    pub(super) fn update(&mut self, grid: Grid, moved: Option<usize>, trace: &Trace) -> Option<usize> {
        let sources = trace.parts().iter().map(|part| (part.source, part.series.rewrites())).collect();
        let moved = moved.filter(|_| self.slots.len() == grid.count * SLOTS && self.sources == sources);
        let stale = moved.map_or(0, |moved| self.shift(grid, moved));
        if moved.is_none() {
            self.slots.clear();
            self.slots.resize(grid.count * SLOTS, f64::NAN);
        }
        self.old.clear();
        self.old.extend(self.slots.drain(stale * SLOTS..));
        self.slots.resize(grid.count * SLOTS, f64::NAN);
        for part in trace.parts() {
            self.fill(grid, part, stale);
        }
        let newest = trace.parts().last().and_then(|part| part.series.ring().last());
        self.newest = newest.map_or(i64::MIN, |(time, _)| time);
        self.sources = sources;
        let seen = std::mem::replace(&mut self.end, grid.first + grid.count as i64);
        // A line that went on beyond the last column then goes through those that are new.
        let goes_on = moved != Some(0) && trace.after(seen.saturating_mul(grid.width) - 1).is_some();
        let seen = usize::try_from(seen - grid.first).unwrap_or(0);
        moved.map(|_| self.changed(grid, stale, if goes_on { seen } else { grid.count }))
    }

    /// Shifts the slots; returns the index of the first column that has to be computed.
    fn shift(&mut self, grid: Grid, moved: usize) -> usize {
        self.slots.copy_within(moved * SLOTS.., 0);
        let end = self.slots.len();
        self.slots[end - moved * SLOTS..].fill(f64::NAN);
        // The newest sample's own column may have got more since, and columns beyond the old grid are new.
        let stale = self.newest.div_euclid(grid.width).min(self.end).saturating_sub(grid.first);
        usize::try_from(stale.max(0)).unwrap_or(0).min(grid.count)
    }

    /// The column from which on the line is different: that of the last point before the first slot that is, and before
    /// column `most`.
    fn changed(&self, grid: Grid, stale: usize, most: usize) -> usize {
        let new = self.slots.iter().skip(stale * SLOTS);
        let same = new.zip(&self.old).take_while(|(new, old)| new.to_bits() == old.to_bits()).count();
        let column = most.min(stale + same / SLOTS);
        if column == grid.count {
            return column;
        }
        let before = self.slots.iter().take(column * SLOTS).rposition(|value| !value.is_nan());
        before.map_or(column, |slot| slot / SLOTS)
    }

    fn fill(&mut self, grid: Grid, part: &Part, stale: usize) {
        let ring = part.series.ring();
        let from = part.span.from.max(grid.column_start(stale));
        let end = ring.lower_bound(part.span.to);
        let mut position = ring.lower_bound(from);
        while position < end {
            // Straight to the next sample's column: a stretch without samples costs nothing.
            let Some(index) = grid.index_of(ring.time(position)) else { return };
            let next = ring.lower_bound_from(position, grid.column_start(index + 1)).min(end);
            let Some(column) = self.slots.get_mut(index * SLOTS..(index + 1) * SLOTS) else { return };
            let (first, last) = (ring.value(position), ring.value(next - 1));
            let extent = part.series.extent_at(position, next).unwrap_or(Extent::of(first));
            if column.iter().all(|slot| slot.is_nan()) {
                match next - position {
                    1 => column[grid.slot_within(ring.time(position))] = first,
                    _ => put(column, first, extent, last),
                }
            } else {
                // Another source ended within this column.
                let there = column.iter().copied().filter(|slot| !slot.is_nan());
                let before = there.clone().next().unwrap_or(first);
                let all = there.map(Extent::of).fold(extent, Extent::union);
                put(column, before, all, last);
            }
            position = next;
        }
    }
}

fn put(column: &mut [f64], first: f64, extent: Extent, last: f64) {
    // Through the nearer extreme first: the stroke then doubles back least.
    let rising = first - extent.min <= extent.max - first;
    let (near, far) = if rising { (extent.min, extent.max) } else { (extent.max, extent.min) };
    column.copy_from_slice(&[first, near, far, last]);
}
