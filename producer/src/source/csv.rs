//! Replays a recorded table: a file of comma-separated values, ours or another program's (see [`afterglow_formats::table`]).
//!
//! The file is read twice. The first time shows how its times are: which rows are in disorder, which are of an unset clock.
//! The second time its samples are sent, the oldest first.

mod pace;
mod rows;
mod survey;

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use afterglow_formats::records::Records;
use afterglow_formats::table::{Options, Table};
use afterglow_wire::Timestamp;
use afterglow_wire::telemetry::Reading;
use tokio::sync::mpsc;

use super::losses::{Counts, Losses};
use super::{AHEAD, Stream};
use pace::Pace;
use rows::{Rows, merge};
use survey::Survey;

/// The longest line, in bytes.
const LINE_BYTES: u64 = 8 * 1024 * 1024;

/// Samples that are sorted at most, in memory.
const SORTED: usize = 5_000_000;

/// A recorded file to replay.
#[derive(Clone, Debug, PartialEq)]
pub struct Replay {
    /// The file.
    pub file: PathBuf,
    /// What the names of its signals start with, literally.
    pub prefix: String,
    /// How many times faster than recorded.
    pub speed: f64,
    /// Whether timestamps move so that the first is now; otherwise they stay as recorded.
    pub rebase: bool,
    /// What the file does not say by itself.
    pub table: Options,
}

/// Checks that the file can be read and has a usable header.
///
/// # Errors
/// What is wrong and what is allowed.
pub fn check(file: &Path, options: &Options) -> Result<(), String> {
    let problem = |problem: String| format!("{}: {problem}", file.display());
    let (mut records, mut table) = open(file, options)?;
    while !table.has_header() {
        match records.next(table.separator()).map_err(|error| problem(error.to_string()))? {
            Some(record) => table.record(&record, &mut survey::Nobody).map_err(problem)?,
            None => break,
        }
    }
    table.finish().map_err(problem)
}

/// Starts a thread that reads the file. `start` is the instant to which `rebased` timestamps move.
///
/// # Errors
/// When the file cannot be read or the system gives no thread.
pub fn stream(config: &Replay, start: Timestamp) -> Result<Stream, String> {
    check(&config.file, &config.table)?;
    let (sender, items) = mpsc::channel(AHEAD);
    let counts = Arc::new(Counts::default());
    let (config, losses) =
        (config.clone(), Losses::new(config.file.display().to_string(), "rows", counts.clone()));
    let replay = move || {
        let mut pace = Pace::new(&config, start);
        // The generator is gone when the producer ends; then nothing is sent any more.
        replay(&config, losses, |reading, losses| sender.blocking_send(pace.item(reading, losses)).is_ok());
    };
    std::thread::Builder::new().name("csv".into()).spawn(replay).map_err(|error| error.to_string())?;
    Ok(Stream { items, patient: true, counts, _child: None })
}

/// Gives the file's readings to `send` in the order of time, as long as that answers true.
fn replay(config: &Replay, mut losses: Losses, mut send: impl FnMut(Reading, &Losses) -> bool) {
    let survey = match Survey::of(config) {
        Ok(survey) => survey,
        Err(problem) => return losses.row("as a whole", "file", &problem),
    };
    for note in survey.notes(config.rebase) {
        losses.note(note);
    }
    if survey.counts_from_zero() && !config.rebase {
        return losses.row("as a whole", "file", "nothing of it is sent");
    }
    let (records, table) = match open(&config.file, &config.table) {
        Ok(opened) => opened,
        Err(problem) => return losses.row("as a whole", "file", &problem),
    };
    let mut rows = Rows::new(records, table, &config.prefix, survey.earliest(), losses);
    if survey.is_in_order() {
        while let Some(reading) = rows.next() {
            rows.losses.used(reading.signals.len());
            if !send(reading, &rows.losses) {
                return;
            }
        }
        return rows.losses.unless_used();
    }
    let mut all = Vec::new();
    let mut samples = 0;
    while let Some(reading) = rows.next() {
        samples += reading.signals.len();
        if samples > SORTED {
            let problem = format!(
                "its rows are not in the order of time, and it has more than {SORTED} samples; sort it, or use `afterglow import`"
            );
            return rows.losses.row("as a whole", "file", &problem);
        }
        all.push(reading);
    }
    // Rows of one instant stay in their order: the last one counts.
    all.sort_by_key(|reading| reading.timestamp);
    let mut sorted = all.into_iter();
    let mut next = sorted.next();
    while let Some(mut reading) = next.take() {
        next = sorted.next();
        while let Some(more) = next.take_if(|more| more.timestamp == reading.timestamp) {
            rows.losses.replaced(merge(&mut reading, more));
            next = sorted.next();
        }
        rows.losses.used(reading.signals.len());
        if !send(reading, &rows.losses) {
            return;
        }
    }
    rows.losses.unless_used();
}

fn open(file: &Path, options: &Options) -> Result<(Records<BufReader<File>>, Table), String> {
    let opened = File::open(file).map_err(|error| format!("{}: {error}", file.display()))?;
    Ok((Records::new(BufReader::new(opened), LINE_BYTES), Table::new(options.clone())))
}

#[cfg(test)]
mod tests;
