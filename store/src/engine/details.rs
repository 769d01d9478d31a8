//! What is known of signals without reading their samples.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use afterglow_wire::Timestamp;

use super::Engine;
use crate::batch::SignalId;
use crate::head::{Head, Summary};
use crate::rollup;
use crate::signals::Signals;
use crate::tables::{BlockTotals, Rows};
use crate::{Details, Span, StoreError, budget};

impl Engine {
    /// The latest instant of each signal, by number.
    pub(crate) fn latest(&self, signals: &Signals) -> Result<Vec<Option<Timestamp>>, StoreError> {
        self.sync()?;
        let mut latest = self.read_head(Head::latest);
        latest.extend(self.latest_stored()?);
        let mut all = vec![None; signals.len()];
        for (signal, instant) in latest {
            // A damaged row may name any signal.
            if let Some(known) = all.get_mut(signal.0 as usize) {
                *known = (*known).max(Some(Timestamp::from_micros(instant)));
            }
        }
        Ok(all)
    }

    /// The names of all signals that have a sample, in order.
    pub(crate) fn signal_names(&self, signals: &Signals) -> Result<Vec<String>, StoreError> {
        self.sync()?;
        let in_head = self.read_head(Head::signals);
        let stored = self.latest_stored()?.into_iter().map(|(signal, _)| signal);
        let names = in_head.into_iter().chain(stored).filter_map(|signal| signals.name(signal));
        let names: BTreeSet<Arc<str>> = names.collect();
        Ok(names.into_iter().map(|name| name.to_string()).collect())
    }

    fn latest_stored(&self) -> Result<Vec<(SignalId, i64)>, StoreError> {
        self.tables.reading(|reader| {
            let mut latest = reader.latest_in_blocks()?;
            reader.directories(&mut |id, directory| {
                let runs = self.sound_runs(id, directory);
                latest.extend(runs.into_iter().map(|run| (run.signal, run.last.0)));
            })?;
            latest.extend(reader.latest_in_rollups()?);
            Ok(latest)
        })
    }

    /// What every signal amounts to, by name.
    pub(crate) fn details(&self, signals: &Signals) -> Result<Vec<Details>, StoreError> {
        self.sync()?;
        let wanted = signals.by_name();
        loop {
            // In one transaction: what expires in between would be counted in both tiers, or in neither.
            let details = self.tables.in_snapshot(|reader| {
                // The head before the first statement: what is sealed in between is in both, and nothing is in neither.
                let (heads, sequence): (Vec<Option<Summary>>, u64) = self.read_head(|head| {
                    let heads = wanted.iter().map(|(_, signal)| head.summary(*signal)).collect();
                    (heads, head.sequence().cast_unsigned())
                });
                if self.is_behind(reader, sequence)? {
                    return Ok(None);
                }
                let stored = self.totals(reader)?;
                let details = wanted
                    .iter()
                    .zip(heads)
                    .map(|(signal, head)| self.detail(reader, signal, head, &stored))
                    .filter_map(Result::transpose);
                details.collect::<Result<_, StoreError>>().map(Some)
            })?;
            match details {
                Some(details) => return Ok(details),
                None => self.sync()?,
            }
        }
    }

    /// What is stored of all signals, by a statement for each tier.
    fn totals(&self, reader: &mut dyn Rows) -> Result<Totals, StoreError> {
        let blocks = reader.block_totals()?.into_iter().collect();
        let rollups = reader.rollup_totals()?.into_iter();
        let rollups = rollups.map(|(signal, first, count)| (signal, (first, count))).collect();
        let mut bundled: HashMap<SignalId, Bundled> = HashMap::new();
        reader.directories(&mut |id, directory| {
            for run in self.sound_runs(id, directory) {
                let more = Summary { first: run.first, last: run.last, count: run.count };
                match bundled.entry(run.signal) {
                    Entry::Vacant(entry) => {
                        entry.insert(Bundled { all: more, is_in_order: true });
                    }
                    Entry::Occupied(mut entry) => entry.get_mut().add(more),
                }
            }
        })?;
        Ok(Totals { blocks, bundled, rollups })
    }

    /// What one signal amounts to; `None` when it has nothing.
    fn detail(
        &self,
        reader: &mut dyn Rows,
        (name, signal): &(Arc<str>, SignalId),
        head: Option<Summary>,
        stored: &Totals,
    ) -> Result<Option<Details>, StoreError> {
        budget::check()?;
        let blocks = stored.blocks.get(signal).copied().unwrap_or_default();
        let bundled = self.bundle_totals(reader, *signal, stored.bundled.get(signal), blocks)?;
        let expired = stored.rollups.get(signal);
        // Of equal instants the last is taken: that of the newest write.
        let newest = [blocks.last, bundled.map(|bundled| bundled.last), head.map(|head| head.last)];
        let newest = match newest.into_iter().flatten().max_by_key(|(time, _)| *time) {
            None if expired.is_some() => self.newest_bucket(reader, *signal)?,
            newest => newest,
        };
        let first_bucket = expired.map(|(first, _)| *first);
        let firsts = [blocks.first, first_bucket, bundled.map(|all| all.first), head.map(|head| head.first)];
        let first = firsts.into_iter().flatten().min();
        let (Some(first), Some((last, last_value))) = (first, newest) else { return Ok(None) };
        let count = |summary: Option<Summary>| summary.map_or(0, |summary| summary.count as i64);
        // Saturating, because a damaged row may claim anything.
        let count = [expired.map_or(0, |(_, count)| *count), count(bundled), count(head)]
            .into_iter()
            .fold(blocks.count, i64::saturating_add);
        Ok(Some(Details {
            name: name.to_string(),
            first: Timestamp::from_micros(first),
            last: Timestamp::from_micros(last),
            last_value,
            count: count.cast_unsigned(),
        }))
    }

    /// What the bundled samples of a signal add to what its `blocks` have.
    fn bundle_totals(
        &self,
        reader: &mut dyn Rows,
        signal: SignalId,
        bundled: Option<&Bundled>,
        blocks: BlockTotals,
    ) -> Result<Option<Summary>, StoreError> {
        let Some(Bundled { all, is_in_order }) = bundled else { return Ok(None) };
        if *is_in_order && blocks.last.is_none_or(|(last, _)| last < all.first) {
            return Ok(Some(*all));
        }
        // Some samples may replace others.
        let span = Span { from: Timestamp::from_micros(all.first), to: Timestamp::from_micros(all.last.0) };
        let bundled = self.bundled(reader, signal, span)?;
        let mut count = bundled.len();
        for block in reader.blocks(signal, span, i64::MIN, usize::MAX)? {
            let Some(columns) = self.read_block(reader, signal, block.id)? else { continue };
            let replaced = |time: &&i64| bundled.times().binary_search(time).is_ok();
            count -= columns.times().iter().filter(replaced).count();
        }
        Ok(bundled.last().map(|last| Summary { first: all.first, last, count }))
    }

    /// The last bucket of a signal whose samples have all expired, as a sample.
    fn newest_bucket(
        &self,
        reader: &mut dyn Rows,
        signal: SignalId,
    ) -> Result<Option<(i64, f64)>, StoreError> {
        let Some(row) = reader.newest_rollup(signal)? else { return Ok(None) };
        match rollup::verified(&row.payload, row.checksum) {
            Ok(buckets) => Ok(buckets.last().map(|bucket| (bucket.start, bucket.last))),
            Err(error) => {
                self.damaged.report("rollup", row.id, &error);
                Ok(None)
            }
        }
    }
}

/// What is stored of all signals.
struct Totals {
    blocks: HashMap<SignalId, BlockTotals>,
    bundled: HashMap<SignalId, Bundled>,
    /// The first bucket, and how many samples all of them stand for.
    rollups: HashMap<SignalId, (i64, i64)>,
}

/// What is bundled of a signal.
struct Bundled {
    all: Summary,
    /// Whether each run is later than those that are older writes, so that no sample replaces another.
    is_in_order: bool,
}

impl Bundled {
    /// Adds a newer run.
    fn add(&mut self, newer: Summary) {
        self.is_in_order &= self.all.last.0 < newer.first;
        let last = if newer.last.0 >= self.all.last.0 { newer.last } else { self.all.last };
        self.all =
            Summary { first: self.all.first.min(newer.first), last, count: self.all.count + newer.count };
    }
}
