//! What the columns of a table mean, by their names.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::hash::{Hash, Hasher};

use afterglow_wire::Timestamp;

use super::super::records::Cell;
use super::super::series::Tags;
use super::super::shown;
use super::super::zone::Zone;
use super::Options;
use super::cell::{Unit, Units, in_brackets};
use super::dates;

/// Names of the column of instants, in the order in which they are preferred, in lower case.
const TIME: &[&str] = &[
    "timestamp",
    "_time",
    "__time",
    "time",
    "datetime",
    "date_time",
    "date time",
    "date/time",
    "@timestamp",
    "ts",
    "time stamp",
    "time_stamp",
    "created_at",
    "last_changed",
    "last_updated",
    "utc",
    "date",
];

/// Names of the column of signals' names in a long table.
const SIGNAL: &[&str] =
    &["signal", "signal_name", "entity_id", "series", "metric", "sensor", "variable", "name"];

/// Names of the column of values in a long table.
const VALUE: &[&str] = &["value", "state", "_value", "reading"];

/// Columns that are no signals where InfluxDB wrote the file, which has one of [`INFLUX`].
const NO_SIGNAL: &[&str] = &["result", "table", "_start", "_stop", "_measurement", "_field"];
const INFLUX: &[&str] = &["_time", "_value", "_field"];

/// Columns that a date may have its time of day in.
const TIME_OF_DAY: &[&str] = &["hour", "hours", "hr", "minute", "time of day", "time_of_day", "clock"];

/// A table's columns.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Header {
    pub(super) names: Vec<String>,
    /// How many columns there are.
    pub(super) width: usize,
    /// The columns of the time, whose texts are joined.
    pub(super) time: Vec<usize>,
    /// What numbers in the column of the time count, in seconds; told by their magnitude when absent.
    pub(super) unit: Option<f64>,
    /// The zone of its local times, where its name says one.
    pub(super) zone: Option<Zone>,
    pub(super) kind: Kind,
    /// What nobody may overlook.
    pub(super) notes: Vec<String>,
}

/// Where the samples are.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    /// A row is a sample.
    Long {
        /// The columns whose texts make the name.
        names: Vec<usize>,
        value: usize,
        /// The units behind each signal's values.
        units: Units,
        /// Whether the names may be written for spreadsheets, by us.
        own: bool,
    },
    /// A row is an instant.
    Wide(Vec<Column>),
}

/// A signal's column.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Column {
    pub(super) index: usize,
    pub(super) name: String,
    /// The unit behind the values.
    pub(super) unit: Unit,
    /// Units that its name and rows of units say.
    pub(super) declared: Vec<String>,
}

impl Header {
    /// The columns of a line with these cells; none when it is no header. Only the `first` of a file may leave the name of
    /// its time out.
    ///
    /// # Errors
    /// When it is a header without the columns that `options` name.
    pub(super) fn of(
        names: &[String],
        options: &Options,
        campbell: bool,
        first: bool,
    ) -> Result<Option<Self>, String> {
        let lower: Vec<_> = names.iter().map(|name| name.trim().to_lowercase()).collect();
        let mut notes = Vec::new();
        let Some(Time { columns: time, unit, zone }) = time(&lower, options, first, &mut notes) else {
            return Ok(None);
        };
        let others = |index: &usize| !time.contains(index);
        let named =
            |name: &String, what: &str| find(&lower, name).ok_or_else(|| no_column(what, name, names));
        let known = |known: &[&str]| known.iter().find_map(|name| find(&lower, name).filter(others));
        let value = match &options.value {
            Some(name) => Some(named(name, "value")?),
            None => known(VALUE),
        };
        let signal: Vec<_> = match &options.signal[..] {
            [] => known(SIGNAL).into_iter().collect(),
            given => given.iter().map(|name| named(name, "signal")).collect::<Result<_, _>>()?,
        };
        let influx = find(&lower, "_field").filter(|_| options.signal.is_empty());
        let is_influx = INFLUX.iter().any(|name| find(&lower, name).is_some());
        let kind = match (value, &signal[..], influx) {
            (Some(value), _, Some(field)) => {
                let tag = |index: &usize| {
                    let name = &*lower[*index];
                    !name.is_empty()
                        && !name.starts_with('_')
                        && !NO_SIGNAL.contains(&name)
                        && *index != value
                };
                let mut tags: Vec<_> = (0..names.len()).filter(others).filter(tag).collect();
                tags.sort_by_key(|index| &lower[*index]);
                let measurement = find(&lower, "_measurement");
                let names = measurement.into_iter().chain(tags).chain([field]).collect();
                Kind::Long { names, value, units: Units::default(), own: false }
            }
            (Some(value), [first, ..], None) if !signal.contains(&value) => {
                let own = signal.len() == 1 && lower[*first].starts_with("signal") && lower[value] == "value";
                let is_passed_over =
                    |index: &usize| *index != value && !signal.contains(index) && !lower[*index].is_empty();
                let passed_over: Vec<_> = (0..names.len()).filter(others).filter(is_passed_over).collect();
                notes.extend(not_in_names(names, &passed_over, &lower[*first]));
                Kind::Long { names: signal, value, units: Units::of_column(&names[value]), own }
            }
            _ => {
                alone(options)?;
                let is_signal = |index: &usize| {
                    let name = &*lower[*index];
                    !(is_influx && NO_SIGNAL.contains(&name)
                        || name == "entry_id" && find(&lower, "created_at").is_some()
                        || campbell && name == "record")
                };
                let columns = (0..names.len()).filter(others).filter(is_signal);
                Kind::Wide(wide(names, columns, &mut notes))
            }
        };
        if let [only] = time[..]
            && lower[only].starts_with("date")
            && !lower[only].contains("time")
            && let Some(hour) = (0..names.len()).find(|index| TIME_OF_DAY.contains(&&*lower[*index]))
        {
            notes.push(format!(
                "a row's time is that of its column {:?} alone; `time` may name {:?} too",
                shown(&names[only]),
                shown(&names[hour])
            ));
        }
        if matches!(&kind, Kind::Wide(columns) if columns.is_empty()) {
            return Ok(None);
        }
        let names = names.to_vec();
        Ok(Some(Self { width: names.len(), names, time, unit, zone, kind, notes }))
    }

    /// The name that several columns of a long row make.
    pub(super) fn joined_name(&self, cells: &[Cell<'_>], tags: Tags) -> String {
        let Kind::Long { names: columns, .. } = &self.kind else { return String::new() };
        let mut name = String::new();
        for (column, text) in (Texts { names: &self.names, columns, cells }).given() {
            if !name.is_empty() {
                name.push('.');
            }
            if tags == Tags::Pairs && !["_measurement", "_field"].contains(&&*column.to_lowercase()) {
                name.extend([column, "="]);
            }
            name.push_str(&text);
        }
        name
    }

    /// Takes over a row of units.
    pub(super) fn declare(&mut self, row: &[String]) {
        let unit =
            |index: usize| row.get(index).map(|unit| unit.trim().to_owned()).filter(|unit| !unit.is_empty());
        match &mut self.kind {
            Kind::Long { value, units, .. } => units.declared.extend(unit(*value)),
            Kind::Wide(columns) => {
                columns.iter_mut().for_each(|column| column.declared.extend(unit(column.index)));
            }
        }
    }

    /// Whether a row is this header once more.
    pub(super) fn is_again(&self, row: &[String]) -> bool {
        self.names == row
    }

    /// Whether a row directly after this header may be another one, and not its units or types: it has other columns, the
    /// same name for the time, or what was taken for this header has values.
    pub(super) fn may_be_followed_by(&self, row: &[String]) -> bool {
        let is_value = |name: &String| {
            name.parse::<f64>().is_ok() || name.parse::<Timestamp>().is_ok() || dates::is_year_last(name)
        };
        row.len() != self.width
            || self.time.iter().all(|index| row[*index].eq_ignore_ascii_case(&self.names[*index]))
            || self.names.iter().any(is_value)
    }

    /// How the table is read, for people.
    pub(super) fn describe(&self) -> String {
        let name = |index: &usize| shown(&self.names[*index]);
        let list = |columns: &[usize]| columns.iter().map(name).collect::<Vec<_>>().join(" and ");
        let time = list(&self.time);
        match &self.kind {
            Kind::Long { names, value, .. } => {
                format!("a sample a row: time in {time}, name in {}, value in {}", list(names), name(value))
            }
            Kind::Wide(columns) => {
                let first: Vec<_> = columns.iter().take(5).map(|column| shown(&column.name)).collect();
                let more = columns.len() - first.len();
                let more = if more > 0 { format!(" and {more} more") } else { String::new() };
                format!("a column a signal: time in {time}, signals {}{more}", first.join(", "))
            }
        }
    }
}

/// The texts of a row in some columns, which make its name; with the columns' names they tell its series from others.
#[derive(Clone, Copy)]
pub(super) struct Texts<'a> {
    pub(super) names: &'a [String],
    pub(super) columns: &'a [usize],
    pub(super) cells: &'a [Cell<'a>],
}

impl<'a> Texts<'a> {
    /// Those that are not empty, with the columns' names.
    fn given(self) -> impl Iterator<Item = (&'a str, Cow<'a, str>)> {
        let cells = self
            .columns
            .iter()
            .filter_map(move |index| Some((&*self.names[*index], self.cells.get(*index)?)));
        cells.filter(|(_, cell)| !cell.is_empty()).map(|(column, cell)| (column, cell.text()))
    }
}

impl Hash for Texts<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.given().for_each(|pair| pair.hash(state));
    }
}

impl fmt::Display for Texts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, (column, text)) in self.given().enumerate() {
            let comma = if place > 0 { "," } else { "" };
            write!(f, "{comma}{column}={text:?}")?;
        }
        Ok(())
    }
}

/// What to say of a file whose first line, with these cells, names no time.
pub(super) fn missing(names: &[String], options: &Options) -> String {
    let list: Vec<_> = names.iter().take(12).map(|name| format!("{:?}", shown(name))).collect();
    let wanted =
        if options.time.is_empty() { "timestamp, time or date".to_owned() } else { options.time.join(", ") };
    format!(
        "the first line must name the columns; timestamp,signal,value is expected, or timestamp and one column per signal. It has {}, \
         none of which is called {wanted}; `time` says which column is the time, `separator` what stands between columns",
        list.join(", ")
    )
}

/// Says which columns of a long table are in no name.
fn not_in_names(names: &[String], columns: &[usize], first: &str) -> Option<String> {
    let list: Vec<_> = columns.iter().take(12).map(|index| format!("{:?}", shown(&names[*index]))).collect();
    (!list.is_empty()).then(|| {
        format!(
            "passed over are the columns {}; where they tell signals apart, `signal` may name them beside {first:?}",
            list.join(", ")
        )
    })
}

/// Refuses options of a long table for one that is none.
fn alone(options: &Options) -> Result<(), String> {
    match (&options.value, &options.signal[..]) {
        (None, []) => Ok(()),
        (Some(value), []) => Err(format!(
            "`value` names the column {value:?}, and no column has the signals' names; `signal` says which one"
        )),
        (None, [signal, ..]) => Err(format!(
            "`signal` names the column {signal:?}, and no column has the values; `value` says which one"
        )),
        (Some(value), _) => Err(format!("`signal` and `value` both name the column {value:?}")),
    }
}

/// The columns of the time, what numbers there count, and the zone of local times there.
struct Time {
    columns: Vec<usize>,
    unit: Option<f64>,
    zone: Option<Zone>,
}

impl Time {
    fn of(lower: &[String], columns: Vec<usize>, options: &Options, notes: &mut Vec<String>) -> Self {
        let (mut unit, mut zone) = (None, None);
        for column in &columns {
            match without_brackets(&lower[*column]).1 {
                Brackets::Nothing => {}
                Brackets::Seconds(seconds) => unit = Some(seconds),
                Brackets::Zone(named) if options.zone.is_none() => zone = Some(named),
                Brackets::Zone(named) => {
                    if options.zone.as_ref() != Some(&named) {
                        notes.push(format!(
                            "the column {:?} names a zone; `zone` counts instead",
                            shown(&lower[*column])
                        ));
                    }
                }
                Brackets::Unknown => notes.push(format!(
                    "what stands in brackets in {:?} is no unit or zone that is known, and is passed over",
                    shown(&lower[*column])
                )),
            }
        }
        Self { columns, unit, zone }
    }
}

/// Finds the columns of the time.
fn time(lower: &[String], options: &Options, first: bool, notes: &mut Vec<String>) -> Option<Time> {
    if !options.time.is_empty() {
        // Where one is missing it may be a title.
        let found: Option<Vec<_>> = options.time.iter().map(|name| find(lower, name)).collect();
        return Some(Time::of(lower, found?, options, notes));
    }
    let called = |wanted: &str| {
        lower.iter().position(|name| {
            let (bare, brackets) = without_brackets(name);
            bare == wanted && !matches!(brackets, Brackets::Seconds(_))
        })
    };
    let date_and_time = called("date").zip(called("time"));
    for known in TIME {
        if let Some(index) = lower.iter().position(|name| without_brackets(name).0 == *known) {
            let columns = match date_and_time {
                Some((date, time)) if matches!(*known, "time" | "date") => vec![date, time],
                _ => vec![index],
            };
            return Some(Time::of(lower, columns, options, notes));
        }
    }
    // pandas leaves the index without a name.
    let are_names =
        |names: &[String]| names.iter().all(|name| !name.is_empty() && name.parse::<f64>().is_err());
    let nameless = first && lower.len() > 1 && lower[0].is_empty() && are_names(&lower[1..]);
    nameless.then(|| Time { columns: vec![0], unit: None, zone: None })
}

/// What the name of a column of times has in brackets, or behind `_`.
enum Brackets {
    Nothing,
    /// Numbers count these.
    Seconds(f64),
    Zone(Zone),
    Unknown,
}

impl Brackets {
    fn read(text: &str) -> Self {
        let words = text.split([' ', ',']).filter(|word| !matches!(*word, "" | "epoch" | "unix" | "posix"));
        match words.collect::<Vec<_>>()[..] {
            [] => Self::Nothing,
            [word] => match (seconds(word), word.parse()) {
                (Some(seconds), _) => Self::Seconds(seconds),
                (None, Ok(zone)) => Self::Zone(zone),
                (None, Err(_)) => Zone::of_offset(word).map_or(Self::Unknown, Self::Zone),
            },
            _ => Self::Unknown,
        }
    }
}

/// A unit of time in seconds.
fn seconds(unit: &str) -> Option<f64> {
    match unit {
        "s" | "sec" | "secs" | "second" | "seconds" => Some(1.0),
        "ms" | "msec" | "millis" | "millisecond" | "milliseconds" => Some(1e-3),
        "us" | "µs" | "μs" | "usec" | "micros" | "microsecond" | "microseconds" => Some(1e-6),
        "ns" | "nsec" | "nanos" | "nanosecond" | "nanoseconds" => Some(1e-9),
        "min" | "mins" | "minute" | "minutes" => Some(60.0),
        "h" | "hr" | "hrs" | "hour" | "hours" => Some(3_600.0),
        "d" | "day" | "days" => Some(86_400.0),
        _ => None,
    }
}

/// A column's name, in lower case, without what stands in brackets or the unit behind `_`, and that.
fn without_brackets(name: &str) -> (&str, Brackets) {
    for (open, close) in [('[', ']'), ('(', ')')] {
        if let Some((bare, inside)) = name.strip_suffix(close).and_then(|name| name.split_once(open)) {
            return (bare.trim_end(), Brackets::read(inside));
        }
    }
    // `time_hour` is an hour of the day, and `time (h)` a time in hours.
    match name.rsplit_once('_').map(|(bare, unit)| (bare, seconds(unit).filter(|seconds| *seconds <= 1.0))) {
        Some((bare, Some(unit))) => (bare, Brackets::Seconds(unit)),
        _ => (name, Brackets::Nothing),
    }
}

fn find(lower: &[String], name: &str) -> Option<usize> {
    let name = name.trim().to_lowercase();
    lower.iter().position(|known| *known == name)
}

fn no_column(what: &str, name: &str, names: &[String]) -> String {
    let list: Vec<_> = names.iter().take(12).map(|name| format!("{:?}", shown(name))).collect();
    format!("`{what}` names the column {name:?}; the file has {}", list.join(", "))
}

/// The signals' columns; two of one name are numbered.
fn wide(names: &[String], columns: impl Iterator<Item = usize>, notes: &mut Vec<String>) -> Vec<Column> {
    let mut found: Vec<Column> = Vec::new();
    let mut taken: HashSet<String> = HashSet::new();
    // The last number of each name: a file may have one name for thousands of columns.
    let mut numbers: HashMap<&str, usize> = HashMap::new();
    for index in columns {
        let given = names[index].trim();
        if given.is_empty() {
            notes.push(format!("column {} has no name and is passed over", index + 1));
            continue;
        }
        let mut name = given.to_owned();
        while !taken.insert(name.clone()) {
            let number = numbers.entry(given).or_insert(1);
            *number += 1;
            name = format!("{given}_{number}");
        }
        if name != given {
            notes.push(format!(
                "two columns have the same name {given:?}; column {} is called {name:?}",
                index + 1
            ));
        }
        let declared = in_brackets(given).map(str::to_owned).into_iter().collect();
        found.push(Column { index, name, unit: Unit::default(), declared });
    }
    found
}
