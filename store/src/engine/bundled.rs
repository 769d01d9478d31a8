//! Reading bundles.

use super::Engine;
use crate::batch::SignalId;
use crate::bundle::{self, Run};
use crate::columns::Columns;
use crate::tables::{BundleRow, Rows};
use crate::{Span, StoreError};

/// What damaged rows are reported as.
pub(super) const BUNDLE: &str = "bundle";

impl Engine {
    /// The samples of `signal` within `span` that are bundled.
    pub(super) fn bundled(
        &self,
        reader: &mut dyn Rows,
        signal: SignalId,
        span: Span,
    ) -> Result<Columns, StoreError> {
        let mut bundled = Columns::default();
        for row in reader.bundles(signal, span)? {
            let Some(runs) = self.verified(&row) else { continue };
            for run in runs.iter().filter(|run| run.signal == signal) {
                bundled.absorb(self.run(&row, run).unwrap_or_default().clip(span));
            }
        }
        Ok(bundled)
    }

    /// What the directory of a bundle says; nothing, and a line in the log, when it cannot be read.
    pub(super) fn runs(&self, reader: &mut dyn Rows, id: i64) -> Result<Vec<Run>, StoreError> {
        let Some(directory) = reader.directory(id)? else { return Ok(Vec::new()) };
        Ok(self.sound_runs(id, &directory))
    }

    /// As [`Engine::runs`], of a directory that has been read.
    pub(super) fn sound_runs(&self, id: i64, directory: &[u8]) -> Vec<Run> {
        bundle::runs(directory).unwrap_or_else(|error| {
            self.damaged.report(BUNDLE, id, &error);
            Vec::new()
        })
    }

    /// What the directory of a bundle says, once its payload is known to be what was written; `None`, and a line in the log,
    /// when it is not.
    fn verified(&self, row: &BundleRow) -> Option<Vec<Run>> {
        row.verified().map_err(|error| self.damaged.report(BUNDLE, row.id, &error)).ok()
    }

    /// All runs of a bundle with their samples; `None`, and a line in the log, when they cannot be read.
    pub(super) fn contents(&self, row: &BundleRow) -> Option<Vec<(Run, Columns)>> {
        let runs = self.verified(row)?.into_iter();
        runs.map(|run| Some((run.clone(), self.run(row, &run)?))).collect()
    }

    /// The samples of a run of a verified bundle.
    fn run(&self, row: &BundleRow, run: &Run) -> Option<Columns> {
        let columns = bundle::decode(&row.payload, run);
        columns.map_err(|error| self.damaged.report(BUNDLE, row.id, &error)).ok()
    }
}
