//! Replays a recorded CSV file.
//!
//! Two forms, told apart by the header: `timestamp,signal,value` (also `signal_name`; other columns are
//! ignored), or `timestamp` and one column per signal, whose empty cells say nothing.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use afterglow_wire::Timestamp;
use afterglow_wire::telemetry::Reading;
use csv::{Reader, ReaderBuilder, StringRecord};
use tokio::sync::mpsc;

use super::line::{Line, number};
use super::{AHEAD, Item, Stream};
use afterglow_client::clock;
use afterglow_client::throttle::Throttle;

/// How often unusable rows are logged.
const LOG_INTERVAL: Duration = Duration::from_secs(10);

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
}

/// Where a file keeps what.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Columns {
    timestamp: usize,
    /// The columns of name and value; none when each signal has its own.
    long: Option<(usize, usize)>,
}

/// Checks that the file can be read and has a usable header.
///
/// # Errors
/// What is wrong and what is allowed.
pub fn check(file: &Path) -> Result<(), String> {
    open(file).map(drop)
}

/// Starts a thread that reads the file. `start` is the instant to which `rebased` timestamps move.
///
/// # Errors
/// When the file cannot be read or the system gives no thread.
pub fn stream(config: &Replay, start: Timestamp) -> Result<Stream, String> {
    let (mut reader, columns) = open(&config.file)?;
    let (sender, items) = mpsc::channel(AHEAD);
    let (config, mut pace) = (config.clone(), Pace::new(config, start));
    let replay = move || {
        let mut log = Throttle::new(LOG_INTERVAL);
        for item in rows(&mut reader, &columns, &config.prefix, |row, problems| {
            if let Some(held) = log.pass(clock::uptime()) {
                log::warn!("{} row {row}: {problems} (and {held} more rows)", config.file.display());
            }
        }) {
            // The generator is gone when the producer ends.
            if sender.blocking_send(pace.item(item)).is_err() {
                return;
            }
        }
    };
    std::thread::Builder::new().name("csv".into()).spawn(replay).map_err(|error| error.to_string())?;
    Ok(Stream { items, patient: true, _child: None })
}

fn open(file: &Path) -> Result<(Reader<File>, Columns), String> {
    let mut reader = ReaderBuilder::new()
        .flexible(true)
        .from_path(file)
        .map_err(|error| format!("{}: {error}", file.display()))?;
    let header = reader.headers().map_err(|error| format!("{}: {error}", file.display()))?;
    let columns = columns(header).map_err(|problem| format!("{}: {problem}", file.display()))?;
    Ok((reader, columns))
}

fn columns(header: &StringRecord) -> Result<Columns, String> {
    let find = |name: &str| header.iter().position(|cell| cell.trim().eq_ignore_ascii_case(name));
    let long = find("signal").or_else(|| find("signal_name")).zip(find("value"));
    match find("timestamp") {
        Some(timestamp) if header.len() > 1 => Ok(Columns { timestamp, long }),
        _ => {
            Err("the first line must name the columns: timestamp,signal,value, or timestamp and one column \
                  per signal"
                .to_owned())
        }
    }
}

/// The file's readings in its order; neighbouring rows of one instant become one. `complain` gets the
/// number of a row that is not wholly usable and what is wrong with it.
fn rows<'a>(
    reader: &'a mut Reader<File>,
    columns: &'a Columns,
    prefix: &'a str,
    mut complain: impl FnMut(u64, String) + 'a,
) -> impl Iterator<Item = Reading> + 'a {
    let header = reader.headers().cloned().unwrap_or_default();
    let mut parsed = reader.records().filter_map(move |record| match record {
        Ok(record) => {
            let row = record.position().map_or(0, csv::Position::line);
            let line = row_line(&record, &header, columns, prefix);
            if !line.problems.is_empty() {
                complain(row, line.problems.join("; "));
            }
            let timestamp = line.timestamp?;
            line.reading(timestamp)
        }
        Err(error) => {
            complain(error.position().map_or(0, csv::Position::line), error.to_string());
            None
        }
    });
    let mut next = parsed.next();
    std::iter::from_fn(move || {
        let mut reading = next.take()?;
        loop {
            next = parsed.next();
            match &mut next {
                Some(more) if more.timestamp == reading.timestamp => {
                    reading.signals.append(&mut more.signals);
                }
                _ => return Some(reading),
            }
        }
    })
}

fn row_line(record: &StringRecord, header: &StringRecord, columns: &Columns, prefix: &str) -> Line {
    let mut line = Line::default();
    let cell = |index| record.get(index).unwrap_or_default().trim();
    match cell(columns.timestamp).parse() {
        Ok(timestamp) => line.timestamp = Some(timestamp),
        Err(problem) => {
            line.problems.push(problem.to_string());
            return line;
        }
    }
    match columns.long {
        Some((signal, value)) => line.put(prefix, cell(signal), number(cell(value))),
        None => {
            let others = header.iter().enumerate().filter(|(index, _)| *index != columns.timestamp);
            for (index, signal) in others.filter(|(index, _)| !cell(*index).is_empty()) {
                line.put(prefix, signal.trim(), number(cell(index)));
            }
        }
    }
    line
}

/// When each reading is sent, and with which timestamp.
#[derive(Debug)]
struct Pace {
    speed: f64,
    rebase: bool,
    start: Timestamp,
    first: Option<Timestamp>,
}

impl Pace {
    const fn new(config: &Replay, start: Timestamp) -> Self {
        Self { speed: config.speed, rebase: config.rebase, start, first: None }
    }

    /// A row from before the first is due at once.
    fn item(&mut self, mut reading: Reading) -> Item {
        let recorded = reading.timestamp.unwrap_or_default();
        let first = *self.first.get_or_insert(recorded);
        let offset = Duration::from_micros(u64::try_from(recorded.micros() - first.micros()).unwrap_or(0));
        let due = Duration::try_from_secs_f64(offset.as_secs_f64() / self.speed).unwrap_or(Duration::MAX);
        if self.rebase {
            let micros = i64::try_from(due.as_micros()).unwrap_or(i64::MAX);
            reading.timestamp = Some(Timestamp::from_micros(self.start.micros().saturating_add(micros)));
        }
        Item { due: Some(due), reading }
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn replay(text: &str, speed: f64, rebase: bool, expected: &Expect) {
        let folder = tempfile::TempDir::new().unwrap();
        let file = folder.path().join("x.csv");
        std::fs::write(&file, text).unwrap();
        let (mut reader, columns) = open(&file).unwrap();
        let mut out = String::new();
        let mut problems = String::new();
        let mut pace =
            Pace { speed, rebase, start: Timestamp::parse("2030-01-01T00:00:00Z").unwrap(), first: None };
        for reading in
            rows(&mut reader, &columns, "", |row, text| problems += &format!("row {row}: {text}\n"))
        {
            let Item { due, reading } = pace.item(reading);
            out += &format!("{:?} {} {:?}\n", due.unwrap(), reading.timestamp.unwrap(), reading.signals);
        }
        expected.assert_eq(&(out + &problems));
    }

    #[test]
    fn one_column_per_signal_at_its_own_pace() {
        replay(
            "timestamp,a,b\n2026-01-01T00:00:00Z,1,2\n2026-01-01T00:00:01.5Z,3,\n2026-01-01T00:00:02Z,x,4\nnever,1,1\n",
            1.0,
            false,
            &expect![[r#"
                0ns 2026-01-01T00:00:00.000000Z {"a": 1.0, "b": 2.0}
                1.5s 2026-01-01T00:00:01.500000Z {"a": 3.0}
                2s 2026-01-01T00:00:02.000000Z {"b": 4.0}
                row 4: "a": "x" is not a number
                row 5: the timestamp "never" is not one; allowed are ISO 8601 such as 2026-01-31T12:00:00.5Z or 2026-01-31T13:00:00+01:00, or an integer epoch in s, ms, us or ns, between the years 1 and 9999
            "#]],
        );
    }

    #[test]
    fn a_row_per_sample_ten_times_as_fast_and_rebased() {
        replay(
            "id,timestamp,signal_name,value\n1,1700000000,a,1\n2,1700000000,b,2\n3,1700000005,a,3\n",
            10.0,
            true,
            &expect![[r#"
                0ns 2030-01-01T00:00:00.000000Z {"a": 1.0, "b": 2.0}
                500ms 2030-01-01T00:00:00.500000Z {"a": 3.0}
            "#]],
        );
    }

    #[test]
    fn headers_without_a_timestamp_are_refused() {
        for header in [vec!["time", "a"], vec!["timestamp"], vec![]] {
            assert!(columns(&StringRecord::from(header.clone())).is_err(), "{header:?}");
        }
    }
}
