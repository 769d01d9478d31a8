//! Deletion: samples go before their time, from every tier.
//!
//! What is in the head is sealed first, so that all there is to delete is in rows. Then the deletion is written down, and rows
//! are deleted or replaced by what remains of them, in short transactions between which commits go on: of a group of signals
//! first the rollups and blocks, then the bundles, whose samples may hide older ones in blocks. Last the deletion is crossed out.
//! One that was interrupted goes on from the beginning before anything else is sealed, and as nothing is sealed meanwhile, it
//! finds only samples that were committed before it.
//!
//! A deletion takes a number among those of the commits, without a row in the journal. So nobody who follows the commits gets past
//! it: a client that has less begins again, with what is stored then.

use std::collections::BTreeMap;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use afterglow_wire::Timestamp;

use super::plan::{Bundler, Plan};
use super::rollups::HOUR;
use super::{Engine, Maintenance};
use crate::batch::SignalId;
use crate::columns::Columns;
use crate::fault::{self, Point};
use crate::head::Head;
use crate::rollup::{self, Resolution};
use crate::tables::{NewBlock, NewRollup, Rows};
use crate::{News, Sequences, Span, StoreError, bundle};

/// Rows that are replaced in one transaction: commits wait for no longer than that takes.
const AT_ONCE: usize = if cfg!(test) { 2 } else { 32 };

/// Numbers of deletions that are remembered.
const DELETIONS: usize = 1_024;

/// What a deletion takes, or would take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Deleted {
    /// Signals that had something.
    pub signals: u64,
    /// Samples.
    pub samples: u64,
    /// Expired samples: those for which the minutes and hours stand that have a part in the span. Those minutes and hours go as a
    /// whole.
    pub expired: u64,
    /// Damaged rows that may have samples in the span and others. They stay, and are left out of every answer, as before.
    pub damaged: u64,
    /// The deletion's number among those of the commits; none where no signal was meant, or nothing was to be deleted yet.
    pub sequences: Option<Sequences>,
}

/// A deletion that was begun.
#[derive(Clone, Debug)]
pub(super) struct Unfinished {
    /// In order.
    signals: Vec<SignalId>,
    span: Span,
}

impl Engine {
    /// Deletes the samples of `signals`, which are in order, within `span` that were committed before. Commits and queries go on
    /// meanwhile; queries may find a part of them until this returns.
    pub(crate) fn delete(&self, signals: Vec<SignalId>, span: Span) -> Result<Deleted, StoreError> {
        if signals.is_empty() {
            return Ok(Deleted::default());
        }
        if !self.leads() {
            let why = "another server of this database deletes; send it again to reach that one";
            return Err(StoreError::Down(why.into()));
        }
        // What other processes have committed before is deleted, too.
        self.sync()?;
        let _room = self.room.expected();
        let mut alone = self.lock_maintenance();
        self.finish_deletion(&mut alone)?;
        let in_head = |head: &Head| signals.iter().any(|signal| !head.within(*signal, span).is_empty());
        if self.read_head(in_head) {
            // A sealing that had been begun and not finished comes before what was taken since.
            let again = self.read_head(Head::is_sealing);
            self.seal_alone()?;
            if again {
                self.seal_alone()?;
            }
        }
        self.tables.maintaining(|writer| writer.begin_deletion(&signals, span))?;
        fault::crash_point(Point::DeletionBegun);
        alone.unfinished = Some(Unfinished { signals, span });
        self.finish_deletion(&mut alone)
    }

    /// What [`Engine::delete`] would delete now.
    pub(crate) fn would_delete(&self, signals: &[SignalId], span: Span) -> Result<Deleted, StoreError> {
        let _alone = self.lock_maintenance();
        let mut deleted = Deleted::default();
        for group in signals.chunk_by(|a, b| bundle::group(*a) == bundle::group(*b)) {
            let head =
                group.iter().map(|signal| (*signal, self.read_head(|head| head.within(*signal, span))));
            self.delete_group(group, span, head.collect(), &mut deleted, &mut |_| Ok(()))?;
        }
        Ok(deleted)
    }

    /// Reads whether a deletion was interrupted. It is completed before the next sealing or deletion.
    pub(crate) fn read_deletion(&self) -> Result<(), StoreError> {
        let mut alone = self.lock_maintenance();
        let begun = self.tables.reading(|reader| reader.deletion())?;
        alone.unfinished = begun.map(|(signals, span)| Unfinished { signals, span });
        Ok(())
    }

    /// Completes a deletion that was interrupted, if there is one and this process leads.
    pub(crate) fn resume_deletion(&self) -> Result<(), StoreError> {
        if !self.leads() {
            return Ok(());
        }
        let _room = self.room.expected();
        let mut alone = self.lock_maintenance();
        if let Deleted { sequences: Some(_), samples, .. } = self.finish_deletion(&mut alone)? {
            log::info!("completed a deletion that had been interrupted: {samples} more samples");
        }
        Ok(())
    }

    /// Completes the deletion that was begun, if there is one.
    pub(super) fn finish_deletion(&self, alone: &mut Maintenance) -> Result<Deleted, StoreError> {
        let mut deleted = Deleted::default();
        let Some(Unfinished { signals, span }) = &alone.unfinished else { return Ok(deleted) };
        for group in signals.chunk_by(|a, b| bundle::group(*a) == bundle::group(*b)) {
            if self.closing.load(Ordering::Relaxed) {
                let why = "it is being closed; the deletion that was begun is completed at the next start";
                return Err(StoreError::Down(why.into()));
            }
            let mut write = |plan: &Plan| {
                self.tables.maintaining(|writer| self.write(plan, writer))?;
                fault::crash_point(Point::DeletionPart);
                Ok(())
            };
            self.delete_group(group, *span, BTreeMap::new(), &mut deleted, &mut write)?;
        }
        fault::crash_point(Point::DeletionDone);
        let sequences = self.end_deletion()?;
        alone.unfinished = None;
        if let Err(error) = self.tables.release_space(false) {
            log::warn!("the space of deleted samples is not given back yet: {error}");
        }
        Ok(Deleted { sequences: Some(sequences), ..deleted })
    }

    fn end_deletion(&self) -> Result<Sequences, StoreError> {
        let mut commits = self.lock_commits();
        let number = self.tables.maintaining(|writer| {
            self.follow(writer, &mut commits)?;
            writer.end_deletion(commits.next_sequence)?;
            Ok::<_, StoreError>(commits.next_sequence)
        })?;
        commits.next_sequence = number + 1;
        {
            let mut deletions = self.deletions.lock().unwrap_or_else(PoisonError::into_inner);
            deletions.insert(number);
            if deletions.len() > DELETIONS {
                deletions.pop_first();
            }
        }
        self.change_head(|head| head.deleted(number));
        if self.tables.is_shared() {
            self.put_news(News::Skipped(number.cast_unsigned()));
        }
        let at = Timestamp::from_micros(self.clock.now().micros());
        Ok(Sequences { before: (number - 1).cast_unsigned(), last: number.cast_unsigned(), at })
    }

    /// The last of the numbers that follow directly on `sequence` and are those of deletions.
    pub(super) fn after_deletions(&self, sequence: u64) -> u64 {
        let deletions = self.deletions.lock().unwrap_or_else(PoisonError::into_inner);
        let mut last = sequence;
        while deletions.contains(&(last + 1).cast_signed()) {
            last += 1;
        }
        last
    }

    /// Decides what becomes of the rows of `signals`, which are of one group, and hands each part of it to `write`. Samples
    /// that are `newer` than all rows are only counted.
    fn delete_group(
        &self,
        signals: &[SignalId],
        span: Span,
        mut newer: BTreeMap<SignalId, Columns>,
        deleted: &mut Deleted,
        write: &mut dyn FnMut(&Plan) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut bundles = Plan::default();
        let mut bundled =
            self.tables.reading(|reader| self.cut_bundles(reader, signals, span, deleted, &mut bundles))?;
        for signal in signals {
            let mut found = *deleted;
            let mut gone = bundled.remove(signal).unwrap_or_default();
            gone.absorb(newer.remove(signal).unwrap_or_default());
            found.samples += gone.len() as u64;
            self.cut_rollups(*signal, span, &mut found, write)?;
            self.cut_blocks(*signal, span, &gone, &mut found, write)?;
            let has_something = (found.samples, found.expired) != (deleted.samples, deleted.expired);
            found.signals += u64::from(has_something);
            *deleted = found;
        }
        if bundles.replaced() > 0 {
            write(&bundles)?;
        }
        Ok(())
    }

    /// Plans bundles without the samples of `signals` within `span`; returns these.
    fn cut_bundles(
        &self,
        reader: &mut dyn Rows,
        signals: &[SignalId],
        span: Span,
        deleted: &mut Deleted,
        plan: &mut Plan,
    ) -> Result<BTreeMap<SignalId, Columns>, StoreError> {
        let mut gone: BTreeMap<SignalId, Columns> = BTreeMap::new();
        let (Some(first), inside) = (signals.first(), (span.from.micros(), span.to.micros())) else {
            return Ok(gone);
        };
        let is_meant = |signal: SignalId| signals.binary_search(&signal).is_ok();
        for place in reader.bundle_places(bundle::group(*first))? {
            if !signals.iter().any(|signal| place.may_have(*signal, inside)) {
                continue;
            }
            let Some(row) = reader.bundle(place.id)? else { continue };
            let Some(contents) = self.contents(&row) else {
                deleted.damaged += 1;
                continue;
            };
            let (mut rest, mut is_cut) = (Bundler::new(place.tier, place.sequence), false);
            let mut parts = Plan::default();
            for (run, mut columns) in contents {
                if is_meant(run.signal) {
                    let cut = columns.take(span);
                    is_cut |= !cut.is_empty();
                    gone.entry(run.signal).or_default().absorb(cut);
                }
                if !columns.is_empty() {
                    rest.push(run.signal, columns, place.sealed_at, &mut parts);
                }
            }
            rest.finish(&mut parts);
            if is_cut {
                parts.replaced_bundles.push(place.id);
                plan.append(parts);
            }
        }
        Ok(gone)
    }

    /// Cuts the blocks of a signal, of which samples that are `gone` already may hide some.
    fn cut_blocks(
        &self,
        signal: SignalId,
        span: Span,
        gone: &Columns,
        deleted: &mut Deleted,
        write: &mut dyn FnMut(&Plan) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let (first, last) = (span.from.micros(), span.to.micros());
        let places = self.tables.reading(|reader| reader.neighbours(signal, first, last))?;
        let mut plan = Plan::default();
        for stored in places.into_iter().filter(|stored| stored.last_time >= first) {
            let is_whole = first <= stored.first_time && stored.last_time <= last;
            let inside = Span {
                from: Timestamp::from_micros(stored.first_time),
                to: Timestamp::from_micros(stored.last_time),
            };
            let is_counted = is_whole && gone.positions(inside).is_empty();
            let block = match is_counted {
                true => None,
                false => self.tables.reading(|reader| self.read_block(reader, signal, stored.id))?,
            };
            match block {
                None if is_whole => deleted.samples += u64::from(stored.count.cast_unsigned()),
                None => {
                    deleted.damaged += 1;
                    continue;
                }
                Some(mut rest) => {
                    let cut = rest.take(span);
                    if cut.is_empty() {
                        continue;
                    }
                    let is_new = |time: &&i64| gone.times().binary_search(time).is_err();
                    deleted.samples += cut.times().iter().filter(is_new).count() as u64;
                    if !rest.is_empty() {
                        plan.blocks.push(NewBlock::new(signal, &rest, stored.sealed_at)?);
                    }
                }
            }
            plan.replaced_blocks.push(stored.id);
            if plan.replaced() >= AT_ONCE {
                write(&std::mem::take(&mut plan))?;
            }
        }
        if plan.replaced() > 0 {
            write(&plan)?;
        }
        Ok(())
    }

    /// Deletes the minutes and hours of a signal that have a part in `span`.
    fn cut_rollups(
        &self,
        signal: SignalId,
        span: Span,
        deleted: &mut Deleted,
        write: &mut dyn FnMut(&Plan) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let (first, last) = (span.from.micros(), span.to.micros());
        let rows = self.tables.reading(|reader| {
            reader.rollups(signal, None, first.saturating_sub(HOUR).saturating_add(1), last)
        })?;
        let mut plan = Plan::default();
        for row in rows {
            let hours = row.resolution == Resolution::Hour.seconds();
            let resolution = if hours { Resolution::Hour } else { Resolution::Minute };
            let buckets = match rollup::verified(&row.payload, row.checksum) {
                Ok(buckets) => buckets,
                Err(error) => {
                    self.damaged.report("rollup", row.id, &error);
                    deleted.damaged += 1;
                    continue;
                }
            };
            let is_gone = |bucket: &rollup::Bucket| {
                bucket.start <= last && bucket.start.saturating_add(resolution.micros()) > first
            };
            let (gone, rest): (Vec<_>, Vec<_>) = buckets.into_iter().partition(is_gone);
            if gone.is_empty() {
                continue;
            }
            // Saturating, because a damaged row may claim anything.
            let samples =
                gone.iter().fold(0_u64, |sum, bucket| sum.saturating_add(bucket.count.unsigned_abs()));
            deleted.expired = deleted.expired.saturating_add(samples);
            plan.rollups.extend(NewRollup::new(signal, resolution, &rest, row.arrived_at)?);
            plan.replaced_rollups.push(row.id);
            if plan.replaced() >= AT_ONCE {
                write(&std::mem::take(&mut plan))?;
            }
        }
        if plan.replaced() > 0 {
            write(&plan)?;
        }
        Ok(())
    }
}
