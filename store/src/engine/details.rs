//! What is known of signals without reading their samples.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use afterglow_wire::Timestamp;

use super::Engine;
use crate::batch::SignalId;
use crate::bundle::Run;
use crate::head::{Head, Summary};
use crate::rollup;
use crate::signals::Signals;
use crate::tables::Rows;
use crate::{Details, Span, StoreError, budget};

impl Engine {
    /// The latest instant of each signal, by number.
    pub(crate) fn latest(&self, signals: &Signals) -> Result<Vec<Option<Timestamp>>, StoreError> {
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
        let wanted = signals.by_name();
        // In one transaction: what expires in between would be counted in both tiers, or in neither.
        self.tables.in_snapshot(|reader| {
            // The head before the first statement: what is sealed in between is in both, and nothing is in neither.
            let heads: Vec<Option<Summary>> =
                self.read_head(|head| wanted.iter().map(|(_, signal)| head.summary(*signal)).collect());
            let mut bundled: HashMap<SignalId, Vec<Run>> = HashMap::new();
            reader.directories(&mut |id, directory| {
                for run in self.sound_runs(id, directory) {
                    bundled.entry(run.signal).or_default().push(run);
                }
            })?;
            wanted
                .iter()
                .zip(heads)
                .map(|(signal, head)| {
                    let bundled = bundled.remove(&signal.1).unwrap_or_default();
                    let bundled = self.bundle_totals(reader, signal.1, bundled)?;
                    self.detail(reader, signal, head, bundled)
                })
                .filter_map(Result::transpose)
                .collect()
        })
    }

    /// What one signal amounts to; `None` when it has nothing.
    fn detail(
        &self,
        reader: &mut dyn Rows,
        (name, signal): &(Arc<str>, SignalId),
        head: Option<Summary>,
        bundled: Option<Summary>,
    ) -> Result<Option<Details>, StoreError> {
        budget::check()?;
        let blocks = reader.block_totals(*signal)?;
        let (first_bucket, expired) = reader.rollup_totals(*signal)?;
        // Of equal instants the last is taken: that of the newest write.
        let newest = [blocks.last, bundled.map(|bundled| bundled.last), head.map(|head| head.last)];
        let newest = newest.into_iter().flatten().max_by_key(|(time, _)| *time);
        let newest = match newest {
            None => self.newest_bucket(reader, *signal)?,
            newest => newest,
        };
        let firsts = [blocks.first, first_bucket, bundled.map(|all| all.first), head.map(|head| head.first)];
        let first = firsts.into_iter().flatten().min();
        let (Some(first), Some((last, last_value))) = (first, newest) else { return Ok(None) };
        // Saturating, because a damaged row may claim anything.
        let expired = expired.into_iter().fold(0_i64, i64::saturating_add);
        let unsealed = head.map_or(0, |head| head.count as i64);
        let count = [expired, bundled.map_or(0, |bundled| bundled.count as i64), unsealed]
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

    /// What the `bundled` runs of a signal, in no order, add to what its blocks have.
    fn bundle_totals(
        &self,
        reader: &mut dyn Rows,
        signal: SignalId,
        mut runs: Vec<Run>,
    ) -> Result<Option<Summary>, StoreError> {
        runs.sort_unstable_by_key(|run| run.first);
        let (Some(first), Some(last)) = (runs.first(), runs.iter().max_by_key(|run| run.last.0)) else {
            return Ok(None);
        };
        let span =
            Span { from: Timestamp::from_micros(first.first), to: Timestamp::from_micros(last.last.0) };
        let stored = reader.blocks(signal, span, i64::MIN, usize::MAX)?;
        if stored.is_empty() && runs.is_sorted_by(|a, b| a.last.0 < b.first) {
            let count = runs.iter().map(|run| run.count).sum();
            return Ok(Some(Summary { first: first.first, last: last.last, count }));
        }
        // Some samples may replace others.
        let bundled = self.bundled(reader, signal, span)?;
        let mut count = bundled.len();
        for block in stored {
            if let Some(columns) = self.read_block(reader, signal, block.id)? {
                count -=
                    columns.times().iter().filter(|time| bundled.times().binary_search(time).is_ok()).count();
            }
        }
        Ok(bundled.last().map(|last| Summary { first: first.first, last, count }))
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
