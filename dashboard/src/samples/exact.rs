//! Values at single instants, exactly: what an outline cannot say is asked for.
//!
//! The newest sample of an outline at or before an instant is a real one, and the newest that is stored is later by a
//! slice at most. A query over that slice gives another outline, of slices a hundredth as long, and so on until nothing
//! can be missing, or nothing finer is stored because samples have expired. Each answer is small, whatever is stored.

use std::collections::HashMap;

use crate::samples::archive::Want;
use crate::samples::history::{Fetched, Loaded, Newest};
use crate::time::{MINUTE, Span};

/// Most points of one signal in an answer.
const POINTS: usize = 200;
/// Most signals in one query.
const SIGNALS: usize = 100;
/// Signals are asked for together while that makes the stretch at most this many times as long as it must be.
const WIDER: i64 = 4;
/// Most values that are kept; beyond it they are found again.
const KEPT: usize = 5_000;
/// Late samples may change a value: it is found again after this long, in microseconds.
const USABLE: i64 = 5 * MINUTE;

/// A value that is to be known exactly.
#[derive(Clone, Debug, PartialEq)]
pub struct Inexact {
    /// The signal.
    pub name: String,
    /// The instant, in microseconds.
    pub time: i64,
    /// What is known so far.
    pub newest: Newest,
}

/// A query for the values of some signals at an instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lookup {
    /// What to ask for.
    pub want: Want,
    /// The instant.
    pub time: i64,
}

/// A value that was found.
#[derive(Clone, Copy, Debug)]
struct Found {
    newest: Newest,
    /// When it was asked for, by the server's time.
    asked: i64,
    /// Whether nothing finer is stored.
    is_finest: bool,
}

/// What was found out.
#[derive(Debug, Default)]
pub struct Exact {
    found: HashMap<(i64, String), Found>,
    changes: u64,
}

impl Exact {
    /// Changes with every answer.
    pub fn changes(&self) -> u64 {
        self.changes
    }

    /// The better of what is known otherwise, `newest`, and of what was found.
    pub fn refine(&self, name: &str, time: i64, newest: Newest) -> Newest {
        if newest.is_exact() || self.found.is_empty() {
            return newest;
        }
        match self.found.get(&(time, name.to_owned())) {
            Some(found) if found.newest.at >= newest.at => found.newest,
            _ => newest,
        }
    }

    /// The query that says the most about the first of `values`, and about others like it.
    pub fn lookup(&self, values: &[Inexact]) -> Option<Lookup> {
        let is_open = |value: &&Inexact| {
            let found = self.found.get(&(value.time, value.name.clone()));
            !value.newest.is_exact() && found.is_none_or(|found| !found.is_finest)
        };
        let first = values.iter().find(is_open)?;
        let stretch =
            |value: &Inexact| (value.newest.at, (value.newest.at + value.newest.slack).min(value.time));
        let (mut from, mut to) = stretch(first);
        let most = (to - from).max(1).saturating_mul(WIDER);
        let mut signals = vec![first.name.clone()];
        for value in values.iter().filter(is_open).filter(|value| value.time == first.time) {
            let (begins, ends) = stretch(value);
            let (begins, ends) = (begins.min(from), ends.max(to));
            if signals.len() < SIGNALS && ends - begins <= most && !signals.contains(&value.name) {
                (from, to) = (begins, ends);
                signals.push(value.name.clone());
            }
        }
        let loaded = Loaded { span: Span { from, to }, max_points: POINTS };
        Some(Lookup { want: Want { loaded, signals }, time: first.time })
    }

    /// Takes the answer to `lookup`, asked for at the server's time `asked`.
    pub fn insert(&mut self, lookup: &Lookup, answer: &[(String, Fetched)], asked: i64) {
        self.changes += 1;
        self.found.retain(|_, known| asked - known.asked < USABLE);
        if self.found.len() + lookup.want.signals.len() > KEPT {
            self.found.clear();
        }
        let Lookup { want, time } = lookup;
        for name in &want.signals {
            let Some((_, fetched)) = answer.iter().find(|(known, _)| known == name) else { continue };
            let newest = fetched.samples.iter().rev().find(|(at, _)| at <= time);
            let Some((at, value)) = newest.copied() else { continue };
            let slice = fetched.slice.unwrap_or(0);
            let is_finest = want.loaded.is_finest(slice);
            let slack = match slice {
                // Two samples are at least a microsecond apart.
                0 | 1 => 0,
                // Its point is no sample, wherever it is.
                slice if is_finest => slice,
                slice => slice.min(want.loaded.span.to.min(*time) - at),
            };
            let newest = Newest { at, value, slack };
            self.found.insert((*time, name.clone()), Found { newest, asked, is_finest });
        }
    }

    /// Samples of any age may have been stored unnoticed.
    pub fn mark_stale(&mut self) {
        self.found.clear();
        self.changes += 1;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What the server answers: all samples of a stretch, or the lowest and highest of each slice.
    fn answer(stored: &[(i64, f64)], want: &Want) -> Fetched {
        let Loaded { span, max_points } = want.loaded;
        let within: Vec<_> =
            stored.iter().filter(|(at, _)| (span.from..=span.to).contains(at)).copied().collect();
        let whole = Fetched { samples: within.clone(), slice: None };
        let (Some((first, _)), Some((last, _))) = (within.first(), within.last()) else { return whole };
        if within.len() <= max_points {
            return whole;
        }
        let slices = max_points as i64 / 2 - 1;
        let slice = (last - first) / slices + 1;
        let mut kept: Vec<(i64, f64)> = Vec::new();
        for n in 0..=slices {
            let of = |(at, _): &&(i64, f64)| (at - first) / slice == n;
            let lowest = within.iter().filter(of).min_by(|a, b| a.1.total_cmp(&b.1));
            let highest = within.iter().filter(of).max_by(|a, b| a.1.total_cmp(&b.1));
            kept.extend(lowest.into_iter().chain(highest));
        }
        kept.sort_by_key(|(at, _)| *at);
        kept.dedup();
        Fetched { samples: kept, slice: Some(slice) }
    }

    fn found(stored: &[(i64, f64)], known: Newest, time: i64) -> (Newest, usize) {
        let mut exact = Exact::default();
        for round in 0.. {
            let newest = exact.refine("s", time, known);
            let values = [Inexact { name: "s".into(), time, newest }];
            let Some(lookup) = exact.lookup(&values) else { return (newest, round) };
            assert!(round < 12, "it does not end: {lookup:?}");
            exact.insert(&lookup, &[("s".into(), answer(stored, &lookup.want))], 0);
        }
        unreachable!()
    }

    proptest! {
        #[test]
        fn the_newest_stored_sample_is_found(
            steps in prop::collection::vec((1i64..3_000_000, -9i32..9), 1..1_500),
            coarse in 1i64..2_000_000_000,
            share in 0.0f64..1.2,
        ) {
            let mut at = 0;
            let stored: Vec<(i64, f64)> = steps.into_iter().map(|(step, value)| {
                at += step;
                (at, f64::from(value))
            }).collect();
            let time = (at as f64 * share) as i64 + stored[0].0;
            let newest = stored.iter().rev().find(|(at, _)| *at <= time).copied().unwrap();
            // Any stored sample that is earlier by less than the slack can be what the outline has.
            let known = stored.iter().find(|(at, _)| *at <= time && newest.0 - *at <= coarse).copied().unwrap();
            let slack = coarse.min(time - known.0);
            let (found, _) = found(&stored, Newest { at: known.0, value: known.1, slack }, time);
            prop_assert_eq!((found.at, found.value), newest);
        }
    }

    #[test]
    fn what_has_expired_is_looked_up_once_and_stays_inexact() {
        let mut exact = Exact::default();
        let known = Newest { at: 5 * MINUTE, value: 1.0, slack: 2 * MINUTE };
        let value = |exact: &Exact| {
            let newest = exact.refine("s", 8 * MINUTE, known);
            [Inexact { name: "s".into(), time: 8 * MINUTE, newest }]
        };
        let lookup = exact.lookup(&value(&exact)).unwrap();
        let minutes = Fetched { samples: vec![(6 * MINUTE, 2.0), (7 * MINUTE, 3.0)], slice: Some(MINUTE) };
        exact.insert(&lookup, &[("s".into(), minutes)], 0);
        let found = value(&exact);
        assert_eq!((found[0].newest.value, found[0].newest.is_exact()), (3.0, false));
        assert_eq!(exact.lookup(&found), None);
    }

    #[test]
    fn signals_of_one_kind_are_asked_for_together() {
        let value = |name: &str, at, slack| Inexact {
            name: name.into(),
            time: 10_000,
            newest: Newest { at, value: 0.0, slack },
        };
        let lookup = Exact::default().lookup(&[
            value("exact", 10_000, 0),
            value("a", 9_000, 500),
            value("b", 9_200, 800),
            value("slow", 0, 500),
        ]);
        let want = lookup.unwrap().want;
        assert_eq!(
            (want.signals, want.loaded.span),
            (vec!["a".into(), "b".into()], Span { from: 9_000, to: 10_000 })
        );
    }
}
