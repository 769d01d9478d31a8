//! What is known of signals without reading their samples.

use std::collections::BTreeSet;
use std::sync::Arc;

use afterglow_wire::Timestamp;

use super::Engine;
use crate::batch::SignalId;
use crate::head::{Head, Summary};
use crate::rollup;
use crate::signals::Signals;
use crate::tables::Rows;
use crate::{Details, StoreError, budget};

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
            wanted
                .iter()
                .zip(heads)
                .map(|(signal, head)| self.detail(reader, signal, head))
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
    ) -> Result<Option<Details>, StoreError> {
        budget::check()?;
        let blocks = reader.block_totals(*signal)?;
        let (first_bucket, expired) = reader.rollup_totals(*signal)?;
        let newest = head.map(|head| head.last).into_iter().chain(blocks.last).max_by_key(|(time, _)| *time);
        let newest = match newest {
            None => self.newest_bucket(reader, *signal)?,
            newest => newest,
        };
        let first = [blocks.first, first_bucket, head.map(|head| head.first)].into_iter().flatten().min();
        let (Some(first), Some((last, last_value))) = (first, newest) else { return Ok(None) };
        // Saturating, because a damaged row may claim anything.
        let expired = expired.into_iter().fold(0_i64, i64::saturating_add);
        let count =
            blocks.count.saturating_add(expired).saturating_add(head.map_or(0, |head| head.count as i64));
        Ok(Some(Details {
            name: name.to_string(),
            first: Timestamp::from_micros(first),
            last: Timestamp::from_micros(last),
            last_value,
            count: count.cast_unsigned(),
        }))
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
