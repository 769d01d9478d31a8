//! Silences: which alerts nobody is notified of, and when.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::channel::Takes;
use crate::document::{self, Document};
use crate::invalid::{self, Invalid};
use crate::limits::{PROSE_BYTES, SILENCE_WINDOWS, SILENCES, TITLE_BYTES};
use crate::rule::Severity;
use crate::{Timestamp, slug};

/// Alerts that nobody is notified of for a while. They are in the history all the same.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Silence {
    /// Its name: lower-case letters, digits and hyphens. Made from the title when a new silence brings none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub id: String,
    /// Counts its changes, from 1. A change must bring the version that it replaces.
    #[serde(default)]
    pub version: i32,
    /// What people call it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub title: String,
    /// Names of rules, or patterns.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<String>,
    /// Names of signals, or patterns.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub signals: Vec<String>,
    /// Severities.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub severities: Vec<Severity>,
    /// Labels that a rule must have.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// When it begins; at once when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(schema_with = crate::schema::instant))]
    pub from: Option<Timestamp>,
    /// When it ends; needed unless there are `windows`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(schema_with = crate::schema::instant))]
    pub to: Option<Timestamp>,
    /// When it holds in a week, between `from` and `to`; always when there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub windows: Vec<Window>,
    /// Who made it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub by: String,
    /// Why.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
}

/// Hours of some days of the week, on the wall clock of a place. An hour that the clock shows twice is silent twice, one that it
/// leaves out not at all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// The days on which it begins: `mon` to `sun`; every day when there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub days: Vec<Day>,
    /// When it begins: `22:00`.
    pub from: String,
    /// When it ends, on the next day when that is not later than `from`: `06:00`.
    pub to: String,
    /// The zone, as in `Europe/Berlin`.
    pub zone: String,
}

/// A day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "their names say it")]
pub enum Day {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
}

impl Silence {
    /// Which alerts it is about.
    pub fn matcher(&self) -> Takes {
        Takes {
            severities: self.severities.clone(),
            rules: self.rules.clone(),
            signals: self.signals.clone(),
            labels: self.labels.clone(),
        }
    }
}

impl Window {
    /// When it begins and ends, in minutes of a day.
    ///
    /// # Errors
    /// Names the field that is not such a time.
    pub fn minutes(&self) -> Result<(u16, u16), Invalid> {
        Ok((minute("from", &self.from)?, minute("to", &self.to)?))
    }
}

fn minute(field: &str, text: &str) -> Result<u16, Invalid> {
    let number = |text: &str, below: u16| {
        let digits = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse::<u16>().ok().filter(|number| digits && *number < below)
    };
    let parsed =
        text.split_once(':').and_then(|(hour, minute)| Some(60 * number(hour, 24)? + number(minute, 60)?));
    parsed.ok_or_else(|| Invalid::new(field, "a time from 00:00 to 23:59 is expected"))
}

impl Document for Silence {
    const KIND: &'static str = "silence";
    const LIST: &'static str = "/api/silences";
    const MOST: usize = SILENCES;

    document::named!();

    fn check(&self) -> Result<(), Invalid> {
        slug::check_new("id", &self.id)?;
        invalid::line("title", &self.title, TITLE_BYTES)?;
        invalid::line("by", &self.by, TITLE_BYTES)?;
        invalid::prose("note", &self.note, PROSE_BYTES)?;
        self.matcher().check()?;
        if self.rules.is_empty()
            && self.signals.is_empty()
            && self.severities.is_empty()
            && self.labels.is_empty()
        {
            let message =
                "rules, signals, severities or labels must say which alerts are meant; \"*\" stands for all";
            return Err(Invalid::new("rules", message));
        }
        if self.to.is_none() && self.windows.is_empty() {
            return Err(Invalid::new("to", "a silence ends; a time is expected, or windows of the week"));
        }
        if let (Some(from), Some(to)) = (self.from, self.to)
            && to <= from
        {
            return Err(Invalid::new("to", "it is not later than from"));
        }
        invalid::count("windows", self.windows.len(), SILENCE_WINDOWS)?;
        for (index, window) in self.windows.iter().enumerate() {
            let within = |invalid: Invalid| invalid.within(format!("windows[{index}]"));
            let (from, to) = window.minutes().map_err(within)?;
            if from == to {
                return Err(within(Invalid::new("to", "it is the same as from; another time is expected")));
            }
            invalid::filled_line("zone", &window.zone, TITLE_BYTES).map_err(within)?;
            invalid::count("days", window.days.len(), 7).map_err(within)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_name_their_field() {
        for (text, field) in [
            (r#"{"to":"2027-01-01T00:00:00Z"}"#, "rules"),
            (r#"{"rules":["a"]}"#, "to"),
            (r#"{"rules":["a"],"from":"2027-01-02T00:00:00Z","to":"2027-01-01T00:00:00Z"}"#, "to"),
            (r#"{"rules":["a"],"windows":[{"from":"24:00","to":"06:00","zone":"UTC"}]}"#, "windows[0].from"),
            (r#"{"rules":["a"],"windows":[{"from":"6:00","to":"06:00","zone":"UTC"}]}"#, "windows[0].from"),
            (r#"{"rules":["a"],"windows":[{"from":"06:00","to":"06:00","zone":"UTC"}]}"#, "windows[0].to"),
            (r#"{"rules":["a"],"windows":[{"from":"06:00","to":"07:00","zone":""}]}"#, "windows[0].zone"),
        ] {
            let silence: Silence = serde_json::from_str(text).unwrap();
            assert_eq!(silence.check().unwrap_err().field, field, "{text}");
        }
    }
}
