//! Settings, each declared once: as a clap argument with its environment variable, its default as a value and its range.
//!
//! A configuration file comes between the environment and the defaults. [`Section::settings`](crate::Section::settings)
//! takes its values, checked by the arguments' own parsers, and [`Values::into_defaults`] makes them the defaults of the
//! command line, so that the first that is given wins: argument, environment variable, file, default.

use std::collections::BTreeMap;
use std::error::Error as _;
use std::fmt::{self, Display};
use std::num::ParseIntError;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use clap::error::{ContextKind, ContextValue};
use clap::{Arg, Command};

/// How alike two names must be, 0 to 1, for one to be proposed for the other; clap proposes from 0.7 on.
const ALIKE: f64 = 0.8;

/// What a file gives, by the arguments' ids.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Values(BTreeMap<String, Vec<String>>);

impl Values {
    /// Gives one setting a value.
    pub fn set(&mut self, key: &str, texts: Vec<String>) {
        self.0.insert(key.to_owned(), texts);
    }

    /// The text of a setting that the file gives.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.first().map(String::as_str)
    }

    /// `command`, in which these values are the defaults of the arguments with their ids.
    pub fn into_defaults(self, command: Command) -> Command {
        let set = |arg: Arg| match self.0.get(arg.get_id().as_str()) {
            Some(texts) => arg.default_values(texts.clone()),
            None => arg,
        };
        command.mut_args(set).mut_subcommands(|command| command.mut_args(set))
    }
}

/// Has `arg` parse `texts`; the error says what it takes.
pub(crate) fn check(arg: &Arg, texts: &[String]) -> Result<(), String> {
    let long = arg.get_long().unwrap_or_default();
    let command = Command::new("settings").no_binary_name(true).arg(arg.clone());
    match command.try_get_matches_from(texts.iter().map(|text| format!("--{long}={text}"))) {
        Ok(_) => Ok(()),
        Err(error) => Err(match (error.source(), error.get(ContextKind::ValidValue)) {
            (Some(allowed), _) => allowed.to_string(),
            (None, Some(ContextValue::Strings(valid))) if !valid.is_empty() => valid.join(" or "),
            _ => allowed(arg),
        }),
    }
}

/// What `arg` takes, by its name in the help.
pub(crate) fn allowed(arg: &Arg) -> String {
    let names = arg.get_value_names().unwrap_or_default();
    names.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

/// The known name that is most like `name`, if one is.
pub(crate) fn nearest<'a>(name: &str, known: &'a [String]) -> Option<&'a str> {
    let alike = |known: &&String| strsim::jaro_winkler(name, known);
    known
        .iter()
        .filter(|known| alike(known) >= ALIKE)
        .max_by(|a, b| alike(a).total_cmp(&alike(b)))
        .map(String::as_str)
}

/// A value parser: whole numbers, seconds or milliseconds within `range`. Its error says what is allowed.
pub fn within<T>(
    range: RangeInclusive<T>,
) -> impl Fn(&str) -> Result<T, String> + Clone + Send + Sync + 'static
where
    T: FromStr + PartialOrd + Display + Clone + Send + Sync + 'static,
{
    move |text| {
        text.parse()
            .ok()
            .filter(|value| range.contains(value))
            .ok_or_else(|| format!("a whole number from {} to {}", range.start(), range.end()))
    }
}

/// A whole number of seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seconds(pub u64);

/// A whole number of milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Millis(pub u64);

impl Seconds {
    /// That long.
    pub const fn duration(self) -> Duration {
        Duration::from_secs(self.0)
    }
}

impl Millis {
    /// That long.
    pub const fn duration(self) -> Duration {
        Duration::from_millis(self.0)
    }
}

impl Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Seconds {
    type Err = ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

impl FromStr for Millis {
    type Err = ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

#[cfg(test)]
mod tests;
