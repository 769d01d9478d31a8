//! What the columns of a table mean, by their names.

use afterglow_wire::Timestamp;

use super::super::shown;
use super::Options;

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

/// Columns that are no signals: what InfluxDB and ThingSpeak write beside them.
const NO_SIGNAL: &[&str] = &["result", "table", "_start", "_stop", "_measurement", "_field", "entry_id"];

/// A table's columns.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Header {
    names: Vec<String>,
    /// How many columns there are.
    pub(super) width: usize,
    /// The columns of the time, whose texts are joined.
    pub(super) time: Vec<usize>,
    /// What numbers in the column of the time count, in seconds; told by their magnitude when absent.
    pub(super) unit: Option<f64>,
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
        /// The unit behind the values, once one was seen.
        unit: Option<String>,
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
    /// The unit behind the values, once one was seen.
    pub(super) unit: Option<String>,
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
        let Some((time, unit)) = time(&lower, options, first)? else { return Ok(None) };
        let others = |index: &usize| !time.contains(index);
        let named = |wanted: &Option<String>, what: &str, known: &[&str]| match wanted {
            Some(name) => find(&lower, name).map(Some).ok_or_else(|| no_column(what, name, names)),
            None => Ok(known.iter().find_map(|name| find(&lower, name).filter(others))),
        };
        let value = named(&options.value, "value", VALUE)?;
        let signal = named(&options.signal, "signal", SIGNAL)?;
        let influx = find(&lower, "_field").filter(|_| options.signal.is_none());
        let mut notes = Vec::new();
        let kind = match (value, signal, influx) {
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
                Kind::Long { names, value, unit: None, own: false }
            }
            (Some(value), Some(signal), None) if value != signal => {
                let own = lower[signal].starts_with("signal") && lower[value] == "value";
                Kind::Long { names: vec![signal], value, unit: None, own }
            }
            _ => {
                let is_signal = |index: &usize| {
                    let name = &*lower[*index];
                    !(NO_SIGNAL.contains(&name) || campbell && name == "record")
                };
                let columns = (0..names.len()).filter(others).filter(is_signal);
                Kind::Wide(wide(names, columns, &mut notes))
            }
        };
        if matches!(&kind, Kind::Wide(columns) if columns.is_empty()) {
            return Ok(None);
        }
        let names = names.to_vec();
        Ok(Some(Self { width: names.len(), names, time, unit, kind, notes }))
    }

    /// Whether a row is this header once more.
    pub(super) fn is_again(&self, row: &[String]) -> bool {
        self.names == row
    }

    /// Whether a row directly after this header may be another one, and not its units or types: it has other columns, the
    /// same name for the time, or what was taken for this header has values.
    pub(super) fn may_be_followed_by(&self, row: &[String]) -> bool {
        let is_value = |name: &String| name.parse::<f64>().is_ok() || name.parse::<Timestamp>().is_ok();
        row.len() != self.width
            || self.time.iter().all(|index| row[*index] == self.names[*index])
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

/// The columns of the time, and what numbers there count.
#[expect(clippy::type_complexity, reason = "columns, and what they count")]
fn time(
    lower: &[String],
    options: &Options,
    first: bool,
) -> Result<Option<(Vec<usize>, Option<f64>)>, String> {
    if !options.time.is_empty() {
        let found: Option<Vec<_>> = options.time.iter().map(|name| find(lower, name)).collect();
        // It may be a title.
        return Ok(found.map(|columns| {
            let unit = columns.first().and_then(|first| without_unit(&lower[*first]).1);
            (columns, unit)
        }));
    }
    let date_and_time = find(lower, "date").zip(find(lower, "time"));
    for known in TIME {
        for (index, name) in lower.iter().enumerate() {
            let (bare, unit) = without_unit(name);
            if bare != *known {
                continue;
            }
            return Ok(Some(match date_and_time {
                Some((date, time)) if matches!(*known, "time" | "date") => (vec![date, time], None),
                _ => (vec![index], unit),
            }));
        }
    }
    // pandas leaves the index without a name.
    let are_names =
        |names: &[String]| names.iter().all(|name| !name.is_empty() && name.parse::<f64>().is_err());
    let nameless = first && lower.len() > 1 && lower[0].is_empty() && are_names(&lower[1..]);
    Ok(nameless.then(|| (vec![0], None)))
}

/// A column's name without the unit in brackets or behind `_`, and that unit in seconds.
fn without_unit(name: &str) -> (&str, Option<f64>) {
    let seconds = |unit: &str| match unit {
        "s" | "sec" | "seconds" => Some(1.0),
        "ms" | "milliseconds" => Some(1e-3),
        "us" | "µs" | "μs" | "microseconds" => Some(1e-6),
        "ns" | "nanoseconds" => Some(1e-9),
        _ => None,
    };
    for (open, close) in [('[', ']'), ('(', ')')] {
        if let Some((bare, unit)) = name.strip_suffix(close).and_then(|name| name.split_once(open)) {
            return (bare.trim_end(), seconds(unit.trim()));
        }
    }
    match name.rsplit_once('_') {
        Some((bare, unit)) if seconds(unit).is_some() => (bare, seconds(unit)),
        _ => (name, None),
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
    let mut taken: std::collections::HashSet<String> = std::collections::HashSet::new();
    for index in columns {
        let given = names[index].trim();
        if given.is_empty() {
            notes.push(format!("column {} has no name and is passed over", index + 1));
            continue;
        }
        let mut name = given.to_owned();
        let mut number = 2;
        while !taken.insert(name.clone()) {
            name = format!("{given}_{number}");
            number += 1;
        }
        if name != given {
            notes.push(format!(
                "two columns have the same name {given:?}; column {} is called {name:?}",
                index + 1
            ));
        }
        found.push(Column { index, name, unit: None });
    }
    found
}
