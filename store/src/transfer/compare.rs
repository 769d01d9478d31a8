//! What the samples of a database amount to, by signal, as its own readers find them.

use std::collections::BTreeMap;

use super::TransferError;
use crate::clock::Clock;
use crate::opening;
use crate::{Bucket, Detail, Details, Location, OpenError, Query, Sink, Stopped, Store, StoreError};

/// How far sums may differ: samples are not always added in the same order.
const ROUNDING: f64 = 1e-9;

/// How often a database that is slow to let readers in is asked.
const TRIES: usize = 20;

/// What a signal's samples amount to.
type Sums = BTreeMap<String, (Details, Bucket)>;

#[derive(Default)]
struct Collected {
    name: String,
    found: BTreeMap<String, Bucket>,
}

impl Sink for Collected {
    fn series(&mut self, name: &str) -> Result<(), Stopped> {
        name.clone_into(&mut self.name);
        Ok(())
    }

    fn points(&mut self, _: &[i64], _: &[f64]) -> Result<(), Stopped> {
        Ok(())
    }

    fn slices(&mut self, slices: &[Bucket]) -> Result<(), Stopped> {
        for slice in slices {
            let name = self.name.clone();
            self.found.entry(name).and_modify(|known| *known = known.join(*slice)).or_insert(*slice);
        }
        Ok(())
    }
}

/// Asks again while all readers are taken.
fn patiently<T>(mut ask: impl FnMut() -> Result<T, StoreError>) -> Result<T, StoreError> {
    for _ in 1..TRIES {
        match ask() {
            Err(StoreError::Busy) => {}
            done => return done,
        }
    }
    ask()
}

fn sums(database: &Location, clock: Clock) -> Result<Sums, OpenError> {
    let store = Store::open_unfinished(database, clock)?;
    let everything = Query { detail: Detail::Slices(1), ..Query::everything() };
    let found = patiently(|| {
        let mut collected = Collected::default();
        store.query(&everything, &mut collected)?;
        Ok(collected.found)
    });
    let unread = |error| opening::unusable(database, error);
    let (found, details) = (found.map_err(unread)?, patiently(|| store.details()).map_err(unread)?);
    let sums = details.into_iter().filter_map(|signal| {
        let sum = found.get(&signal.name)?;
        Some((signal.name.clone(), (signal, *sum)))
    });
    Ok(sums.collect())
}

fn is_same(a: &(Details, Bucket), b: &(Details, Bucket)) -> bool {
    let ((of_a, a), (of_b, b)) = (a, b);
    let scale = a.sum.abs().max(b.sum.abs()).max(a.max.abs()).max(a.min.abs());
    of_a == of_b
        && (a.count, a.min, a.max, a.last) == (b.count, b.min, b.max, b.last)
        && (a.sum == b.sum || (a.sum - b.sum).abs() <= ROUNDING * scale * a.count.max(1) as f64)
}

/// Compares what the samples of each signal amount to in two databases: first and last instant, last value, count, lowest, highest and sum.
/// Returns how many signals and samples there are.
pub(super) fn compare(from: &Location, to: &Location, clock: &Clock) -> Result<(u64, u64), TransferError> {
    let source = sums(from, clock.clone())?;
    let target = sums(to, clock.clone())?;
    let names = source.keys().chain(target.keys());
    let different = names.into_iter().find(|name| match (source.get(*name), target.get(*name)) {
        (Some(a), Some(b)) => !is_same(a, b),
        _ => true,
    });
    if let Some(name) = different {
        let about = |sums: &Sums| match sums.get(name) {
            Some((signal, sum)) => {
                format!("{} samples, min {}, max {}, sum {}", signal.count, sum.min, sum.max, sum.sum)
            }
            None => "no samples".into(),
        };
        return Err(TransferError::Different(format!(
            "the signal {name} has {} in {from} and {} in {to}",
            about(&source),
            about(&target)
        )));
    }
    let samples = source.values().map(|(signal, _)| signal.count).sum();
    Ok((source.len() as u64, samples))
}
