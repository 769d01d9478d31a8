//! A file's rows as readings, in the file's order.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;

use afterglow_formats::Verdict;
use afterglow_formats::records::Records;
use afterglow_formats::table::{Sink, Table};
use afterglow_wire::telemetry::Reading;
use afterglow_wire::{Code, Timestamp, name};

use super::super::losses::Losses;

/// Reads a file's rows; neighbouring ones of one instant become one reading.
pub(super) struct Rows {
    records: Records<BufReader<File>>,
    table: Table,
    /// What is not earlier is sent.
    earliest: Timestamp,
    prefix: String,
    ahead: Option<Reading>,
    /// What is lost on the way.
    pub(super) losses: Losses,
}

impl Rows {
    pub(super) fn new(
        records: Records<BufReader<File>>,
        table: Table,
        prefix: &str,
        earliest: Timestamp,
        losses: Losses,
    ) -> Self {
        Self { records, table, earliest, prefix: prefix.to_owned(), ahead: None, losses }
    }

    pub(super) fn next(&mut self) -> Option<Reading> {
        let mut reading = self.ahead.take().or_else(|| self.row())?;
        loop {
            self.ahead = self.row();
            match self.ahead.take_if(|more| more.timestamp == reading.timestamp) {
                Some(more) => self.losses.replaced(merge(&mut reading, more)),
                None => return Some(reading),
            }
        }
    }

    /// The next row of which something can be used.
    fn row(&mut self) -> Option<Reading> {
        loop {
            let record = match self.records.next(self.table.separator()) {
                Ok(record) => record?,
                Err(error) => {
                    self.losses.row("as a whole", "file", &error.to_string());
                    return None;
                }
            };
            let mut row = Row {
                earliest: self.earliest,
                prefix: &self.prefix,
                timestamp: None,
                signals: BTreeMap::new(),
                losses: &mut self.losses,
            };
            // Its header has been read before.
            let _ = self.table.record(&record, &mut row);
            if let Some(timestamp) = row.timestamp {
                return Some(Reading { timestamp: Some(timestamp), signals: row.signals });
            }
        }
    }
}

/// Adds what `more` has to `reading`; how many samples that replaced.
pub(super) fn merge(reading: &mut Reading, more: Reading) -> u64 {
    let both = reading.signals.len() + more.signals.len();
    reading.signals.extend(more.signals);
    (both - reading.signals.len()) as u64
}

/// One row.
struct Row<'r> {
    earliest: Timestamp,
    prefix: &'r str,
    timestamp: Option<Timestamp>,
    signals: BTreeMap<String, f64>,
    losses: &'r mut Losses,
}

impl Sink for Row<'_> {
    fn sample(&mut self, _: usize, signal: &str, timestamp: Timestamp, value: f64) -> Result<(), Verdict> {
        if timestamp < self.earliest {
            return Err((Code::TimestampEarly, format!("{timestamp} is of a clock that was not set")));
        }
        let name = format!("{}{signal}", self.prefix);
        name::check(&name).map_err(|problem| (Code::BadSignalName, problem))?;
        self.timestamp = Some(timestamp);
        self.signals.insert(name, value);
        Ok(())
    }

    fn refuse(&mut self, line: u64, signal: Option<&str>, (code, message): Verdict) {
        match signal {
            Some(signal) => {
                self.losses.value(format_args!("row {line}"), signal, &format!("{signal:?}: {message}"));
            }
            None => self.losses.row(format_args!("row {line}"), code.name(), &message),
        }
    }

    fn note(&mut self, line: u64, message: String) {
        self.losses.note(format_args!("row {line}: {message}"));
    }
}
