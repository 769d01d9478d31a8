//! What a file's times are like, before anything of it is sent.

use afterglow_formats::Verdict;
use afterglow_formats::table::Sink;
use afterglow_wire::Timestamp;

use super::{Replay, open};

/// Instants before this, the second year after 1970, come from clocks that count from 0 or are not set.
const UNSET: Timestamp = Timestamp::from_micros(365 * 86_400 * 1_000_000);

/// The times of a file's usable samples.
#[derive(Debug, Default)]
pub(super) struct Survey {
    line: u64,
    last: Option<Timestamp>,
    /// Steps of time between rows.
    forward: u64,
    backward: u64,
    /// The first row that is earlier than the one before it.
    first_backward: Option<(u64, Timestamp)>,
    set: u64,
    unset: u64,
    first_unset: Option<(u64, Timestamp)>,
}

impl Survey {
    /// Reads the whole file.
    pub(super) fn of(config: &Replay) -> Result<Self, String> {
        let (mut records, mut table) = open(&config.file, &config.table)?;
        let mut survey = Self::default();
        while let Some(record) = records.next(table.separator()).map_err(|error| error.to_string())? {
            survey.line = record.line;
            table.record(&record, &mut survey)?;
        }
        Ok(survey)
    }

    /// Whether all times count from 0, as logs of simulators and test benches do.
    pub(super) fn counts_from_zero(&self) -> bool {
        self.unset > 0 && self.set == 0
    }

    /// Whether no row is earlier than one before it.
    pub(super) fn is_in_order(&self) -> bool {
        self.backward == 0
    }

    /// The earliest time that is sent.
    pub(super) fn earliest(&self) -> Timestamp {
        if self.set == 0 { Timestamp::MIN } else { UNSET }
    }

    /// What nobody may overlook.
    pub(super) fn notes(&self, rebase: bool) -> Vec<String> {
        let mut notes = Vec::new();
        if self.counts_from_zero() && !rebase {
            notes.push(
                "its times count from 0 and say no date; `timestamps = \"rebased\"` replays them from now on"
                    .into(),
            );
        } else if let Some((row, timestamp)) = self.first_unset.filter(|_| self.set > 0) {
            notes.push(format!(
                "row {row} and others are of {timestamp}, when the clock was not set; {} samples are left out",
                self.unset
            ));
        }
        if let Some((row, timestamp)) = self.first_backward {
            let order = if self.forward == 0 {
                "its rows are in descending order, the newest first; they are sorted".to_owned()
            } else {
                format!(
                    "the time goes backward at row {row}, to {timestamp}; rows are sorted into the order of time"
                )
            };
            notes.push(order);
        }
        notes
    }
}

impl Sink for Survey {
    fn sample(&mut self, _: usize, _: &str, timestamp: Timestamp, _: f64) -> Result<(), Verdict> {
        if timestamp < UNSET {
            self.unset += 1;
            self.first_unset.get_or_insert((self.line, timestamp));
        } else {
            self.set += 1;
        }
        match self.last.map(|last| timestamp.cmp(&last)) {
            Some(std::cmp::Ordering::Less) => {
                self.backward += 1;
                self.first_backward.get_or_insert((self.line, timestamp));
            }
            Some(std::cmp::Ordering::Greater) => self.forward += 1,
            _ => {}
        }
        self.last = Some(timestamp);
        Ok(())
    }

    fn refuse(&mut self, _: u64, _: Option<&str>, _: Verdict) {}

    fn note(&mut self, _: u64, _: String) {}
}

/// Reads and keeps nothing.
pub(super) struct Nobody;

impl Sink for Nobody {
    fn sample(&mut self, _: usize, _: &str, _: Timestamp, _: f64) -> Result<(), Verdict> {
        Ok(())
    }

    fn refuse(&mut self, _: u64, _: Option<&str>, _: Verdict) {}

    fn note(&mut self, _: u64, _: String) {}
}
