//! The slots of one signal on a chart's grid.

use super::grid::{Grid, SLOTS};
use crate::history::{Part, Trace};
use crate::pyramid::Extent;

/// Four slots for each column, NaN where there is no point.
#[derive(Debug, Default)]
pub(super) struct Lane {
    slots: Vec<f64>,
    grid: Option<Grid>,
    /// Which sources the slots are from, and how often samples before their newest had been changed.
    sources: Vec<(u64, u64)>,
    /// The time of the newest sample that the slots show: what came later is not in them.
    newest: i64,
}

impl Lane {
    pub(super) fn slots(&self) -> &[f64] {
        &self.slots
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Brings the slots to `grid`: moves those that are still right, and computes the rest.
    ///
    /// Where one source ends and the next begins moves as the ring forgets; columns need not be computed again for
    /// that, because both have the same samples there.
    pub(super) fn update(&mut self, grid: Grid, trace: &Trace) {
        let sources = trace.parts().iter().map(|part| (part.source, part.series.rewrites())).collect();
        let stale = self.move_to(grid, &sources);
        for column in self.slots.chunks_exact_mut(SLOTS).skip(stale) {
            column.fill(f64::NAN);
        }
        for part in trace.parts() {
            self.fill(grid, part, stale);
        }
        let newest = trace.parts().last().and_then(|part| part.series.ring().last());
        self.newest = newest.map_or(i64::MIN, |(time, _)| time);
        self.sources = sources;
        self.grid = Some(grid);
    }

    /// Shifts the slots; returns the index of the first column that has to be computed.
    fn move_to(&mut self, grid: Grid, sources: &Vec<(u64, u64)>) -> usize {
        let previous = self.grid;
        let moved = previous
            .filter(|old| old.width == grid.width && old.count == grid.count && self.sources == *sources)
            .and_then(|old| usize::try_from(grid.first - old.first).ok())
            .filter(|moved| *moved < grid.count);
        let Some(moved) = moved else {
            self.slots.clear();
            self.slots.resize(grid.count * SLOTS, f64::NAN);
            return 0;
        };
        self.slots.copy_within(moved * SLOTS.., 0);
        let end = self.slots.len();
        self.slots[end - moved * SLOTS..].fill(f64::NAN);
        // The newest sample's own column may have got more since, and columns beyond the old grid are new.
        let old_end = previous.map_or(i64::MIN, |old| old.to().div_euclid(old.width));
        let stale = self.newest.div_euclid(grid.width).min(old_end).saturating_sub(grid.first);
        usize::try_from(stale.max(0)).unwrap_or(0).min(grid.count)
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
