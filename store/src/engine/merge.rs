//! Merging bundles by size tiers: when [`FAN_IN`] sealings have left bundles of a group, these become one set of the next tier,
//! and so on, until a signal has enough samples for a block (the idea is the log-structured merge tree's with tiers, as
//! Cassandra's and VictoriaMetrics' merges have it: O'Neil et al., "The log-structured merge-tree", 1996). A sample is rewritten
//! as often as there are tiers below its block, log8(4,096 / samples of its signal in a sealing), however many signals there are.
//!
//! The order of writes is that of tiers and sequences: all of a tier is older than what is in the one below, and merged are the
//! oldest of a tier. A block is older than any bundle, so samples whose instants a higher tier also has stay bundled until
//! they meet those.

use std::collections::{BTreeMap, HashSet};

use super::Engine;
use super::bundled::BUNDLE;
use super::plan::{Bundler, Plan};
use crate::StoreError;
use crate::batch::SignalId;
use crate::bundle::Run;
use crate::columns::Columns;
use crate::fault::{self, Point};
use crate::tables::{BundlePlace, Rows};

/// Sealings whose bundles are merged at once.
const FAN_IN: usize = if cfg!(test) { 3 } else { 8 };

/// Samples that are merged in one transaction, and a group's more: commits wait for a few milliseconds while they are written.
const AT_ONCE: usize = 256 << 10;

/// Samples of one group that are merged at once, unless those of [`FAN_IN`] sealings are more: bounds memory when merging has
/// been behind.
const GROUP_AT_ONCE: usize = 1 << 20;

/// The groups and tiers that are known to be full, the next one last.
pub(super) type FullTiers = Vec<(u32, i32)>;

impl Engine {
    /// Merges bundles of some groups; whether there may be more to merge. Commits and queries go on meanwhile.
    pub(crate) fn merge(&self) -> Result<bool, StoreError> {
        if !self.leads() {
            return Ok(false);
        }
        let full = &mut self.lock_maintenance().full;
        let mut plan = Plan::default();
        let more = self.tables.reading(|reader| {
            if full.is_empty() {
                *full = reader.full_tiers(FAN_IN)?;
                full.reverse();
            }
            let mut samples = 0;
            while samples < AT_ONCE
                && let Some((group, tier)) = full.pop()
            {
                samples += self.merge_tier(reader, group, tier, &mut plan)?;
            }
            Ok::<_, StoreError>(samples > 0)
        })?;
        self.write_merged(&plan)?;
        Ok(more)
    }

    pub(super) fn write_merged(&self, plan: &Plan) -> Result<(), StoreError> {
        if plan.replaced_bundles.is_empty() {
            return Ok(());
        }
        self.tables.maintaining(|writer| {
            self.write(plan, writer)?;
            fault::crash_point(Point::MergeWritten);
            Ok(())
        })
    }

    /// Merges the oldest bundles of a tier of a group; returns how many samples these have.
    fn merge_tier(
        &self,
        reader: &mut dyn Rows,
        group: u32,
        tier: i32,
        plan: &mut Plan,
    ) -> Result<usize, StoreError> {
        let places = self.sound_places(reader, group)?;
        let of_tier: Vec<_> = places.iter().filter(|place| place.tier == tier).collect();
        let (mut oldest, mut sets, mut samples) = (Vec::new(), 0, 0);
        for set in of_tier.chunk_by(|a, b| a.sequence == b.sequence) {
            if sets >= FAN_IN && samples >= GROUP_AT_ONCE {
                break;
            }
            sets += 1;
            samples += set.iter().map(|place| place.count.cast_unsigned() as usize).sum::<usize>();
            oldest.extend_from_slice(set);
        }
        if sets < FAN_IN {
            return Ok(0);
        }
        let mut merged: BTreeMap<SignalId, (Columns, i64)> = BTreeMap::new();
        let mut sequence = 0;
        for place in oldest {
            let Some(row) = reader.bundle(place.id)? else { continue };
            // What cannot be read stays where it is, so that it can still be repaired.
            let Some(contents) = self.contents(&row) else { continue };
            for (run, columns) in contents {
                let (all, sealed_at) = merged.entry(run.signal).or_default();
                all.absorb(columns);
                *sealed_at = place.sealed_at.max(*sealed_at);
            }
            sequence = sequence.max(place.sequence);
            plan.replaced_bundles.push(place.id);
        }
        let mut bundler = Bundler::new(tier.saturating_add(1), sequence);
        for (signal, (columns, sealed_at)) in merged {
            if columns.len() >= self.enough_for_block && !self.is_bundled(reader, signal, &columns, tier)? {
                self.plan_blocks(reader, signal, columns, sealed_at, plan)?;
            } else if !columns.is_empty() {
                bundler.push(signal, columns, sealed_at, plan);
            }
        }
        bundler.finish(plan);
        Ok(samples)
    }

    /// Moves samples from the bundles of a group into blocks: those of the runs that are `due`, and of all runs of the same
    /// signals that have a part in the same span, which may be newer or older writes; whether there were any. For one that holds
    /// the lock of maintenance.
    pub(super) fn settle(
        &self,
        group: u32,
        due: impl Fn(&BundlePlace, &Run) -> bool,
    ) -> Result<bool, StoreError> {
        let mut plan = Plan::default();
        self.tables.reading(|reader| {
            let places = self.sound_places(reader, group)?;
            let mut runs = Vec::new();
            for (row, place) in places.iter().enumerate() {
                runs.extend(self.runs(reader, place.id)?.into_iter().map(|run| (row, run)));
            }
            let due = runs.iter().filter(|(row, run)| due(&places[*row], run));
            let mut chosen: HashSet<(usize, SignalId)> =
                due.clone().map(|(row, run)| (*row, run.signal)).collect();
            let mut spans: BTreeMap<SignalId, (i64, i64)> = BTreeMap::new();
            due.for_each(|(_, run)| widen(&mut spans, run));
            // Each new one may reach further.
            loop {
                let overlaps = |run: &Run| {
                    spans.get(&run.signal).is_some_and(|span| run.first <= span.1 && span.0 <= run.last.0)
                };
                let next =
                    runs.iter().find(|(row, run)| !chosen.contains(&(*row, run.signal)) && overlaps(run));
                let Some((row, run)) = next else { break };
                chosen.insert((*row, run.signal));
                widen(&mut spans, run);
            }
            self.plan_settling(reader, &places, &chosen, &mut plan)
        })?;
        self.write_merged(&plan)?;
        Ok(!plan.replaced_bundles.is_empty())
    }

    /// Takes the `chosen` runs, by row and signal, out of their bundles.
    fn plan_settling(
        &self,
        reader: &mut dyn Rows,
        places: &[BundlePlace],
        chosen: &HashSet<(usize, SignalId)>,
        plan: &mut Plan,
    ) -> Result<(), StoreError> {
        let rows: HashSet<usize> = chosen.iter().map(|(row, _)| *row).collect();
        let mut settled: BTreeMap<SignalId, (Columns, i64)> = BTreeMap::new();
        for (row, place) in places.iter().enumerate().filter(|(row, _)| rows.contains(row)) {
            let Some(stored) = reader.bundle(place.id)? else { continue };
            let Some(contents) = self.contents(&stored) else { continue };
            let mut others = Bundler::new(place.tier, place.sequence);
            for (run, columns) in contents {
                if chosen.contains(&(row, run.signal)) {
                    let (all, sealed_at) = settled.entry(run.signal).or_default();
                    all.absorb(columns);
                    *sealed_at = place.sealed_at.max(*sealed_at);
                } else {
                    others.push(run.signal, columns, place.sealed_at, plan);
                }
            }
            others.finish(plan);
            plan.replaced_bundles.push(place.id);
        }
        for (signal, (columns, sealed_at)) in settled {
            self.plan_blocks(reader, signal, columns, sealed_at, plan)?;
        }
        Ok(())
    }

    /// Where the bundles of a group are that are not known to be damaged, older before newer.
    fn sound_places(&self, reader: &mut dyn Rows, group: u32) -> Result<Vec<BundlePlace>, StoreError> {
        let mut places = reader.bundle_places(group)?;
        places.retain(|place| !self.damaged.contains(BUNDLE, place.id));
        Ok(places)
    }
}

fn widen(spans: &mut BTreeMap<SignalId, (i64, i64)>, run: &Run) {
    let span = spans.entry(run.signal).or_insert((run.first, run.last.0));
    *span = (span.0.min(run.first), span.1.max(run.last.0));
}
