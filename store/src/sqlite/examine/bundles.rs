//! Examining bundles, whose samples count among those in blocks.

use diesel::prelude::*;

use super::{Damage, Examiner, MISSING, instant, load_until_error};
use crate::batch::SignalId;
use crate::statements::schema::bundle as bundles;
use crate::tables::BundleRow;
use crate::{Span, bundle};

/// What a row says of itself: signals, instants, count.
type Header = ((i32, i32), (i64, i64), i32);

/// Group, directory, payload, checksum; and the rest of the header.
type Stored = ((i32, Vec<u8>, Vec<u8>, i64), (i32, i32), (i64, i64), i32);

impl Examiner {
    /// The number of every bundle.
    pub(super) fn bundle_places(&mut self) -> Vec<i64> {
        let query = bundles::table.order(bundles::id).select(bundles::id);
        self.list("bundle", |connection| load_until_error(query, connection))
    }

    pub(super) fn bundle(&mut self, id: i64) {
        let columns = (
            (bundles::signal_group, bundles::directory, bundles::payload, bundles::checksum),
            (bundles::first_signal, bundles::last_signal),
            (bundles::first_timestamp, bundles::last_timestamp),
            bundles::count,
        );
        let found: QueryResult<Option<Stored>> =
            bundles::table.find(id).select(columns).first(&mut self.connection).optional();
        let mut span = None;
        let reason = match found {
            Ok(Some(row)) => {
                let ((group, directory, payload, checksum), signals, instants, count) = row;
                span = Some(Span { from: instant(instants.0), to: instant(instants.1) });
                let row = BundleRow { id, directory, payload, checksum };
                self.check_bundle(group, &row, (signals, instants, count)).err()
            }
            Ok(None) => Some(MISSING.into()),
            Err(error) => Some(format!("it cannot be read: {error}")),
        };
        if let Some(reason) = reason {
            self.damaged(Damage { place: "bundle", id: Some(id.to_string()), signal: None, span, reason });
        }
    }

    /// Whether the payload is what was written, and the row and its directory say what is in it.
    fn check_bundle(&mut self, group: i32, row: &BundleRow, header: Header) -> Result<(), String> {
        self.found.blocks.rows += 1;
        self.found.blocks.bytes += row.payload.len() as u64;
        let runs = row.verified().map_err(|error| error.0)?;
        let (mut first, mut last, mut samples) = (i64::MAX, i64::MIN, 0_i64);
        for run in &runs {
            let columns = bundle::decode(&row.payload, run).map_err(|error| error.0)?;
            if columns.last().map(|(time, value)| (time, value.to_bits()))
                != Some((run.last.0, run.last.1.to_bits()))
            {
                return Err(format!(
                    "its directory is wrong about the last sample of {}",
                    self.name_of(run.signal)
                ));
            }
            if !self.names.contains_key(&run.signal.0.cast_signed()) {
                return Err(format!("its signal {} has no name", run.signal.0));
            }
            if bundle::group(run.signal).cast_signed() != group {
                return Err(format!("its signal {} is of another group", run.signal.0));
            }
            (first, last) = (first.min(run.first), last.max(run.last.0));
            samples += columns.len() as i64;
            let size = self.sizes.entry(run.signal.0.cast_signed()).or_default();
            size.add(columns.len() as i64, 0);
        }
        self.found.blocks.samples += samples.cast_unsigned();
        let signal = |run: Option<&bundle::Run>| run.map_or(-1, |run| run.signal.0.cast_signed());
        let actual = (
            (signal(runs.first()), signal(runs.last())),
            (first, last),
            i32::try_from(samples).unwrap_or(-1),
        );
        if actual == header {
            Ok(())
        } else {
            Err(format!(
                "its signals, span and count are not those of its payload: {header:?} instead of {actual:?}"
            ))
        }
    }

    fn name_of(&self, signal: SignalId) -> String {
        self.name(signal.0.cast_signed())
    }
}
