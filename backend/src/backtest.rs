//! Back-tests on what the store has: reads a rule's samples signal by signal and evaluates them.

pub mod minutes;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use afterglow_rules::{Backtest, Presence, Wants};
use afterglow_wire::backtest::{self, BacktestRequest};
use afterglow_wire::limits::BACKTEST_SAMPLES;
use afterglow_wire::{Timestamp, name};

use crate::clock::Stopwatch;
use crate::signals::Selector;
use crate::store::{Detail, Query, Sink, Span, Stopped, Store, StoreError};

/// A minute: the shortest stretch that a pair of values stands for where samples have expired.
const COARSE: i64 = 60_000_000;

/// What the rule would have found. Blocks.
///
/// # Errors
/// [`Stopped::Timeout`] when it takes longer than `limit`, and as [`Store::query_in_pieces`].
pub fn run(
    store: &Store,
    request: &BacktestRequest,
    limit: Option<Duration>,
) -> Result<backtest::Backtest, StoreError> {
    let (from, to) = (request.from.micros(), request.to.micros());
    let mut test = Backtest::new(&request.rule, from, to);
    let span = Span { from: Timestamp::from_micros(test.begins()), to: request.to };
    let mut reader = Reader { store, span, limit, since: Stopwatch::start(), coarse_before: None };
    let only = Selector::or_everything(&request.signals);
    let selected = store.signals().select(&Selector::new(&request.rule.signals), || reader.check())?;
    let names: Vec<_> = selected
        .into_iter()
        .map(|(name, _)| name)
        .filter(|name| test.selects(name) && only.has(name))
        .filter(|name| store.scope().is_none_or(|scope| scope.has(name)))
        .collect();
    let unheard = store.unheard(span)?;
    let spans: Vec<_> = unheard.iter().map(|span| (span.from.micros(), span.to.micros())).collect();
    test.unheard(&spans);
    let mut left_out = false;
    match test.wants() {
        Wants::Each => {
            for name in names {
                reader.read_minutes(&name, &mut test)?;
                let signal = test.signal(&name);
                reader.read(&name, &mut |times, values| {
                    test.samples(signal, times, values);
                    Ok(())
                })?;
            }
        }
        Wants::Compared => {
            for name in names {
                let mut series = vec![(name.clone(), Vec::new(), Vec::new())];
                series.extend(test.compared(&name).into_iter().map(|name| (name, Vec::new(), Vec::new())));
                left_out |= !reader.read_whole(&mut series)?;
                if !left_out {
                    reader.read_minutes(&name, &mut test)?;
                    let series: Vec<_> = series
                        .iter()
                        .map(|(name, times, values)| (&**name, &times[..], &values[..]))
                        .collect();
                    test.compared_samples(&series);
                }
            }
        }
        Wants::Presence(gap) => {
            let mut scopes: BTreeMap<String, Vec<Arc<str>>> = BTreeMap::new();
            for name in names {
                scopes.entry(test.scope(&name).to_owned()).or_default().push(name);
            }
            for names in scopes.into_values() {
                let mut presence = Presence::new(gap);
                for name in &names {
                    reader.read(name, &mut |times, _| {
                        presence.add(times);
                        Ok(())
                    })?;
                }
                if let Some(first) = names.first() {
                    test.presence(first, u32::try_from(names.len()).unwrap_or(u32::MAX), &presence);
                }
            }
        }
    }
    let mut found = test.finish();
    found.capped |= left_out;
    found.coarse_before = reader.coarse_before.map(Timestamp::from_micros);
    Ok(found)
}

/// Takes instants and values.
type Take<'t> = dyn FnMut(&[i64], &[f64]) -> Result<(), Stopped> + 't;

/// Reads signals one after the other.
struct Reader<'s> {
    store: &'s Store,
    span: Span,
    limit: Option<Duration>,
    since: Stopwatch,
    coarse_before: Option<i64>,
}

impl Reader<'_> {
    fn check(&self) -> Result<(), Stopped> {
        match self.limit {
            Some(limit) if self.since.elapsed() >= limit => Err(Stopped::Timeout(limit)),
            _ => Ok(()),
        }
    }

    /// Passes the samples of a signal on, in order.
    fn read(&mut self, name: &str, take: &mut Take<'_>) -> Result<(), StoreError> {
        let signals = Selector::new(&[name::exactly(name)]);
        let query = Query { span: self.span, signals, detail: Detail::Samples };
        let store = self.store;
        let mut samples = Samples { reader: self, take, exact_from: None };
        store.query_in_pieces(&query, &mut samples)
    }

    /// Reads the means of minutes, when the test wants them.
    fn read_minutes(&self, name: &str, test: &mut Backtest) -> Result<(), StoreError> {
        let Some(from) = test.minutes_from() else { return Ok(()) };
        let to = self.span.to.micros();
        let whole = to - to.rem_euclid(COARSE) + COARSE;
        test.minutes(minutes::read(self.store, name, (from, whole), &mut || self.check())?);
        Ok(())
    }

    /// Reads all samples of some signals; whether there was room for them.
    fn read_whole(&mut self, series: &mut [(Arc<str>, Vec<i64>, Vec<f64>)]) -> Result<bool, StoreError> {
        let (mut count, mut fits) = (0, true);
        for (name, all_times, all_values) in series {
            self.read(&name.clone(), &mut |times, values| {
                count += times.len();
                fits &= count <= BACKTEST_SAMPLES;
                if fits {
                    all_times.extend_from_slice(times);
                    all_values.extend_from_slice(values);
                }
                Ok(())
            })?;
        }
        Ok(fits)
    }
}

struct Samples<'r, 's, 't> {
    reader: &'r mut Reader<'s>,
    take: &'t mut Take<'t>,
    /// The first sample that does not lie where those that stand for others do.
    exact_from: Option<i64>,
}

impl Sink for Samples<'_, '_, '_> {
    fn series(&mut self, _: &str) -> Result<(), Stopped> {
        self.reader.check()
    }

    fn points(&mut self, times: &[i64], values: &[f64]) -> Result<(), Stopped> {
        self.reader.check()?;
        if self.exact_from.is_none() {
            self.exact_from = times.iter().find(|at| at.rem_euclid(COARSE) > 1).copied();
        }
        (self.take)(times, values)
    }

    fn reduced(&mut self, _: i64) -> Result<(), Stopped> {
        let exact = self.exact_from.map_or(self.reader.span.to.micros(), |at| at - at.rem_euclid(COARSE));
        self.reader.coarse_before = self.reader.coarse_before.max(Some(exact));
        Ok(())
    }

    fn check(&mut self) -> Result<(), Stopped> {
        self.reader.check()
    }
}
