//! What one can ask the store, and how many samples become few points.

use std::sync::Arc;

use afterglow_wire::{Timestamp, name};

use super::Span;

/// A question for samples.
#[derive(Clone, Debug)]
pub struct Query {
    /// Which instants.
    pub span: Span,
    /// Names, in which `*` stands for any run of characters; all signals when empty.
    pub signals: Vec<String>,
    /// At most how many points a signal may have in the answer; all its samples when absent.
    pub max_points: Option<u32>,
}

impl Query {
    /// Whether `signal` is asked for.
    pub fn wants(&self, signal: &str) -> bool {
        self.signals.is_empty() || self.signals.iter().any(|pattern| name::matches(pattern, signal))
    }
}

/// The samples of one signal, oldest first.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// The signal's name.
    pub name: Arc<str>,
    /// Instant and value; values are finite.
    pub points: Vec<(Timestamp, f64)>,
}

/// Reduces points in time order to at most `max_points`, keeping in each of equally long slices of time the
/// lowest and the highest, so that no spike vanishes (min/max aggregation, the envelope part of M4: Jugel et al.,
/// VLDB 2014). The slices are anchored to 1970, not to the query, so that neighbouring queries agree.
pub(super) fn reduce(points: Vec<(Timestamp, f64)>, span: Span, max_points: u32) -> Vec<(Timestamp, f64)> {
    let (Some(first), Some(last)) = (points.first(), points.last()) else { return points };
    if points.len() <= max_points as usize {
        return points;
    }
    if max_points < 2 {
        return points.last().copied().into_iter().take(max_points as usize).collect();
    }
    // An anchored grid can cut one slice more than the span has, hence one less is asked for.
    let slices = i64::from((max_points / 2).saturating_sub(1).max(1));
    let from = span.from.micros().max(first.0.micros());
    let to = span.to.micros().min(last.0.micros());
    let width = if max_points < 4 { i64::MAX } else { (to - from) / slices + 1 };
    let slice = |point: &(Timestamp, f64)| point.0.micros().div_euclid(width);
    let mut reduced = Vec::with_capacity(max_points as usize);
    for points in points.chunk_by(|a, b| slice(a) == slice(b)) {
        let lowest = points.iter().enumerate().min_by(|a, b| a.1.1.total_cmp(&b.1.1));
        let highest = points.iter().enumerate().max_by(|a, b| a.1.1.total_cmp(&b.1.1));
        if let (Some((low, _)), Some((high, _))) = (lowest, highest) {
            reduced.push(points[low.min(high)]);
            if low != high {
                reduced.push(points[low.max(high)]);
            }
        }
    }
    reduced
}
