//! Samples of before, from the store: what rules must know of the past.

mod last;
#[cfg(test)]
mod tests;
mod unseen;

use std::collections::{BTreeMap, HashMap};

use afterglow_rules::{Engine, Past, Sample};
use afterglow_wire::rule::Rule;
use afterglow_wire::{Timestamp, name};

use crate::backtest::minutes;
use crate::batch::SignalId;
use crate::signals::{Selector, Signals};
use crate::store::alerts::Cursor;
use crate::store::{Detail, Details, Query, Sink, Span, Stopped, Store, StoreError};
use unseen::Unseen;

const SECOND: i64 = 1_000_000;

/// Samples that are read at once, all signals together; of more, the rules do without the rest.
const MOST: usize = 4_000_000;

/// However short a rule's own times are, so much of the past says how often a signal has samples.
const AT_LEAST: i64 = 600 * SECOND;

/// How much of the past a rule must have seen to be in the state that it would be in, in microseconds.
pub(super) fn reach(rule: &Rule) -> i64 {
    let window = i64::from(rule.value.window.unwrap_or_default()) * SECOND;
    let times = i64::from(rule.for_seconds) + i64::from(rule.keep);
    // A window speaks once its signal is known for as long.
    (2 * window + times * SECOND).max(AT_LEAST)
}

/// Gives the engine what it must know of signals at `cursor`: all samples of some time, and the last ones however old they are. What was
/// committed later is still to be evaluated, whatever its samples' times.
pub(super) fn warm(
    store: &Store,
    engine: &mut Engine,
    signals: u32,
    cursor: Cursor,
) -> Result<(), StoreError> {
    let at = cursor.at.micros();
    let mut unseen = Unseen::new(cursor.sequence, at);
    unseen.look(store, engine)?;
    // Signals whose past matters for as long are read together.
    let mut wanted: BTreeMap<i64, Vec<(u32, usize)>> = BTreeMap::new();
    for signal in 0..signals {
        if let Some(memory) = engine.memory(signal) {
            wanted.entry(memory.time.max(AT_LEAST)).or_default().push((signal, memory.samples));
        }
    }
    if wanted.is_empty() {
        return Ok(());
    }
    let known = known(store)?;
    let mut series: BTreeMap<u32, Vec<(i64, f64)>> = BTreeMap::new();
    for (time, mut wanted) in wanted {
        let from = at.saturating_sub(time);
        let signals: Vec<u32> = wanted.iter().map(|(signal, _)| *signal).collect();
        for sample in read(store, &signals, from, at)? {
            series.entry(sample.signal).or_default().push((sample.at, sample.value));
        }
        wanted.retain_mut(|(signal, count)| {
            *count += unseen.count(*signal);
            *count = count.saturating_sub(series.get(signal).map_or(0, Vec::len));
            *count > 0
        });
        for (signal, before) in last::read(store, &known, &wanted, from.saturating_sub(1))? {
            series.entry(signal).or_default().splice(0..0, before);
        }
    }
    unseen.look(store, engine)?;
    for (signal, samples) in &mut series {
        samples.retain(|(at, _)| !unseen.has(*signal, *at));
    }
    for (signal, samples) in series {
        let first = samples.first().map_or(at, |(at, _)| *at);
        let name = store.signals().name(SignalId(signal));
        let since = name.and_then(|name| known.get(&*name)).map_or(first, |details| details.first.micros());
        engine.warm(signal, since, &samples);
    }
    Ok(())
}

/// Lets an engine with rules that are new or changed see what was at `cursor`: all samples of the last `reach` microseconds, and the last ones before them of
/// signals that have few since. What was committed later is still to be evaluated, whatever its samples' times. Silence counts in it as it did, without the
/// times in which no samples could come: those that are stored, and `more`.
pub(super) fn replay(
    store: &Store,
    engine: &mut Engine,
    signals: u32,
    (cursor, reach): (Cursor, i64),
    more: &[Span],
) -> Result<(), StoreError> {
    let until = cursor.at.micros();
    let from = until.saturating_sub(reach);
    let mut samples = samples(store, engine, signals, from, until)?;
    let mut unseen = Unseen::new(cursor.sequence, until);
    unseen.look(store, engine)?;
    let mut counts: HashMap<u32, usize> = HashMap::new();
    samples.iter().for_each(|sample| *counts.entry(sample.signal).or_default() += 1);
    let few: Vec<(u32, usize)> = (0..signals)
        .filter_map(|signal| {
            let wanted = engine.memory(signal)?.samples + unseen.count(signal);
            Some((signal, wanted.saturating_sub(counts.get(&signal).copied().unwrap_or_default())))
        })
        .filter(|(_, missing)| *missing > 0)
        .collect();
    if !few.is_empty() {
        for (signal, before) in last::read(store, &known(store)?, &few, from.saturating_sub(1))? {
            samples.extend(before.into_iter().map(|(at, value)| Sample { signal, at, value }));
        }
        samples.sort_by_key(|sample| sample.at);
        unseen.look(store, engine)?;
    }
    unseen.leave_out(&mut samples);
    let Some(first) = samples.first() else { return Ok(()) };
    let all = Span { from: Timestamp::from_micros(first.at), to: Timestamp::from_micros(until) };
    let mut unheard = store.unheard(all)?;
    unheard.extend_from_slice(more);
    unheard.sort_by_key(|span| span.from);
    let mut unheard = unheard.into_iter().peekable();
    let (mut stored, mut ignored) = (Stored(store), Vec::new());
    let mut listening = i64::MIN;
    let mut leave_out = |engine: &mut Engine, span: Span, ignored: &mut Vec<_>| {
        engine.deaf(span.from.micros(), ignored);
        listening = listening.max(span.to.micros());
        engine.listen(listening);
    };
    for sample in samples {
        while let Some(span) = unheard.next_if(|span| span.from.micros() < sample.at) {
            leave_out(engine, span, &mut ignored);
        }
        engine.step_with(sample.at, [sample], &mut stored, &mut ignored);
        ignored.clear();
    }
    unheard.for_each(|span| leave_out(engine, span, &mut ignored));
    Ok(())
}

/// The extent of each signal, by name.
fn known(store: &Store) -> Result<HashMap<String, Details>, StoreError> {
    Ok(store.details()?.into_iter().map(|details| (details.name.clone(), details)).collect())
}

/// Where windows find what came late, and limits what was usual.
pub(super) struct Stored<'s>(pub(super) &'s Store);

impl Past for Stored<'_> {
    fn samples(&mut self, signal: u32, from: i64, to: i64) -> Option<Vec<(i64, f64)>> {
        match read(self.0, &[signal], from, to) {
            Ok(samples) => Some(samples.into_iter().map(|sample| (sample.at, sample.value)).collect()),
            Err(error) => {
                log::warn!("a window goes without what came late: {error}");
                None
            }
        }
    }

    fn minutes(&mut self, signal: u32, from: i64, to: i64) -> Option<Vec<f64>> {
        let name = self.0.signals().name(SignalId(signal))?;
        match minutes::read(self.0, &name, (from, to), &mut || Ok(())) {
            Ok(means) => Some(means.into_iter().map(|(_, mean)| mean).collect()),
            Err(error) => {
                log::warn!("what is usual for {name:?} is looked up again in a minute: {error}");
                None
            }
        }
    }
}

/// The samples after `from` and up to `to` of the signals that a rule looks at, in the order of time.
pub(super) fn samples(
    store: &Store,
    engine: &Engine,
    signals: u32,
    from: i64,
    to: i64,
) -> Result<Vec<Sample>, StoreError> {
    let wanted: Vec<u32> = (0..signals).filter(|signal| engine.memory(*signal).is_some()).collect();
    read(store, &wanted, from, to)
}

/// What arrived since `from`, as far as its time says, where the journal no longer does.
pub(super) fn sealed(
    store: &Store,
    engine: &Engine,
    signals: u32,
    from: i64,
    to: i64,
) -> Result<Vec<Sample>, StoreError> {
    samples(store, engine, signals, from.saturating_add(1), to)
}

fn read(store: &Store, wanted: &[u32], from: i64, to: i64) -> Result<Vec<Sample>, StoreError> {
    let mut found = Found { signals: store.signals(), signal: None, samples: Vec::new() };
    ask(store, wanted, from, to, &mut found)?;
    found.samples.sort_by_key(|sample| sample.at);
    Ok(found.samples)
}

/// Passes the samples from `from` up to `to` of these signals on.
fn ask(store: &Store, wanted: &[u32], from: i64, to: i64, sink: &mut dyn Sink) -> Result<(), StoreError> {
    let names: Vec<String> = wanted
        .iter()
        .filter_map(|signal| store.signals().name(SignalId(*signal)))
        .map(|name| name::exactly(&name))
        .collect();
    if names.is_empty() {
        return Ok(());
    }
    let query = Query {
        span: Span { from: Timestamp::from_micros(from), to: Timestamp::from_micros(to) },
        signals: Selector::new(&names),
        detail: Detail::Samples,
    };
    store.query(&query, sink)?;
    Ok(())
}

struct Found<'s> {
    signals: &'s Signals,
    signal: Option<u32>,
    samples: Vec<Sample>,
}

impl Sink for Found<'_> {
    fn series(&mut self, name: &str) -> Result<(), Stopped> {
        self.signal = self.signals.find(name).map(|signal| signal.0);
        Ok(())
    }

    fn points(&mut self, times: &[i64], values: &[f64]) -> Result<(), Stopped> {
        let Some(signal) = self.signal.filter(|_| self.samples.len() < MOST) else { return Ok(()) };
        self.samples.extend(times.iter().zip(values).map(|(at, value)| Sample {
            signal,
            at: *at,
            value: *value,
        }));
        Ok(())
    }
}
