//! Files of comma-separated values, ours and those of other programs.

use std::collections::HashSet;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use afterglow_formats::Verdict;
use afterglow_formats::records::Records;
use afterglow_formats::series::Tags;
use afterglow_formats::table::{Dates, Options, Sink, Table};
use afterglow_wire::Timestamp;
use afterglow_wire::limits::BODY_BYTES;
use clap::Args;

use super::super::ToolError;
use super::Importer;
use crate::decode::json::Times;

/// Signals whose first refused field is shown.
const SHOWN_SIGNALS: usize = 10;

/// What a table does not say by itself.
#[derive(Args, Debug, Default)]
#[command(next_help_heading = "Files of other programs")]
pub(super) struct Columns {
    /// CSV: what stands between fields, one of , ; | or tab [default: found out from the header]
    #[arg(long, value_name = "SEPARATOR", value_parser = Options::separator)]
    separator: Option<u8>,

    /// CSV: the decimal mark, . or , [default: found out from the first number where ; separates, else .]
    #[arg(long, value_name = "MARK", value_parser = Options::decimal)]
    decimal: Option<bool>,

    /// CSV: the column of the time; given twice, those of date and time of day [default: known by usual names].
    /// NDJSON: the member that has an object's time [default: timestamp]
    #[arg(long, value_name = "COLUMN")]
    time: Vec<String>,

    /// CSV: the column of the signals' names, where a row is one sample; given several times, the texts of these columns make
    /// the name, with dots between
    #[arg(long, value_name = "COLUMN")]
    signal: Vec<String>,

    /// CSV: what of tags goes into names that several columns make: their values (`cpu.n1.user`), or pairs
    /// (`cpu.host=n1.user`) [default: values]
    #[arg(long, value_name = "WHAT", value_parser = Tags::read)]
    tags: Option<Tags>,

    /// CSV: the column of the values, where a row is one sample
    #[arg(long, value_name = "COLUMN")]
    value: Option<String>,

    /// CSV and NDJSON: where the day stands in dates whose year comes last, dmy (31/01/2026) or mdy (01/31/2026) [default:
    /// such dates are refused, but for 31.01.2026]
    #[arg(long, value_name = "ORDER", value_parser = Dates::read)]
    dates: Option<Dates>,

    /// CSV and NDJSON: the time zone of times without an offset, such as Europe/Berlin [default: UTC]
    #[arg(long, value_name = "ZONE")]
    zone: Option<afterglow_formats::zone::Zone>,
}

impl Columns {
    /// As the reader of objects takes it.
    pub(super) fn times(&self) -> Result<Times, ToolError> {
        match self.time.as_slice() {
            [] => Ok(Times::new(None, self.zone.clone(), self.dates).required()),
            [member] => Ok(Times::new(Some(member.clone()), self.zone.clone(), self.dates).required()),
            _ => Err(ToolError::Refused("--time is given twice; an object's time is one member".into())),
        }
    }

    /// As the reader of tables takes it.
    pub(super) fn options(&self) -> Options {
        Options {
            separator: self.separator,
            decimal_comma: self.decimal,
            time: self.time.clone(),
            signal: self.signal.clone(),
            tags: self.tags.unwrap_or_default(),
            value: self.value.clone(),
            dates: self.dates,
            zone: self.zone.clone(),
        }
    }
}

/// A table in a file.
pub(super) struct Tables {
    path: PathBuf,
    file: BufReader<File>,
    options: Options,
    bytes: u64,
}

impl Tables {
    /// Opens a file and checks that it has a header.
    pub(super) fn open(path: &Path, options: Options) -> Result<Self, ToolError> {
        let open = || File::open(path).map_err(ToolError::file(path));
        let bytes = open()?.metadata().map_err(ToolError::file(path))?.len();
        let mut records = Records::new(BufReader::new(open()?), BODY_BYTES as u64);
        let mut table = Table::new(options.clone());
        let refused = |problem| ToolError::Refused(format!("{}: {problem}", path.display()));
        while !table.has_header() {
            match records.next(table.separator()).map_err(ToolError::file(path))? {
                Some(record) => table.record(&record, &mut Nobody).map_err(refused)?,
                None => break,
            }
        }
        table.finish().map_err(refused)?;
        Ok(Self { path: path.to_owned(), file: BufReader::new(open()?), options, bytes })
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Passes every record from the importer's position on to it. Those before are read again, because what was learned
    /// from them (units, which of two hours) holds for those that follow.
    pub(super) fn read(self, importer: &mut Importer) -> Result<(), ToolError> {
        let mut records = Records::new(self.file, BODY_BYTES as u64);
        let mut table = Table::new(self.options);
        let mut shown = HashSet::new();
        let begin = importer.note.position;
        let mut described = begin > 0;
        while let Some(record) = records.next(table.separator()).map_err(ToolError::file(&self.path))? {
            let taken = if record.end <= begin {
                table.record(&record, &mut Nobody)
            } else {
                table.record(&record, &mut Rows { importer, shown: &mut shown })
            };
            taken.map_err(|problem| ToolError::Refused(format!("{}: {problem}", self.path.display())))?;
            if !described && let Some(description) = table.describe() {
                described = true;
                importer.describe(&description);
            }
            if record.end > begin {
                importer.advance(record.end, record.line)?;
            }
        }
        Ok(())
    }
}

/// Reads and keeps nothing.
struct Nobody;

impl Sink for Nobody {
    fn sample(&mut self, _: usize, _: &str, _: Timestamp, _: f64) -> Result<(), Verdict> {
        Ok(())
    }

    fn refuse(&mut self, _: u64, _: Option<&str>, _: Verdict) {}

    fn note(&mut self, _: u64, _: String) {}
}

struct Rows<'i> {
    importer: &'i mut Importer,
    /// The signals of which a refused field was shown.
    shown: &'i mut HashSet<String>,
}

impl Sink for Rows<'_> {
    fn sample(&mut self, place: usize, name: &str, timestamp: Timestamp, value: f64) -> Result<(), Verdict> {
        self.importer.take(place, name, timestamp, value)
    }

    fn refuse(&mut self, line: u64, signal: Option<&str>, (_, message): Verdict) {
        let place = format!("line {line}");
        match signal.filter(|signal| !signal.is_empty()) {
            None => self.importer.refuse(&place, &message),
            Some(signal) => {
                let first = self.shown.len() < SHOWN_SIGNALS && self.shown.insert(signal.to_owned());
                self.importer.refuse_field(&place, &format!("{message} ({signal})"), first);
            }
        }
    }

    fn note(&mut self, line: u64, message: String) {
        self.importer.say(&format!("line {line}: {message}"));
    }
}
