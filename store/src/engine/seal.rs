//! Sealing: a generation of the head becomes blocks and bundles, and its part of the journal is emptied, in one transaction.
//!
//! A signal with many samples gets blocks; the samples of the others are bundled as they are, and merged later (`merge`).
//! Everything that takes time (compressing, reading blocks that late samples fall into) happens before that transaction, beside
//! the commits, which only wait while what is finished is written.

use super::Engine;
use super::plan::{Bundler, Plan};
use crate::batch::SignalId;
use crate::columns::Columns;
use crate::fault::{self, Point};
use crate::head::{Generation, Head};
use crate::tables::Rows;
use crate::{StoreError, bundle};

impl Engine {
    /// Seals what the head has; returns how many signals had samples in it. Commits and queries go on meanwhile.
    ///
    /// Does nothing where another process leads.
    pub(crate) fn seal(&self) -> Result<usize, StoreError> {
        if !self.leads() {
            return Ok(0);
        }
        let _room = self.room.expected();
        let mut alone = self.lock_maintenance();
        // What is sealed now must not be deleted with what was there before.
        self.finish_deletion(&mut alone)?;
        self.seal_alone()
    }

    /// As [`Engine::seal`], for one that holds the lock of maintenance.
    pub(super) fn seal_alone(&self) -> Result<usize, StoreError> {
        let (generation, sealing) = {
            let mut commits = self.lock_commits();
            let (begun, generation) = self.change_head(|head| (head.is_sealing(), head.rotate()));
            let Some(generation) = generation else { return Ok(0) };
            if !begun {
                commits.active = commits.active.other();
            }
            (generation, commits.active.other())
        };
        let mut plan = Plan::default();
        let signals = self.tables.reading(|reader| self.plan_sealing(reader, &generation, &mut plan))?;
        fault::crash_point(Point::SealPlanned);
        self.tables.maintaining(|writer| {
            self.write(&plan, writer)?;
            fault::crash_point(Point::SealWritten);
            writer.empty(sealing, generation.last_sequence())
        })?;
        fault::crash_point(Point::SealCommitted);
        self.change_head(Head::sealed);
        Ok(signals)
    }

    pub(super) fn plan_sealing(
        &self,
        reader: &mut dyn Rows,
        generation: &Generation,
        plan: &mut Plan,
    ) -> Result<usize, StoreError> {
        let now = self.clock.now().micros();
        let mut bundler = Bundler::new(0, generation.last_sequence());
        let mut signals = 0;
        for (signal, columns) in generation.signals() {
            signals += 1;
            // What is in blocks counts as older than what is bundled.
            if columns.len() >= self.enough_for_block
                && !self.is_bundled(reader, signal, &columns, i32::MIN)?
            {
                self.plan_blocks(reader, signal, columns, now, plan)?;
            } else {
                bundler.push(signal, columns, now, plan);
            }
        }
        bundler.finish(plan);
        Ok(signals)
    }

    /// Whether a tier above `tier` has samples of `signal` within the span of `columns`.
    pub(super) fn is_bundled(
        &self,
        reader: &mut dyn Rows,
        signal: SignalId,
        columns: &Columns,
        tier: i32,
    ) -> Result<bool, StoreError> {
        let Some(span) = columns.span() else { return Ok(false) };
        for place in reader.bundle_places(bundle::group(signal))? {
            if place.tier > tier && place.may_have(signal, span) {
                let overlaps =
                    |run: &bundle::Run| run.signal == signal && run.first <= span.1 && span.0 <= run.last.0;
                if self.runs(reader, place.id)?.iter().any(overlaps) {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }
}
