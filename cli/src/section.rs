//! Reads one table of a configuration file, key by key, each with its range and its default.

use std::fmt;
use std::ops::RangeInclusive;
use std::path::Path;
use std::time::Duration;

use clap::{Args, Command};
use toml::{Table, Value};

use crate::settings::{self, Values};

/// What is wrong in a configuration file: where, which key, what it says, what is allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// The file, then the place in it, then the problem; one line, except where the file's syntax is wrong.
    message: String,
}

impl ConfigError {
    /// An error with this message.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into() }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ConfigError {}

/// A table being read. Every key that is asked for becomes a known one; [`Self::finish`] refuses the others.
#[derive(Debug)]
pub struct Section {
    /// The file and the table's place in it, as messages name it.
    place: String,
    table: Table,
    known: Vec<String>,
    /// Keys of the tables below, and the table of each.
    below: Vec<(String, &'static str)>,
}

impl Section {
    /// Reads the file at `path`.
    ///
    /// # Errors
    /// When the file cannot be read or is not TOML.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let file = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|error| ConfigError::new(format!("{file}: the file cannot be read: {error}")))?;
        Self::parse(&text, file)
    }

    /// Reads `text`; messages call it `file`.
    ///
    /// # Errors
    /// When the text is not TOML.
    pub fn parse(text: &str, file: String) -> Result<Self, ConfigError> {
        match text.parse() {
            Ok(table) => Ok(Self::at(file, table)),
            Err(error) => Err(ConfigError::new(format!("{file}: {}", format!("{error}").trim_end()))),
        }
    }

    const fn at(place: String, table: Table) -> Self {
        Self { place, table, known: Vec::new(), below: Vec::new() }
    }

    /// Takes what `S` declares from the table `[name]`, or from this table when `name` is empty; the texts that
    /// the arguments accept go into `values`.
    ///
    /// # Errors
    /// When a value is not allowed or the table has another key.
    pub fn settings<S: Args>(&mut self, name: &'static str, values: &mut Values) -> Result<(), ConfigError> {
        let declared = S::augment_args(Command::new("settings"));
        if name.is_empty() {
            return self.take_settings(&declared, values);
        }
        self.below.extend(declared.get_arguments().map(|arg| (arg.get_id().to_string(), name)));
        let mut section = self.section(name)?;
        section.take_settings(&declared, values)?;
        section.finish()
    }

    fn take_settings(&mut self, declared: &Command, values: &mut Values) -> Result<(), ConfigError> {
        for arg in declared.get_arguments() {
            let key = arg.get_id().as_str();
            let Some(value) = self.take(key) else { continue };
            let texts =
                texts(&value).ok_or_else(|| self.wrong(key, &value, settings::allowed(arg).as_str()))?;
            settings::check(arg, &texts).map_err(|allowed| self.wrong(key, &value, &allowed))?;
            values.set(key, texts);
        }
        Ok(())
    }

    /// The table `[key]`, empty when it is not there.
    ///
    /// # Errors
    /// When it is something else.
    pub fn section(&mut self, key: &'static str) -> Result<Self, ConfigError> {
        let place = format!("{}: [{key}]", self.place);
        match self.take(key) {
            None => Ok(Self::at(place, Table::new())),
            Some(Value::Table(table)) => Ok(Self::at(place, table)),
            Some(other) => Err(self.wrong(key, &other, &format!("a table [{key}]"))),
        }
    }

    /// The tables `[[key]]`, in their order.
    ///
    /// # Errors
    /// When it is something else.
    pub fn sections(&mut self, key: &'static str) -> Result<Vec<Self>, ConfigError> {
        let allowed = format!("tables [[{key}]]");
        let values = match self.take(key) {
            None => return Ok(Vec::new()),
            Some(Value::Array(values)) => values,
            Some(other) => return Err(self.wrong(key, &other, &allowed)),
        };
        let place = |index| format!("{}: [[{key}]] number {}", self.place, index + 1);
        let section = |(index, value)| match value {
            Value::Table(table) => Ok(Self::at(place(index), table)),
            other => Err(self.wrong(key, &other, &allowed)),
        };
        values.into_iter().enumerate().map(section).collect()
    }

    /// A text that is not empty, if the key is there.
    ///
    /// # Errors
    /// When it is something else.
    pub fn text(&mut self, key: &'static str) -> Result<Option<String>, ConfigError> {
        match self.take(key) {
            None => Ok(None),
            Some(Value::String(text)) if !text.is_empty() => Ok(Some(text)),
            Some(other) => Err(self.wrong(key, &other, "a text that is not empty")),
        }
    }

    /// A text that must be there.
    ///
    /// # Errors
    /// When it is missing or something else.
    pub fn required(&mut self, key: &'static str, allowed: &str) -> Result<String, ConfigError> {
        self.text(key)?.ok_or_else(|| self.error(&format!("`{key}` is missing; it takes {allowed}")))
    }

    /// A text that `parse` understands; the error of `parse` says what is allowed.
    ///
    /// # Errors
    /// When it is something else.
    pub fn parsed<T>(
        &mut self,
        key: &'static str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Result<Option<T>, ConfigError> {
        // A TOML date stands for its text.
        if let Some(Value::Datetime(date)) = self.table.get(key) {
            self.table.insert(key.to_owned(), Value::String(date.to_string()));
        }
        let Some(text) = self.text(key)? else { return Ok(None) };
        parse(&text).map(Some).map_err(|allowed| self.wrong(key, &Value::String(text), &allowed))
    }

    /// An array of texts that is not empty, if the key is there.
    ///
    /// # Errors
    /// When it is something else.
    pub fn texts(&mut self, key: &'static str) -> Result<Option<Vec<String>>, ConfigError> {
        const ALLOWED: &str = "an array of at least one text, such as [\"program\", \"argument\"]";
        let Some(value) = self.take(key) else { return Ok(None) };
        let texts: Option<Vec<String>> = value
            .as_array()
            .filter(|values| !values.is_empty())
            .and_then(|values| values.iter().map(|v| v.as_str().map(str::to_owned)).collect());
        texts.map(Some).ok_or_else(|| self.wrong(key, &value, ALLOWED))
    }

    /// The texts of a table by their keys, in the order of the alphabet; none when it is not there.
    ///
    /// # Errors
    /// When it is something else.
    pub fn pairs(&mut self, key: &'static str, allowed: &str) -> Result<Vec<(String, String)>, ConfigError> {
        let Some(value) = self.take(key) else { return Ok(Vec::new()) };
        let pairs: Option<Vec<_>> = value.as_table().and_then(|table| {
            table.iter().map(|(key, text)| Some((key.clone(), text.as_str()?.to_owned()))).collect()
        });
        pairs.ok_or_else(|| self.wrong(key, &value, allowed))
    }

    /// Whether a flag is set; it is not when the key is missing.
    ///
    /// # Errors
    /// When it is neither true nor false.
    pub fn flag(&mut self, key: &'static str) -> Result<bool, ConfigError> {
        match self.take(key) {
            None => Ok(false),
            Some(Value::Boolean(flag)) => Ok(flag),
            Some(other) => Err(self.wrong(key, &other, "true or false")),
        }
    }

    /// A whole number in `range`; `default` when it is not there.
    ///
    /// # Errors
    /// When it is something else.
    pub fn whole(
        &mut self,
        key: &'static str,
        range: RangeInclusive<u64>,
        default: u64,
    ) -> Result<u64, ConfigError> {
        let Some(value) = self.take(key) else { return Ok(default) };
        let whole = value.as_integer().and_then(|integer| u64::try_from(integer).ok());
        whole.filter(|whole| range.contains(whole)).ok_or_else(|| {
            let allowed = format!("a whole number from {} to {}", range.start(), range.end());
            self.wrong(key, &value, &allowed)
        })
    }

    /// A whole number of milliseconds in `range`.
    ///
    /// # Errors
    /// When it is something else.
    pub fn millis(
        &mut self,
        key: &'static str,
        range: RangeInclusive<u64>,
        default: u64,
    ) -> Result<Duration, ConfigError> {
        self.whole(key, range, default).map(Duration::from_millis)
    }

    /// A number in `range`.
    ///
    /// # Errors
    /// When it is something else.
    pub fn number(
        &mut self,
        key: &'static str,
        range: RangeInclusive<f64>,
        default: f64,
    ) -> Result<f64, ConfigError> {
        let Some(value) = self.take(key) else { return Ok(default) };
        // A whole number beyond 2^53 is rounded, as in JSON.
        let number = value.as_float().or_else(|| value.as_integer().map(|integer| integer as f64));
        number.filter(|number| range.contains(number)).ok_or_else(|| {
            let allowed = format!("a number from {} to {}", range.start(), range.end());
            self.wrong(key, &value, &allowed)
        })
    }

    /// Refuses keys that were not asked for.
    ///
    /// # Errors
    /// Names the first such key, where it belongs or the nearest known one, and all that are known.
    pub fn finish(self) -> Result<(), ConfigError> {
        let Some(key) = self.table.keys().next() else { return Ok(()) };
        if let Some((_, table)) = self.below.iter().find(|(below, _)| below == key) {
            return Err(self.error(&format!("`{key}` belongs in the table [{table}]")));
        }
        let nearest = settings::nearest(key, &self.known);
        let hint = nearest.map_or_else(String::new, |known| format!("did you mean `{known}`? "));
        Err(self.error(&format!("`{key}` is not a key here; {hint}allowed are {}", self.known.join(", "))))
    }

    /// An error at this place.
    pub fn error(&self, problem: &str) -> ConfigError {
        ConfigError::new(format!("{}: {problem}", self.place))
    }

    /// Names the table by what it describes from now on.
    pub fn rename(&mut self, name: &str) {
        let table = self.place.rsplit_once(" number ").map_or(&*self.place, |(table, _)| table);
        self.place = format!("{table} {name:?}");
    }

    fn take(&mut self, key: &str) -> Option<Value> {
        self.known.push(key.to_owned());
        self.table.remove(key)
    }

    fn wrong(&self, key: &str, value: &Value, allowed: &str) -> ConfigError {
        self.error(&format!("`{key} = {}` is not allowed; it takes {allowed}", shown(value)))
    }
}

/// A value as arguments give it; none for a table.
fn texts(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::String(text) => Some(vec![text.clone()]),
        Value::Array(values) => values.iter().map(|value| Some(texts(value)?.join(" "))).collect(),
        Value::Table(_) => None,
        other => Some(vec![shown(other)]),
    }
}

/// A value as the file says it, tables and arrays cut short.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => format!("{text:?}"),
        Value::Integer(integer) => integer.to_string(),
        Value::Float(float) => float.to_string(),
        Value::Boolean(flag) => flag.to_string(),
        Value::Datetime(date) => date.to_string(),
        Value::Array(values) if values.is_empty() => "[]".to_owned(),
        Value::Array(_) => "[...]".to_owned(),
        Value::Table(_) => "{...}".to_owned(),
    }
}
