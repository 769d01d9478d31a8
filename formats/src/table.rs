//! Files of comma-separated values, ours and those of other programs: which column is the time, which are signals.
//!
//! Two forms. *Long*: a row is one sample, with a column of names and one of values (ours, InfluxDB's annotated files, Home
//! Assistant's history). *Wide*: a row is one instant, and each signal has a column (Grafana, ThingSpeak, TOA5, PlotJuggler,
//! pandas, spreadsheets). The columns are known by their names, or by [`Options`]. What is not understood is refused with
//! its line and, where it is one cell, its signal; the rest of the file is read.

mod cell;
mod clock;
mod dates;
mod header;
mod separator;
mod unit_row;

use std::borrow::Cow;

use afterglow_wire::limits::TABLE_COLUMNS;
use afterglow_wire::{Code, Timestamp};

use super::records::{self, Cell, Record, SEPARATORS};
use super::series::{Series, Tags};
use super::zone::Zone;
use super::{Verdict, sheet, shown};
use cell::Values;
pub use clock::{Clock, Read};
pub use dates::Dates;
use header::{Header, Kind, Texts};
use separator::likely_separator;

/// Lines before the header that are passed over: titles, comments.
const TITLE_LINES: usize = 30;

/// Rows after the header that may say units instead of values.
const UNIT_ROWS: u8 = 3;

/// What a file does not say by itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Options {
    /// What stands between cells, one of [`SEPARATORS`]; found out from the header when absent.
    pub separator: Option<u8>,
    /// Whether numbers have a decimal comma; found out from the first number when absent and `;` separates.
    pub decimal_comma: Option<bool>,
    /// The columns of the time: one, or those of date and time of day.
    pub time: Vec<String>,
    /// The column of the signals' names in a long file; of several, the texts make the name, with dots between.
    pub signal: Vec<String>,
    /// What of tags goes into names that several columns make.
    pub tags: Tags,
    /// The column of the values in a long file.
    pub value: Option<String>,
    /// Where the day stands in dates whose year comes last; such ones with `/` or `-` are refused when absent.
    pub dates: Option<Dates>,
    /// The zone of times without an offset; UTC when absent.
    pub zone: Option<Zone>,
}

impl Options {
    /// Reads a list of columns, which commas separate.
    pub fn columns(list: Option<&str>) -> Vec<String> {
        let names = list.unwrap_or_default().split(',').map(str::trim);
        names.filter(|name| !name.is_empty()).map(str::to_owned).collect()
    }

    /// Reads a separator: the character, or `tab`.
    ///
    /// # Errors
    /// When it is none of [`SEPARATORS`].
    pub fn separator(text: &str) -> Result<u8, String> {
        match text {
            "," | "comma" => Ok(b','),
            ";" | "semicolon" => Ok(b';'),
            "|" => Ok(b'|'),
            "\t" | "\\t" | "tab" => Ok(b'\t'),
            _ => Err("one of , ; | and tab is expected".into()),
        }
    }

    /// Reads a decimal mark.
    ///
    /// # Errors
    /// When it is neither a point nor a comma.
    pub fn decimal(text: &str) -> Result<bool, String> {
        match text {
            "," | "comma" => Ok(true),
            "." | "point" => Ok(false),
            _ => Err("a point or a comma is expected".into()),
        }
    }
}

/// Who gets what a table says.
pub trait Sink {
    /// Takes a sample, the one at `place` of its row.
    ///
    /// # Errors
    /// Why it cannot be used; it is then refused.
    fn sample(&mut self, place: usize, name: &str, timestamp: Timestamp, value: f64) -> Result<(), Verdict>;

    /// A row, or the cell of `signal` in it, cannot be used.
    fn refuse(&mut self, line: u64, signal: Option<&str>, verdict: Verdict);

    /// Something that is not wrong, but that nobody may overlook.
    fn note(&mut self, line: u64, message: String);
}

/// Reads a table record by record.
#[derive(Debug)]
pub struct Table {
    options: Options,
    separator: Option<u8>,
    header: Option<Header>,
    clock: Clock,
    values: Values,
    /// What names are made of, where several columns make them.
    series: Series,
    /// The first line that is not empty, for the message that there is no header.
    first: Option<String>,
    /// Whether there was a header, of this table or of one before it.
    has_begun: bool,
    titles: usize,
    /// An InfluxDB file, which may have several tables.
    annotated: bool,
    /// A Campbell Scientific file, whose header follows its first line.
    campbell: bool,
    unit_rows: u8,
}

impl Table {
    /// A table of which nothing has been read.
    pub fn new(options: Options) -> Self {
        Self {
            separator: options.separator,
            clock: Clock::new(options.zone.clone(), options.dates),
            values: Values::new(options.decimal_comma),
            series: Series::default(),
            options,
            header: None,
            first: None,
            has_begun: false,
            titles: 0,
            annotated: false,
            campbell: false,
            unit_rows: 0,
        }
    }

    /// What stands between cells; none while that is not known.
    pub fn separator(&self) -> Option<u8> {
        self.separator
    }

    /// Whether the header has been read.
    pub fn has_header(&self) -> bool {
        self.header.is_some()
    }

    /// How the table is read, for people.
    pub fn describe(&self) -> Option<String> {
        let separator = match self.separator? {
            b'\t' => "tabs".to_owned(),
            other => format!("{:?}", char::from(other)),
        };
        Some(format!("{}, separated by {separator}", self.header.as_ref()?.describe()))
    }

    /// Reads the next record.
    ///
    /// # Errors
    /// When the table has no header that says which column is the time; nothing of it can be read.
    pub fn record(&mut self, record: &Record, sink: &mut impl Sink) -> Result<(), String> {
        let bytes = match record.line {
            1 => without_mark(&record.bytes)?,
            _ => &record.bytes[..],
        };
        if let Some(length) = record.too_long {
            let message = format!("the line has {length} bytes, which are too many");
            sink.refuse(record.line, None, (Code::MalformedCsv, message));
            return Ok(());
        }
        if bytes.trim_ascii().is_empty() {
            return Ok(());
        }
        if bytes.starts_with(b"#") && !self.comment(bytes, record.line, sink) {
            return Ok(());
        }
        match self.header.take() {
            None if self.has_begun => {
                // Another table, of which what comes before its header is no reason to give up those before it.
                if !matches!(self.begin(bytes, record.line, sink), Ok(true)) {
                    let message =
                        "it is no header that says which column is the time, as another table begins with";
                    sink.refuse(record.line, None, (Code::MalformedCsv, message.into()));
                }
                Ok(())
            }
            None => self.title(bytes, record.line, sink),
            Some(mut header) => {
                self.header = match self.row(bytes, record.line, &mut header, sink) {
                    Next::Same => Some(header),
                    Next::Other(next) => Some(*next),
                    Next::Unknown => None,
                };
                Ok(())
            }
        }
    }

    /// What is wrong at the end: that there was no header.
    ///
    /// # Errors
    /// When no header was found.
    pub fn finish(&self) -> Result<(), String> {
        if self.has_begun {
            return Ok(());
        }
        Err(match &self.first {
            None => "the file is empty; a header such as timestamp,signal,value is expected".into(),
            Some(first) => {
                let separator = self
                    .separator
                    .unwrap_or_else(|| likely_separator(first.as_bytes(), &self.options, self.campbell));
                let cells = records::cells(first.as_bytes(), separator).unwrap_or_default();
                header::missing(
                    &cells.iter().map(|cell| cell.text().into_owned()).collect::<Vec<_>>(),
                    &self.options,
                )
            }
        })
    }

    /// Takes a line that begins with `#`; true when it may be the header.
    fn comment(&mut self, bytes: &[u8], line: u64, sink: &mut impl Sink) -> bool {
        if [&b"#group"[..], b"#datatype", b"#default"].iter().any(|word| bytes.starts_with(word)) {
            // Another table of an InfluxDB file begins.
            self.annotated = true;
            self.header = None;
            return false;
        }
        // NumPy and gnuplot write the header as a comment.
        if self.header.is_none() {
            let bare = bytes[1..].trim_ascii_start();
            let _ = self.begin(bare, line, sink);
        }
        false
    }

    /// Takes a line before the header, which may be it.
    fn title(&mut self, bytes: &[u8], line: u64, sink: &mut impl Sink) -> Result<(), String> {
        if let Some(separator) = bytes.strip_prefix(b"sep=")
            && let [separator] = separator.trim_ascii_end()
            && SEPARATORS.contains(separator)
        {
            self.separator = Some(*separator);
            return Ok(());
        }
        if self.begin(bytes, line, sink)? {
            return Ok(());
        }
        self.campbell |= bytes.starts_with(b"\"TOA5\"") || bytes.starts_with(b"TOA5,");
        if self.first.is_none() {
            self.first = Some(String::from_utf8_lossy(bytes).into_owned());
        }
        self.titles += 1;
        if self.titles < TITLE_LINES { Ok(()) } else { self.finish() }
    }

    /// Begins a table with this header, if it is one.
    fn begin(&mut self, bytes: &[u8], line: u64, sink: &mut impl Sink) -> Result<bool, String> {
        let separator =
            self.separator.unwrap_or_else(|| likely_separator(bytes, &self.options, self.campbell));
        if records::count(bytes, separator) > TABLE_COLUMNS {
            return Err(format!("line {line} has more than {TABLE_COLUMNS} columns"));
        }
        let Ok(cells) = records::cells(bytes, separator) else { return Ok(false) };
        let names: Vec<_> = cells.iter().map(|cell| cell.text().into_owned()).collect();
        let Some(header) = Header::of(&names, &self.options, self.campbell, true)? else { return Ok(false) };
        if self.titles > 0 && !self.campbell {
            sink.note(line, format!("what stands before the header is passed over; lines: {}", self.titles));
        }
        for note in &header.notes {
            sink.note(line, note.clone());
        }
        self.separator = Some(separator);
        self.values.separated_by(separator);
        self.clock.in_zone(header.zone.clone());
        (self.header, self.unit_rows, self.has_begun) = (Some(header), UNIT_ROWS, true);
        Ok(true)
    }

    /// Takes a row.
    fn row(&mut self, bytes: &[u8], line: u64, header: &mut Header, sink: &mut impl Sink) -> Next {
        let cells = match records::cells(bytes, self.separator.unwrap_or(b',')) {
            Ok(cells) => cells,
            Err(problem) => {
                sink.refuse(line, None, (Code::MalformedCsv, problem));
                return Next::Same;
            }
        };
        if cells.iter().all(Cell::is_empty) {
            return Next::Same;
        }
        if cells.iter().skip(header.width).any(|cell| !cell.is_empty()) {
            let message = format!(
                "it has more fields ({}) than the header ({}); a field that has the separator in it must be in quotes",
                cells.len(),
                header.width
            );
            sink.refuse(line, None, (Code::MalformedCsv, message));
            return Next::Same;
        }
        if let Kind::Long { names, value, .. } = &header.kind {
            let needed = names.iter().chain([value]).max().map_or(0, |last| last + 1);
            let problem = if cells.len() < needed && cells.len() < header.width {
                format!("it has fewer fields than the header, which has {}", header.width)
            } else if names.iter().filter_map(|index| cells.get(*index)).all(Cell::is_utf8) {
                String::new()
            } else {
                let at = std::str::from_utf8(bytes).map_or_else(|error| error.valid_up_to(), str::len);
                format!("it is not UTF-8 at byte {at}")
            };
            if !problem.is_empty() {
                sink.refuse(line, None, (Code::MalformedCsv, problem));
                return Next::Same;
            }
        }
        let text = |index: usize| cells.get(index).map_or(Cow::Borrowed(""), Cell::text);
        let stamp = match &header.time[..] {
            [one] => Ok(text(*one)),
            several => joined(&several.iter().map(|index| text(*index)).collect::<Vec<_>>()).map(Cow::Owned),
        };
        let series = match &header.kind {
            Kind::Long { names, own, .. } => Some(match names[..] {
                [only] => name(cells.get(only), *own),
                _ => header.joined_name(&cells, self.options.tags),
            }),
            Kind::Wide(_) => None,
        };
        let read = stamp.and_then(|stamp| self.clock.instant(&stamp, header.unit, series.as_deref()));
        let timestamp = match read {
            Ok((timestamp, note)) => {
                if let Some(note) = note {
                    sink.note(line, note);
                }
                timestamp
            }
            Err(verdict) => return self.no_row(&cells, line, header, verdict, sink),
        };
        self.unit_rows = 0;
        let mut take = |place: usize, signal: &str, value: Result<f64, Verdict>| {
            let taken = value.and_then(|value| sink.sample(place, signal, timestamp, value));
            if let Err(verdict) = taken {
                sink.refuse(line, Some(signal), verdict);
            }
        };
        match &mut header.kind {
            Kind::Long { names, value, units, .. } => {
                let series = series.as_deref().unwrap_or_default();
                let claimed = match names[..] {
                    [_] => Ok(()),
                    _ => self
                        .series
                        .claim(series, Texts { names: &header.names, columns: names, cells: &cells }),
                };
                let (unit, declared) = units.of(series);
                take(0, series, claimed.and_then(|()| self.values.read(&text(*value), unit, declared)));
            }
            Kind::Wide(columns) => {
                // No more columns than the row has: a header may have a hundred thousand.
                let present = columns.partition_point(|column| column.index < cells.len());
                for (place, column) in columns[..present].iter_mut().enumerate() {
                    let Some(cell) = cells.get(column.index).filter(|cell| !cell.is_empty()) else {
                        continue;
                    };
                    let value = self.values.read(&cell.text(), &mut column.unit, &column.declared);
                    take(place, &column.name, value);
                }
            }
        }
        Next::Same
    }

    /// A row without a usable time: units, another header, or a row that is refused.
    fn no_row(
        &mut self,
        cells: &[Cell<'_>],
        line: u64,
        header: &mut Header,
        verdict: Verdict,
        sink: &mut impl Sink,
    ) -> Next {
        let texts: Vec<_> = cells.iter().map(|cell| cell.text().into_owned()).collect();
        if header.is_again(&texts) {
            sink.note(line, "the header comes again; it is passed over".into());
            self.unit_rows = UNIT_ROWS;
            return Next::Same;
        }
        // Units and types (`UTC,°C`, `datetime,float`) look like a header where they follow one.
        let may_begin = self.unit_rows == 0 || header.may_be_followed_by(&texts);
        if !self.campbell
            && let Ok(Some(next)) = Header::of(&texts, &self.options, false, false)
            && (may_begin || !unit_row::is_one_for_certain(&texts, &next.time))
        {
            if !may_begin {
                let message = "it may be the header, and so may the line above it; `time` says which, by the name of its \
                               column of times";
                sink.refuse(line, None, (Code::MalformedCsv, message.into()));
                return Next::Unknown;
            }
            sink.note(line, "another header; from here on its columns count".into());
            for note in &next.notes {
                sink.note(line, note.clone());
            }
            self.clock.in_zone(next.zone.clone());
            self.unit_rows = UNIT_ROWS;
            return Next::Other(Box::new(next));
        }
        if self.unit_rows > 0 && unit_row::may_be_one(&texts, &header.time) {
            self.unit_rows -= 1;
            header.declare(&texts);
            if !self.campbell {
                sink.note(line, "the row has no numbers and is taken for the columns' units".into());
            }
            return Next::Same;
        }
        sink.refuse(line, None, verdict);
        Next::Same
    }
}

/// The header of the rows that follow one.
enum Next {
    Same,
    Other(Box<Header>),
    /// It cannot be told.
    Unknown,
}

/// The text of a row's time whose date and time of day are in columns of their own. Spreadsheets write a date as midnight.
fn joined(parts: &[Cow<'_, str>]) -> Result<String, Verdict> {
    let [date, times @ ..] = parts else { return Ok(String::new()) };
    let (day, rest) = date.split_once([' ', 'T']).unwrap_or((date, ""));
    let is_midnight = |text: &str| text.bytes().all(|byte| matches!(byte, b'0' | b':' | b'.'));
    let has_time = times.iter().any(|time| !time.is_empty());
    if has_time && !is_midnight(rest) {
        return Err(bad_timestamp(format!(
            "the date {} has a time of day, and so has the column beside it; `time` says which one counts",
            quoted(date)
        )));
    }
    if !has_time {
        return Ok(date.to_string());
    }
    let mut text = day.to_owned();
    for time in times {
        text.push(' ');
        text.push_str(time);
        // A column of hours.
        if matches!(time.len(), 1 | 2) && time.bytes().all(|byte| byte.is_ascii_digit()) {
            text.push_str(":00");
        }
    }
    Ok(text)
}

/// The name that the one column of names gives a long row's sample.
fn name(cell: Option<&Cell<'_>>, own: bool) -> String {
    let name = cell.map(Cell::text).unwrap_or_default();
    if own { sheet::read(&name).to_owned() } else { name.into_owned() }
}

/// A file's first line without the mark that says how its bytes are ordered.
fn without_mark(bytes: &[u8]) -> Result<&[u8], String> {
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        return Err("the text is UTF-16; save it as UTF-8".into());
    }
    Ok(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes))
}

/// Says that a cell is no instant.
fn bad_timestamp(message: impl Into<String>) -> Verdict {
    (Code::BadTimestamp, message.into())
}

/// A text in quotes, cut where it is long.
fn quoted(text: &str) -> String {
    format!("{:?}", shown(text))
}

#[cfg(test)]
mod tests;
