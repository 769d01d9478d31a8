//! `afterglow import`: samples from a file straight into a database that no server has open.
//!
//! Going on after an interruption is possible because a sample's identity is (signal, microsecond): what is sent again
//! replaces itself. How far the import is stands in a note beside the source.

mod columns;
#[cfg(test)]
mod fuzz;
mod lines;
mod note;
mod tables;
mod trial;

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use afterglow_formats::Verdict;
use afterglow_wire::Timestamp;
use clap::Args;

use super::database::TenantDatabase;
use super::progress::{self, Progress, number};
use super::{Format, ToolError, say, tell};
use crate::clock::Clock;
use crate::config::SignalLimit;
use crate::decode::Collector;
use crate::signals::Signals;
use crate::store::{HEAD_SAMPLES, Store, StoreConfig};
use columns::Columns;
use lines::Lines;
use note::{Note, Notebook};
use tables::Tables;
use trial::Trial;

/// Samples of one commit: enough that its fsync costs little, few enough that little is sent again.
const BATCH: usize = 100_000;

/// Unsealed samples that are worth a sealing; the store takes twice as many.
const SEAL: usize = 2_000_000;

/// Refused lines that are shown; the rest are only counted.
const SHOWN: u64 = 10;

/// Lines between two readings of the clock.
const LOOK: u64 = 4_096;

/// Samples from before this, the second year after 1970, come from clocks that count from 1970 or from nothing.
const UNSET: Timestamp = Timestamp::from_micros(365 * 86_400 * 1_000_000);

/// What a user may set.
#[derive(Args, Debug)]
pub struct Options {
    #[command(flatten)]
    database: TenantDatabase,

    #[command(flatten)]
    signals: SignalLimit,

    /// How the samples are written [default: by the file's name]
    #[arg(long, value_enum)]
    format: Option<Format>,

    /// Say what would be stored, and store nothing
    #[arg(long)]
    dry_run: bool,

    /// The earliest time that is taken; samples from before come from clocks that were not set [default: any]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    not_before: Option<Timestamp>,

    #[command(flatten)]
    columns: tables::Columns,

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
    if format == Format::Parquet {
        columns::end_with_reason(path);
    }
    // Before the database, which would be made.
    let source = Source::open(path, format, options)?;
    let collector =
        |signals, now| Collector::new(signals, now).not_before(options.not_before.unwrap_or(Timestamp::MIN));
    if options.dry_run {
        let now = Clock::real().now();
        let signals = Signals::empty(options.signals.signal_limit);
        let trial = Trial::new(signals.clone());
        let target = Target::Trial(Box::new(trial));
        return import(path, source, collector(signals, now), target, Note::begin(path, format, now)?);
    }
    let config = StoreConfig {
        database: options.database.path()?,
        readers: 1,
        signal_limit: options.signals.signal_limit,
        read_limit: None,
        head_samples: HEAD_SAMPLES,
    };
    let store = Store::open(&config, Clock::real())?;
    let (notes, note) = Notebook::open(path, &config.database, store.epoch(), format, Clock::real().now())?;
    if note.position > 0 {
        tell(&format!("going on after {} samples", number(note.samples)));
    }
    // The instant of the import's first run counts as now, so that all of its runs have the same result.
    let collector = collector(store.signals().clone(), Timestamp::from_micros(note.started));
    import(path, source, collector, Target::Store(Box::new(store), notes), note)
}

fn import(
    path: &Path,
    source: Source,
    collector: Collector,
    target: Target,
    note: Note,
) -> Result<(), ToolError> {
    let mut importer = Importer::new(&source, collector, target, note);
    source.read(&mut importer)?;
    importer.finish(path)
}

/// A file of one of the formats, ready to be read.
enum Source {
    Lines(Lines),
    Tables(Tables),
    Columns(Box<Columns>),
}

impl Source {
    fn open(path: &Path, format: Format, options: &Options) -> Result<Self, ToolError> {
        let about =
            std::fs::metadata(path).map_err(|e| ToolError::Refused(format!("{}: {e}", path.display())))?;
        if !about.is_file() {
            return Err(ToolError::Refused(format!("{} is not a file", path.display())));
        }
        Ok(match format {
            Format::Csv => Self::Tables(Tables::open(path, options.columns.options())?),
            Format::NdJson => Self::Lines(Lines::open(path, options.columns.times()?)?),
            Format::Parquet => Self::Columns(Box::new(Columns::open(path)?)),
        })
    }

    /// The position at the end.
    fn total(&self) -> u64 {
        match self {
            Self::Lines(lines) => lines.bytes(),
            Self::Tables(tables) => tables.bytes(),
            Self::Columns(columns) => columns.rows(),
        }
    }

    fn read(self, importer: &mut Importer) -> Result<(), ToolError> {
        match self {
            Self::Lines(lines) => lines.read(importer),
            Self::Tables(tables) => tables.read(importer),
            Self::Columns(columns) => columns.read(importer),
        }
    }
}

/// Where samples go.
enum Target {
    Store(Box<Store>, Notebook),
    /// Nowhere: they are only counted.
    Trial(Box<Trial>),
}

/// Takes samples and positions in turn.
struct Importer {
    target: Target,
    /// Judges as it does for requests, and holds the samples of the next commit.
    collector: Collector,
    /// As it was when this run began.
    begin: Note,
    /// As it will be when the batch is committed.
    note: Note,
    /// Whether the file has rows, and not lines.
    rows: bool,
    /// What has been said of more than one line.
    warned: HashSet<String>,
    /// The line or row that was refused last.
    last_refused: String,
    total: u64,
    progress: Progress,
}

impl Importer {
    fn new(source: &Source, collector: Collector, target: Target, note: Note) -> Self {
        Self {
            collector,
            target,
            rows: matches!(source, Source::Columns(_)),
            begin: note.clone(),
            note,
            warned: HashSet::new(),
            last_refused: String::new(),
            total: source.total(),
            progress: Progress::start(),
        }
    }

    /// Of a test.
    #[cfg(test)]
    fn trial(
        path: &Path,
        source: &Source,
        format: Format,
        collector: Collector,
        now: Timestamp,
    ) -> Result<Self, ToolError> {
        let target = Target::Trial(Box::new(Trial::new(Signals::empty(1_000))));
        Ok(Self::new(source, collector, target, Note::begin(path, format, now)?))
    }

    /// Takes a sample, or says why it cannot be taken.
    fn sample(&mut self, signal: &str, timestamp: Timestamp, value: f64) -> Result<(), String> {
        // Files tend to have a signal's samples together: each is in the place of the one before.
        self.take(0, signal, timestamp, value).map_err(|(_, message)| message)
    }

    /// As [`sample`](Self::sample), of a sample at `place` of its row.
    fn take(&mut self, place: usize, signal: &str, timestamp: Timestamp, value: f64) -> Result<(), Verdict> {
        self.collector.sample(place, signal, timestamp, value)?;
        self.note.early += u64::from(timestamp < UNSET);
        Ok(())
    }

    /// Notes that a line or row cannot be used.
    fn refuse(&mut self, place: &str, reason: &str) {
        self.count(place);
        if self.note.refused <= SHOWN {
            self.say(&format!("{place}: {reason}"));
        }
    }

    /// Notes that a field of a row cannot be used; says so, if it `is_shown`.
    fn refuse_field(&mut self, place: &str, reason: &str, is_shown: bool) {
        self.count(place);
        self.note.fields += 1;
        if is_shown || self.note.fields <= SHOWN {
            self.say(&format!("{place}: {reason}"));
        }
    }

    /// Counts a line of which something is refused, once.
    fn count(&mut self, place: &str) {
        if self.last_refused != place {
            self.note.refused += 1;
            place.clone_into(&mut self.last_refused);
        }
    }

    /// How the file is read.
    fn describe(&mut self, description: &str) {
        if matches!(self.target, Target::Trial(_)) {
            self.say(description);
        }
    }

    fn say(&mut self, line: &str) {
        self.progress.clear();
        tell(line);
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
        let decoded = self.collector.take();
        let replaced = decoded.repeated() as u64;
        for warning in &decoded.warnings {
            if self.warned.insert(warning.clone()) {
                self.say(warning);
            }
        }
        self.note.samples += decoded.batch.len() as u64 - replaced;
        self.note.replaced += replaced;
        match &mut self.target {
            Target::Trial(trial) => trial.take(decoded.batch),
            Target::Store(store, notes) => {
                store.commit([decoded.batch])?;
                notes.write(&self.note);
                if store.unsealed() >= SEAL {
                    store.seal()?;
                }
            }
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
        self.progress.clear();
        let done = match &self.target {
            Target::Store(store, notes) => {
                store.compact_and_checkpoint()?;
                notes.remove();
                "imported"
            }
            Target::Trial(trial) => {
                trial.say()?;
                "would be imported"
            }
        };
        let Note { samples, refused, fields, replaced, early, .. } = self.note;
        let unit = if self.rows { "rows" } else { "lines" };
        if refused.saturating_sub(fields) > SHOWN || fields > SHOWN {
            tell("and more like these");
        }
        if samples == 0 {
            let problem = if refused > 0 { "nothing in it can be used" } else { "it has no samples" };
            return Err(ToolError::Refused(format!("{}: {problem}", path.display())));
        }
        if replaced > 0 {
            tell(&format!(
                "{} samples were replaced by later ones of the same signal and time",
                number(replaced)
            ));
        }
        if early > 0 {
            tell(&format!(
                "{} samples are from before 1971, which clocks that are not set give; --not-before leaves such samples out",
                number(early)
            ));
        }
        let elapsed = self.progress.elapsed();
        let fields = if fields > 0 { format!(" ({} fields)", number(fields)) } else { String::new() };
        say(&format!(
            "{}: {} samples {done}, {} {unit} refused{fields}, in {}, {} samples/s",
            path.display(),
            number(samples),
            number(refused),
            progress::duration(elapsed),
            number(progress::rate(samples - self.begin.samples, elapsed))
        ))
    }
}
