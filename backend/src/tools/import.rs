//! `afterglow import`: samples from a file straight into a database that no server has open.
//!
//! Going on after an interruption is possible because a sample's identity is (signal, microsecond): what is sent again
//! replaces itself. How far the import is stands in a note beside the source.

mod columns;
mod lines;
mod note;

use std::path::{Path, PathBuf};

use afterglow_wire::Timestamp;
use clap::Args;

use super::progress::{self, Progress, number};
use super::{Format, ToolError, say, tell};
use crate::clock::Clock;
use crate::config::{Database, SignalLimit};
use crate::decode::Collector;
use crate::store::{Store, StoreConfig};
use columns::Columns;
use lines::Lines;
use note::{Note, Notebook};

/// Samples of one commit: enough that its fsync costs little, few enough that little is sent again.
const BATCH: usize = 100_000;

/// Unsealed samples that are worth a sealing; the store takes twice as many.
const SEAL: usize = 2_000_000;

/// Refused lines that are shown; the rest are only counted.
const SHOWN: u64 = 10;

/// Lines between two readings of the clock.
const LOOK: u64 = 4_096;

/// What a user may set.
#[derive(Args, Debug)]
pub struct Options {
    #[command(flatten)]
    database: Database,

    #[command(flatten)]
    signals: SignalLimit,

    /// How the samples are written [default: by the file's name]
    #[arg(long, value_enum)]
    format: Option<Format>,

    /// The file with the samples; interrupted, the same command goes on where it was
    #[arg(value_name = "FILE")]
    source: PathBuf,
}

/// Commits every usable sample of the file; the others are counted, and the first ones shown.
///
/// # Errors
/// When the file or the database cannot be used. What was committed until then stays, and the next run goes on there.
pub fn run(options: &Options) -> Result<(), ToolError> {
    let path = &options.source;
    let Some(format) = options.format.or_else(|| Format::of(path)) else {
        return Err(ToolError::Refused(format!(
            "the name of {} does not tell its format; add --format csv, ndjson or parquet",
            path.display()
        )));
    };
    // Before the database, which would be made.
    let source = Source::open(path, format)?;
    let config = StoreConfig {
        database: options.database.database.clone(),
        readers: 1,
        signal_limit: options.signals.signal_limit,
        read_limit: None,
    };
    let store = Store::open(&config, Clock::real())?;
    let (notes, note) = Notebook::open(path, &config.database, format, Clock::real().now())?;
    if note.position > 0 {
        tell(&format!("going on after {} samples", number(note.samples)));
    }
    let mut importer = Importer {
        // The instant of the import's first run counts as now, so that all of its runs have the same result.
        collector: Collector::new(store.signals().clone(), Timestamp::from_micros(note.started)),
        store,
        begin: note.clone(),
        note,
        notes,
        total: source.total(),
        progress: Progress::start(),
    };
    source.read(&mut importer)?;
    importer.finish(path)
}

/// A file of one of the formats, ready to be read.
enum Source {
    Lines(Lines),
    Columns(Box<Columns>),
}

impl Source {
    fn open(path: &Path, format: Format) -> Result<Self, ToolError> {
        let about =
            std::fs::metadata(path).map_err(|e| ToolError::Refused(format!("{}: {e}", path.display())))?;
        if !about.is_file() {
            return Err(ToolError::Refused(format!("{} is not a file", path.display())));
        }
        Ok(match format {
            Format::Csv | Format::NdJson => Self::Lines(Lines::open(path, format)?),
            Format::Parquet => Self::Columns(Box::new(Columns::open(path)?)),
        })
    }

    /// The position at the end.
    fn total(&self) -> u64 {
        match self {
            Self::Lines(lines) => lines.bytes(),
            Self::Columns(columns) => columns.rows(),
        }
    }

    fn read(self, importer: &mut Importer) -> Result<(), ToolError> {
        match self {
            Self::Lines(lines) => lines.read(importer),
            Self::Columns(columns) => columns.read(importer),
        }
    }
}

/// Takes samples and positions in turn.
struct Importer {
    store: Store,
    /// Judges as it does for requests, and holds the samples of the next commit.
    collector: Collector,
    /// As it was when this run began.
    begin: Note,
    /// As it will be when the batch is committed.
    note: Note,
    notes: Notebook,
    total: u64,
    progress: Progress,
}

impl Importer {
    /// Takes a sample, or says why it cannot be taken.
    fn sample(&mut self, signal: &str, timestamp: Timestamp, value: f64) -> Result<(), String> {
        // Files tend to have a signal's samples together: each is in the place of the one before.
        self.collector.sample(0, signal, timestamp, value).map_err(|(_, message)| message)
    }

    /// Notes that a line or row cannot be used.
    fn refuse(&mut self, place: &str, reason: &str) {
        self.note.refused += 1;
        if self.note.refused <= SHOWN {
            self.progress.clear();
            tell(&format!("{place}: {reason}"));
        }
    }

    /// Everything before `position`, the end of line or row `line`, has been taken or refused.
    fn advance(&mut self, position: u64, line: u64) -> Result<(), ToolError> {
        (self.note.position, self.note.line) = (position, line);
        if line.is_multiple_of(LOOK) {
            self.show();
        }
        if self.collector.len() >= BATCH { self.commit() } else { Ok(()) }
    }

    fn commit(&mut self) -> Result<(), ToolError> {
        let batch = self.collector.take().batch;
        let samples = batch.len() as u64;
        self.store.commit([batch])?;
        self.note.samples += samples;
        self.notes.write(&self.note);
        if self.store.unsealed() >= SEAL {
            self.store.seal()?;
        }
        Ok(())
    }

    fn show(&mut self) {
        let samples = self.note.samples + self.collector.len() as u64;
        let (begin, note, total) = (&self.begin, &self.note, self.total);
        self.progress.show(|elapsed| {
            let share = |part: u64, whole: u64| part as f64 / whole.max(1) as f64;
            let left = share(total.saturating_sub(note.position), note.position - begin.position);
            format!(
                "{:.1} %  {} samples, {}/s, {} left",
                100.0 * share(note.position, total),
                number(samples),
                number(progress::rate(samples - begin.samples, elapsed)),
                progress::duration(elapsed.mul_f64(left.min(1e6)))
            )
        });
    }

    /// Commits what is left, and says what came of it all.
    fn finish(mut self, path: &Path) -> Result<(), ToolError> {
        self.commit()?;
        self.store.compact_and_checkpoint()?;
        self.notes.remove();
        self.progress.clear();
        let Note { samples, refused, .. } = self.note;
        let unit = if self.notes.is_of_rows() { "rows" } else { "lines" };
        if refused > SHOWN {
            tell(&format!("and {} more {unit} like these", number(refused - SHOWN)));
        }
        if samples == 0 && refused > 0 {
            return Err(ToolError::Refused(format!("nothing in {} can be used", path.display())));
        }
        let elapsed = self.progress.elapsed();
        say(&format!(
            "{}: {} samples imported, {} {unit} refused, in {}, {} samples/s",
            path.display(),
            number(samples),
            number(refused),
            progress::duration(elapsed),
            number(progress::rate(samples - self.begin.samples, elapsed))
        ))
    }
}
