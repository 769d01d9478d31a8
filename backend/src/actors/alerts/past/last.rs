//! The last samples of signals that have had none for long, or few.

use std::collections::{BTreeMap, HashMap, VecDeque};

use afterglow_wire::Timestamp;

use super::{MOST, SECOND, ask};
use crate::batch::SignalId;
use crate::signals::Signals;
use crate::store::{Details, Sink, Stopped, Store, StoreError};

/// Signals whose last samples lie in the same minute are read together.
const MINUTE: i64 = 60 * SECOND;

/// A span that had too few samples is followed by one that is longer by this factor.
const LONGER: i64 = 8;

/// The last samples up to `before` of the `wanted` signals, of each at most the number beside it, however old they are; `known` has the extent of each signal.
///
/// For each signal the first span that is read ends with its last sample and is as long as that number of samples usually takes; where it has fewer, it is read
/// again, eight times as long, until it reaches the signal's first sample. Only what is wanted is in memory, at most [`MOST`] samples
/// altogether: of more, those are left out that are the oldest.
pub(super) fn read(
    store: &Store,
    known: &HashMap<String, Details>,
    wanted: &[(u32, usize)],
    before: i64,
) -> Result<BTreeMap<u32, Vec<(i64, f64)>>, StoreError> {
    let mut rounds: BTreeMap<(i64, u32), Vec<Wanted>> = BTreeMap::new();
    for (signal, count) in wanted {
        let name = store.signals().name(SignalId(*signal));
        let Some(details) = name.and_then(|name| known.get(&*name)) else { continue };
        let (first, last) = (details.first.micros(), details.last.micros().min(before));
        if first <= last {
            let wanted = Wanted { signal: *signal, count: *count, first };
            rounds.entry((last.div_euclid(MINUTE), steps(details, *count))).or_default().push(wanted);
        }
    }
    let (mut all, mut room) = (BTreeMap::new(), MOST);
    while let Some(((minute, steps), signals)) = rounds.pop_last()
        && room > 0
    {
        let to = (minute * MINUTE + MINUTE - 1).min(before);
        let from = to.saturating_sub(length(steps)).max(Timestamp::MIN.micros());
        let numbers: Vec<u32> = signals.iter().map(|wanted| wanted.signal).collect();
        let counts = signals.iter().map(|wanted| (wanted.signal, wanted.count)).collect();
        let mut tails = Tails { names: store.signals(), counts, signal: None, found: HashMap::new() };
        ask(store, &numbers, from, to, &mut tails)?;
        for wanted in signals {
            let found = tails.found.remove(&wanted.signal).unwrap_or_default();
            if found.len() < wanted.count && wanted.first < from {
                rounds.entry((minute, steps + 1)).or_default().push(wanted);
            } else if !found.is_empty() {
                room = room.saturating_sub(found.len());
                all.insert(wanted.signal, found.into());
            }
        }
    }
    Ok(all)
}

/// A signal of which a number of samples is wanted.
struct Wanted {
    signal: u32,
    count: usize,
    /// When its first sample was.
    first: i64,
}

/// How often a minute becomes longer until it is as long as `count` samples of a signal usually take.
fn steps(details: &Details, count: usize) -> u32 {
    let life = details.last.micros().saturating_sub(details.first.micros());
    let usual = i128::from(life) * count as i128 / i128::from(details.count.max(1));
    (0..).find(|steps| i128::from(length(*steps)) >= usual).unwrap_or_default()
}

fn length(steps: u32) -> i64 {
    MINUTE.saturating_mul(LONGER.saturating_pow(steps))
}

/// Keeps the last samples of each signal.
struct Tails<'s> {
    names: &'s Signals,
    /// How many of each.
    counts: HashMap<u32, usize>,
    signal: Option<u32>,
    found: HashMap<u32, VecDeque<(i64, f64)>>,
}

impl Sink for Tails<'_> {
    fn series(&mut self, name: &str) -> Result<(), Stopped> {
        self.signal = self.names.find(name).map(|signal| signal.0);
        Ok(())
    }

    fn points(&mut self, times: &[i64], values: &[f64]) -> Result<(), Stopped> {
        let Some(signal) = self.signal else { return Ok(()) };
        let count = self.counts.get(&signal).copied().unwrap_or_default();
        let found = self.found.entry(signal).or_default();
        let news = times.iter().copied().zip(values.iter().copied());
        found.extend(news.skip(times.len().saturating_sub(count)));
        found.drain(..found.len().saturating_sub(count));
        Ok(())
    }
}
