//! `afterglow export`: samples as a file that other programs read, and `afterglow import` too.

mod columns;

use std::io::{ErrorKind, IsTerminal as _, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use afterglow_wire::limits::MAX_POINTS;
use afterglow_wire::{Timestamp, name};
use clap::Args;

use super::partial::Partial;
use super::progress::{self, Progress};
use super::{Format, ToolError, tell};
use crate::clock::Clock;
use crate::config::Database;
use crate::encode::{self, Encoder, Output};
use crate::signals::Selector;
use crate::store::{Query, Sink, Span, Store, StoreError};
use columns::ColumnWriter;

/// What a user may set.
#[derive(Args, Debug)]
pub struct Options {
    #[command(flatten)]
    database: Database,

    /// First instant, ISO 8601 or an integer epoch [default: the earliest sample]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    from: Option<Timestamp>,

    /// Last instant, inclusive [default: the latest sample]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    to: Option<Timestamp>,

    /// Names separated by commas; `*` stands for any characters, `\,` for a comma in a name [default: all signals]
    #[arg(long, value_name = "NAMES")]
    signals: Vec<Patterns>,

    /// At most so many points a signal; each stretch of time keeps its lowest and highest [default: all samples]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_POINTS)))]
    max_points: Option<u32>,

    /// How the samples are written [default: by the name of --output, else csv]
    #[arg(long, value_enum)]
    format: Option<Format>,

    /// The file, or - for standard output
    #[arg(long, value_name = "FILE", default_value = "-")]
    output: PathBuf,

    /// Replace the file that --output names
    #[arg(long)]
    force: bool,
}

/// A list of patterns, each of which could be a signal's name.
#[derive(Clone, Debug)]
struct Patterns(Vec<String>);

impl FromStr for Patterns {
    type Err = String;

    fn from_str(list: &str) -> Result<Self, String> {
        let patterns = name::split(list);
        patterns.iter().try_for_each(|pattern| name::check(pattern))?;
        Ok(Self(patterns))
    }
}

/// Writes the samples that are asked for, signal by signal in the order of their names, oldest first. Where samples have
/// expired, each minute's or hour's lowest and highest stand for them.
///
/// # Errors
/// When the database cannot be read or the output cannot be written, and when blocks had to be left out.
pub fn run(options: &Options) -> Result<(), ToolError> {
    let span =
        Span { from: options.from.unwrap_or(Timestamp::MIN), to: options.to.unwrap_or(Timestamp::MAX) };
    if span.from > span.to {
        return Err(ToolError::Refused(format!("--from {} lies after --to {}", span.from, span.to)));
    }
    let patterns: Vec<_> = options.signals.iter().flat_map(|Patterns(patterns)| patterns.clone()).collect();
    let query = Query { span, signals: Selector::or_everything(&patterns), max_points: options.max_points };
    let format = options.format.or_else(|| Format::of(&options.output)).unwrap_or(Format::Csv);
    let database = options.database.database.clone();
    if options.output.as_os_str() == "-" {
        let out = std::io::stdout();
        if format == Format::Parquet && out.is_terminal() {
            return Err(ToolError::Refused("parquet is not for terminals; name a file with --output".into()));
        }
        let store = Store::open_read_only(&database, Clock::real())?;
        return match write(&store, &query, format, Target::new(out)) {
            // The reader has closed the pipe.
            Err(Broken::Output(error)) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
            Err(broken) => Err(broken.of(Path::new("standard output"))),
            Ok(_) => complete(&store),
        };
    }
    let partial = Partial::begin(&options.output, options.force)?;
    let store = Store::open_read_only(&database, Clock::real())?;
    let target = Target::new(partial.file());
    let (samples, elapsed) =
        write(&store, &query, format, target).map_err(|broken| broken.of(partial.path()))?;
    let size = partial.finish(options.force)?;
    tell(&format!(
        "{}: {} samples, {} in {}",
        options.output.display(),
        progress::number(samples),
        progress::bytes(size),
        progress::duration(elapsed)
    ));
    complete(&store)
}

fn complete(store: &Store) -> Result<(), ToolError> {
    match store.damaged() {
        0 => Ok(()),
        damaged => Err(ToolError::Damaged(format!(
            "{damaged} blocks or rollups could not be read and are not in the export; `afterglow doctor` lists them"
        ))),
    }
}

/// Why an export ended before its time.
enum Broken {
    Store(StoreError),
    Output(std::io::Error),
}

impl Broken {
    fn of(self, path: &Path) -> ToolError {
        match self {
            Self::Store(error) => ToolError::Store(error),
            Self::Output(error) => ToolError::file(path)(error),
        }
    }
}

/// How many samples were written and how long that took.
type Done = (u64, Duration);

/// Writes everything.
fn write<W: Write + Send>(
    store: &Store,
    query: &Query,
    format: Format,
    mut target: Target<W>,
) -> Result<Done, Broken> {
    let counted = |sink: &mut dyn Sink| {
        let mut counting = Counting { sink, samples: 0, progress: Progress::start() };
        let outcome = store.query_in_pieces(query, &mut counting);
        counting.progress.clear();
        outcome.map(|()| (counting.samples, counting.progress.elapsed()))
    };
    let outcome = match format {
        Format::Csv => text(encode::Format::Csv, &mut target, counted),
        Format::NdJson => text(encode::Format::NdJson, &mut target, counted),
        Format::Parquet => columns(&mut target, counted),
    };
    // What the output said explains what the store was told.
    target.finish().map_err(Broken::Output).and(outcome)
}

fn text<W: Write>(
    format: encode::Format,
    target: &mut Target<W>,
    fill: impl FnOnce(&mut dyn Sink) -> Result<Done, StoreError>,
) -> Result<Done, Broken> {
    let mut encoder = Encoder::new(format, target);
    let done = fill(&mut encoder).map_err(Broken::Store)?;
    encoder.finish().map_err(Broken::Store)?;
    Ok(done)
}

fn columns<W: Write + Send>(
    target: &mut Target<W>,
    fill: impl FnOnce(&mut dyn Sink) -> Result<Done, StoreError>,
) -> Result<Done, Broken> {
    let mut writer = ColumnWriter::new(target).map_err(Broken::Output)?;
    match (fill(&mut writer), writer.failure()) {
        (_, Some(error)) => Err(Broken::Output(error)),
        (Err(error), None) => Err(Broken::Store(error)),
        (Ok(done), None) => writer.finish().map(|()| done).map_err(Broken::Output),
    }
}

/// Where the bytes go. Keeps the first error, which the store's errors have no room for.
struct Target<W> {
    out: W,
    error: Option<std::io::Error>,
}

impl<W: Write> Target<W> {
    fn new(out: W) -> Self {
        Self { out, error: None }
    }

    fn finish(mut self) -> Result<(), std::io::Error> {
        self.error.take().map_or_else(|| self.out.flush(), Err)
    }

    fn keep<T>(&mut self, outcome: std::io::Result<T>) -> std::io::Result<T> {
        outcome.map_err(|error| {
            let kind = error.kind();
            self.error.get_or_insert(error);
            kind.into()
        })
    }
}

impl<W: Write> Write for Target<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let outcome = self.out.write(bytes);
        self.keep(outcome)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        let outcome = self.out.flush();
        self.keep(outcome)
    }
}

impl<W: Write> Output for &mut Target<W> {
    fn write(&mut self, piece: Vec<u8>) -> Result<(), StoreError> {
        self.write_all(&piece).map_err(|_| StoreError::Cancelled)
    }
}

/// Counts what passes, and shows it.
struct Counting<'s> {
    sink: &'s mut dyn Sink,
    samples: u64,
    progress: Progress,
}

impl Sink for Counting<'_> {
    fn series(&mut self, name: &str) -> Result<(), StoreError> {
        self.sink.series(name)
    }

    fn points(&mut self, times: &[i64], values: &[f64]) -> Result<(), StoreError> {
        self.samples += times.len() as u64;
        let samples = self.samples;
        self.progress.show(|elapsed| {
            let rate = progress::number(progress::rate(samples, elapsed));
            format!("{} samples, {rate}/s", progress::number(samples))
        });
        self.sink.points(times, values)
    }

    fn check(&mut self) -> Result<(), StoreError> {
        self.sink.check()
    }
}
