//! `afterglow export`: samples as a file that other programs read, and `afterglow import` too.

mod columns;

use std::io::{ErrorKind, IsTerminal as _, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use afterglow_wire::Timestamp;
use afterglow_wire::limits::MAX_POINTS;
use clap::Args;

use super::database::TenantDatabase;
use super::partial::Partial;
use super::progress::{self, Progress};
use super::{Format, Patterns, ToolError, tell};
use crate::clock::Clock;
use crate::encode::{self, Encoder, Output};
use crate::signals::Selector;
use crate::store::{Detail, Query, Sink, Span, Stopped, Store, StoreError};
use columns::ColumnWriter;
#[cfg(test)]
pub(super) use columns::parquet;

/// What a user may set.
#[derive(Args, Clone, Debug)]
pub struct Options {
    #[command(flatten)]
    database: TenantDatabase,

    /// First instant, ISO 8601 or an integer epoch [default: the earliest sample]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    from: Option<Timestamp>,

    /// Last instant, inclusive [default: the latest sample]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    to: Option<Timestamp>,

    /// Names separated by commas; `*` stands for any characters, `\,` for a comma in a name [default: all signals]
    #[arg(long, value_name = "NAMES")]
    signals: Vec<Patterns>,

    /// The most points of one signal; each stretch of time keeps its lowest and highest [default: all samples]
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

impl Options {
    /// The same for a tenant.
    ///
    /// # Errors
    /// When they name another one.
    pub(super) fn of_tenant(&self, name: &str) -> Result<Self, ToolError> {
        if self.database.tenant.as_deref().is_some_and(|other| other != name) {
            return Err(ToolError::Refused(format!("--tenant names another tenant than {name}")));
        }
        let database = TenantDatabase { tenant: Some(name.to_owned()), ..self.database.clone() };
        Ok(Self { database, ..self.clone() })
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
    let signals = Selector::or_everything(&Patterns::all(&options.signals));
    let query = Query { span, signals, detail: Detail::at_most(options.max_points) };
    let format = options.format.or_else(|| Format::of(&options.output)).unwrap_or(Format::Csv);
    let database = options.database.path()?;
    if options.output.as_os_str() == "-" {
        let out = std::io::stdout();
        if format == Format::Parquet && out.is_terminal() {
            return Err(ToolError::Refused("parquet is not for terminals; name a file with --output".into()));
        }
        let store = Store::open_read_only(&database, Clock::real())?;
        return match write(&store, &query, format, out) {
            // The reader has closed the pipe.
            Err(StoreError::Stopped(Stopped::Output(error))) if error.kind() == ErrorKind::BrokenPipe => {
                Ok(())
            }
            Err(error) => Err(failed(error, Path::new("standard output"))),
            Ok(_) => complete(&store),
        };
    }
    let partial = Partial::begin(&options.output, options.force)?;
    let store = Store::open_read_only(&database, Clock::real())?;
    let (samples, elapsed) =
        write(&store, &query, format, partial.file()).map_err(|error| failed(error, partial.path()))?;
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

/// Names the output, where that is what failed.
fn failed(error: StoreError, path: &Path) -> ToolError {
    match error {
        StoreError::Stopped(Stopped::Output(error)) => ToolError::file(path)(error),
        error => ToolError::Store(error),
    }
}

/// How many samples were written and how long that took.
type Done = (u64, Duration);

/// Writes everything.
fn write<W: Write + Send>(store: &Store, query: &Query, format: Format, out: W) -> Result<Done, StoreError> {
    match format {
        Format::Csv => text(store, query, encode::Format::Csv, out),
        Format::NdJson => text(store, query, encode::Format::NdJson, out),
        Format::Parquet => columns(store, query, out),
    }
}

fn text<W: Write>(store: &Store, query: &Query, format: encode::Format, out: W) -> Result<Done, StoreError> {
    let mut encoder = Encoder::new(format, Text(out));
    let done = counted(store, query, &mut encoder)?;
    let Text(mut out) = encoder.finish()?;
    out.flush().map_err(Stopped::from)?;
    Ok(done)
}

fn columns<W: Write + Send>(store: &Store, query: &Query, out: W) -> Result<Done, StoreError> {
    let mut writer = ColumnWriter::new(out).map_err(Stopped::from)?;
    let done = counted(store, query, &mut writer)?;
    writer.finish().map_err(Stopped::from)?;
    Ok(done)
}

fn counted(store: &Store, query: &Query, sink: &mut dyn Sink) -> Result<Done, StoreError> {
    let mut counting = Counting { sink, samples: 0, progress: Progress::start() };
    let outcome = store.query_in_pieces(query, &mut counting);
    counting.progress.clear();
    outcome.map(|()| (counting.samples, counting.progress.elapsed()))
}

/// Where text goes.
struct Text<W>(W);

impl<W: Write> Output for Text<W> {
    fn write(&mut self, piece: Vec<u8>) -> Result<(), Stopped> {
        Ok(self.0.write_all(&piece)?)
    }
}

/// Counts what passes, and shows it.
struct Counting<'s> {
    sink: &'s mut dyn Sink,
    samples: u64,
    progress: Progress,
}

impl Sink for Counting<'_> {
    fn series(&mut self, name: &str) -> Result<(), Stopped> {
        self.sink.series(name)
    }

    fn points(&mut self, times: &[i64], values: &[f64]) -> Result<(), Stopped> {
        self.samples += times.len() as u64;
        let samples = self.samples;
        self.progress.show(|elapsed| {
            let rate = progress::number(progress::rate(samples, elapsed));
            format!("{} samples, {rate}/s", progress::number(samples))
        });
        self.sink.points(times, values)
    }

    fn check(&mut self) -> Result<(), Stopped> {
        self.sink.check()
    }
}
