//! One line of text as samples: `name=value name=value`, with blanks, commas or semicolons between; `name: value`, as serial
//! plotters take it; InfluxDB's line protocol; or a JSON object. A line that was cut in the wrong place is refused whole.

mod influx;
mod object;
mod pairs;

use std::collections::BTreeMap;

use afterglow_formats::series::{Series, Tags};
use afterglow_formats::{Verdict, number, time_name};
use afterglow_wire::telemetry::Reading;
use afterglow_wire::{Timestamp, name};

/// The word that gives the line's own timestamp instead of a sample.
const TIMESTAMP: &str = "timestamp";

/// What a line says: its usable samples, and what is wrong with the others.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Line {
    /// The line's own timestamp.
    pub timestamp: Option<Timestamp>,
    /// Name to value, finite.
    pub signals: BTreeMap<String, f64>,
    /// What could not be used and why.
    pub problems: Vec<Problem>,
}

/// What of a line cannot be used, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The signal whose value it is; none when it is the line.
    pub signal: Option<String>,
    /// What is wrong.
    pub message: String,
}

/// Reads the lines of one source.
#[derive(Debug)]
pub struct Reader {
    prefix: String,
    tags: Tags,
    /// What the names are made of.
    series: Series,
}

impl Reader {
    /// Names get `prefix`, and those of line protocol have `tags` in them.
    pub fn new(prefix: String, tags: Tags) -> Self {
        Self { prefix, tags, series: Series::default() }
    }

    /// Reads a line that arrived at `now`; an empty one, or one that starts with `#`, says nothing.
    pub fn read(&mut self, text: &str, now: Timestamp) -> Line {
        let text = text.trim_start_matches('\u{feff}').trim();
        let mut line = Line::default();
        let read = match text.chars().next() {
            None | Some('#') => Ok(()),
            Some('{') => line.object(text, &self.prefix, now),
            Some(_) => match influx::read(text, self.tags) {
                Some(point) => line.point(&point, &self.prefix, &mut self.series),
                None => line.pairs(text, &self.prefix, now),
            },
        };
        if let Err(message) = read {
            // Nothing of it is used: what seems right may stand in the wrong place.
            line.signals.clear();
            line.problems = vec![Problem { signal: None, message }];
        }
        line
    }
}

impl Line {
    /// Its samples as a reading, at `now` unless it has its own time; none when nothing is usable.
    pub fn reading(self, now: Timestamp) -> Option<Reading> {
        let timestamp = Some(self.timestamp.unwrap_or(now));
        (!self.signals.is_empty()).then_some(Reading { timestamp, signals: self.signals })
    }

    /// Adds a sample, or the problem with it.
    fn put(&mut self, prefix: &str, signal: &str, value: Result<f64, Verdict>) {
        let name = format!("{prefix}{signal}");
        let checked = name::check(&name).and(value.map_err(|(_, message)| message));
        let problem = match checked {
            Ok(value) => match self.signals.insert(name, value) {
                None => return,
                Some(_) => "it stands twice in the line; the last value counts".to_owned(),
            },
            Err(problem) => problem,
        };
        let message = format!("{}: {problem}", short(signal));
        self.problems.push(Problem { signal: Some(signal.to_owned()), message });
    }

    /// Takes the line's own timestamp.
    fn stamp(&mut self, text: &str) -> Result<(), String> {
        let stamp = text.parse().map_err(|problem| format!("{TIMESTAMP}: {problem}"))?;
        match self.timestamp.replace(stamp) {
            None => Ok(()),
            Some(_) => Err(format!("{TIMESTAMP} stands twice in the line")),
        }
    }

    fn point(&mut self, point: &influx::Point, prefix: &str, names: &mut Series) -> Result<(), String> {
        for influx::Field { name, series, value } in &point.fields {
            let value = names.claim(name, series).and_then(|()| influx::value(value));
            self.put(prefix, name, value);
        }
        point.timestamp.as_deref().map_or(Ok(()), |stamp| self.stamp(stamp))
    }

    fn pairs(&mut self, text: &str, prefix: &str, now: Timestamp) -> Result<(), String> {
        let mut misplaced = Ok(());
        for item in pairs::read(text)? {
            match item {
                pairs::Item::Bare(word) => {
                    let message = format!("{}: not name=value", short(&word));
                    self.problems.push(Problem { signal: None, message });
                }
                pairs::Item::Pair(TIMESTAMP, value) => self.stamp(&value)?,
                pairs::Item::Pair(name, value) => {
                    misplaced = misplaced.and_then(|()| check_time(name, &value, now));
                    self.put(prefix, name, number::read(&value));
                }
            }
        }
        // A line that has its own time has no other.
        if self.timestamp.is_some() { Ok(()) } else { misplaced }
    }
}

/// Refuses a value that is the line's time under another name: its samples would get the wrong time.
fn check_time(name: &str, value: &str, now: Timestamp) -> Result<(), String> {
    if time_name::is_misplaced(name, value, now) {
        return Err(format!("{}: the line's own time must be called {TIMESTAMP}", short(name)));
    }
    Ok(())
}

/// The start of a text, for messages.
fn short(text: &str) -> String {
    format!("{:?}", text.chars().take(40).collect::<String>())
}

#[cfg(test)]
mod tests;
