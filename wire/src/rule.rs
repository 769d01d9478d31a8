//! Rules: what is wrong, for how long, and who is notified. Saved on the server, written as JSON.
//!
//! A rule is *which* signals × a *value* computed of their samples × a *comparison* with the limits of its levels × *how long*
//! it must be so. Every kind of rule (a threshold, a dead device, a stuck sensor) is a choice of these. What the fields mean for
//! samples is the crate `afterglow-rules`.

mod check;
mod value;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use value::{Of, Per, Value};

/// What is to be noticed, and who is notified.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Its address: lower-case letters, digits and hyphens. Made from the title when a new rule brings none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub id: String,
    /// Counts its changes, from 1. A change must bring the version that it replaces.
    #[serde(default)]
    pub version: i32,
    /// What people call it.
    #[serde(default)]
    pub title: String,
    /// Whether it is evaluated.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// Names of signals, or patterns in which `*` stands for any characters; at least one.
    #[serde(default)]
    pub signals: Vec<String>,
    /// Names and patterns of signals that are left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub except: Vec<String>,
    /// What has an alert of its own.
    #[serde(default, skip_serializing_if = "is_default")]
    pub each: Each,
    /// What is computed of the samples.
    #[serde(default, skip_serializing_if = "is_default")]
    pub value: Value,
    /// Another signal that the value is compared with: the limits are of the difference, or of the ratio.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub against: Option<Against>,
    /// On which side of the limits the value is wrong.
    pub is: Is,
    /// The limits, from the least severe to the most: 1 to 3.
    pub levels: Vec<Level>,
    /// Seconds for which the value must be wrong without a break before the alert fires; up to 31 days.
    #[serde(default, rename = "for", skip_serializing_if = "is_default")]
    pub for_seconds: u32,
    /// Seconds for which the value must be right again before the alert is resolved; up to 31 days.
    #[serde(default, skip_serializing_if = "is_default")]
    pub keep: u32,
    /// What must hold as well: at most 2.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub and: Vec<And>,
    /// While one of these rules fires or is pending, nobody is notified of this one: at most 10.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unless: Vec<Unless>,
    /// The sentence that people get, with placeholders such as `{name}` and `{value}`; a usual one when empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub text: String,
    /// Where it is written what to do: an address of http or https.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub link: String,
    /// Constants by which alerts are sorted and sent on; at most 20.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// The channels that are told; found by what the channels take when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub to: Vec<String>,
    /// Who else is notified while nobody acknowledges the alert: at most 5, each later than the one before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub escalate: Vec<Escalation>,
    /// Seconds after which an alert that still fires is sent again, from 60 to 31 days; never when 0.
    #[serde(default, skip_serializing_if = "is_default")]
    pub repeat: u32,
    /// Seconds between two fires of one alert that are told; doubles while it comes and goes. Up to a day.
    #[serde(default = "usual_interval", skip_serializing_if = "is_usual_interval")]
    pub min_interval: u32,
    /// How old a sample may be when it arrives, in seconds, to speak for the present: 1 to 31 days.
    #[serde(default = "usual_fresh", skip_serializing_if = "is_usual_fresh")]
    pub fresh: u32,
    /// What becomes of alerts that begin or end by samples which are not fresh.
    #[serde(default, skip_serializing_if = "is_default")]
    pub late: Late,
    /// Seconds without a sample after which an alert that fires is given up; 7 days unless it says otherwise, up to a year.
    /// Alerts of silence are not.
    #[serde(default = "usual_forget", skip_serializing_if = "is_usual_forget")]
    pub forget: u32,
}

/// Who else is notified of an alert that nobody has acknowledged.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Escalation {
    /// Seconds from the first notification of the alert; up to 31 days.
    pub after: u32,
    /// The channels that are notified; at least one.
    pub to: Vec<String>,
}

/// What has an alert of its own: its *scope*.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Each {
    /// Each signal.
    #[default]
    Signal,
    /// All signals whose names begin with the same 1 to 8 segments; `.` and `/` end a segment. Only for silence.
    Prefix(u8),
    /// All signals together. Only for silence.
    All,
}

/// On which side of a limit a value is wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Is {
    /// Higher than `limit`.
    #[default]
    Above,
    /// Lower than `limit`.
    Below,
    /// Higher than `limit` and lower than `upper`.
    Inside,
    /// Lower than `limit` or higher than `upper`.
    Outside,
}

impl Is {
    /// Whether a value is wrong by these limits. One that equals a limit is not.
    pub fn holds(self, value: f64, limit: f64, upper: f64) -> bool {
        match self {
            Self::Above => value > limit,
            Self::Below => value < limit,
            Self::Inside => limit < value && value < upper,
            Self::Outside => value < limit || upper < value,
        }
    }
}

/// How bad it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Somebody should look at it.
    #[default]
    Warning,
    /// Somebody must look at it now.
    Critical,
}

impl Severity {
    /// As it is written.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

/// A limit and how bad it is to be beyond it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Level {
    /// How bad it is; each level is worse than the one before.
    #[serde(default)]
    pub severity: Severity,
    /// The limit; the lower one for `inside` and `outside`.
    pub limit: Limit,
    /// The upper limit, for `inside` and `outside` only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upper: Option<f64>,
    /// The value at which it is over, on the right side of the limit; for `inside` and `outside` how far beyond a limit the
    /// value must be; for what is usual how many deviations from the middle. The limit itself when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recover: Option<f64>,
    /// How many deviations from the middle of what is usual the limit lies, for `"limit": "usual"` only: 1 to 100, 5 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub k: Option<f64>,
}

impl Level {
    /// How many deviations from the middle of what is usual the limit lies.
    pub fn deviations(&self) -> f64 {
        self.k.unwrap_or(5.0)
    }
}

/// A limit: a number, or a word for one that is found from the samples.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(untagged, expecting = "a number, \"learned\" or \"usual\" is expected")]
pub enum Limit {
    /// This number.
    Number(f64),
    /// Found from the samples.
    Found(Found),
}

/// A limit that is found from the samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Found {
    /// For silence: five times as long as between most of a signal's samples, at least 10 seconds, once 16 intervals are known; or
    /// three times the period that its metadata expects.
    Learned,
    /// `k` usual deviations from the middle of what the signal had in the same hour of the week, in the four weeks before. Not known before
    /// two of these weeks have samples in that hour.
    Usual,
}

impl Default for Limit {
    fn default() -> Self {
        Self::Number(0.0)
    }
}

impl Limit {
    /// The number; `None` when it is found from the samples.
    pub const fn number(self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(number),
            Self::Found(_) => None,
        }
    }
}

/// Another signal whose last value is subtracted from the rule's value, or divides it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Against {
    /// The other signal: one name, or one pattern in which each `*` stands for what it stands for in the rule's own pattern.
    pub signals: String,
    /// What is computed of the two.
    #[serde(rename = "as")]
    pub operation: Operation,
    /// How old its last value may be, in seconds: 1 to 31 days. With an older one, or none, the value is not known.
    #[serde(default = "usual_within", skip_serializing_if = "is_usual_within")]
    pub within: u32,
}

/// What is computed of a rule's value and another signal's last value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// The value less the other.
    Difference,
    /// The value divided by the other; not known while the other is 0.
    Ratio,
}

impl Operation {
    /// The result; `None` where it is not a finite number.
    pub fn of(self, value: f64, other: f64) -> Option<f64> {
        let result = match self {
            Self::Difference => value - other,
            Self::Ratio => value / other,
        };
        Some(result).filter(|result| result.is_finite())
    }
}

/// What must hold as well at the instant of a sample.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct And {
    /// The other signal: one name, or one pattern in which each `*` stands for what it stands for in the rule's own pattern. The
    /// rule's own signal when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub signals: Vec<String>,
    /// On which side of the limit its last value must be.
    pub is: Is,
    /// The limit; the lower one for `inside` and `outside`.
    pub limit: f64,
    /// The upper limit, for `inside` and `outside` only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upper: Option<f64>,
    /// How old its last value may be, in seconds: 1 to 31 days. With an older one, or none, it is unknown whether it holds.
    #[serde(default = "usual_within", skip_serializing_if = "is_usual_within")]
    pub within: u32,
}

/// A rule that explains this one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Unless {
    /// Its id.
    pub rule: String,
    /// Where it must fire.
    pub same: Same,
}

/// Where another rule must fire to explain this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Same {
    /// Where `*` stands for the same in both rules' patterns.
    #[serde(rename = "*")]
    Capture,
    /// Anywhere.
    Anywhere,
}

/// What becomes of alerts that begin or end by samples which are not fresh.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Late {
    /// They are in the history; what still holds at the next fresh sample is sent then.
    #[default]
    History,
    /// They are told.
    Notify,
}

impl Rule {
    /// A rule that says only what a request must say, and nothing of that: everything else is as where a request leaves it out, which
    /// [`Default`] is not.
    pub fn with_defaults() -> Self {
        serde_json::from_value(serde_json::json!({ "is": "above", "levels": [] })).unwrap_or_default()
    }

    /// Whether a signal's own values are compared with the limits, and not durations, numbers of samples or differences.
    pub fn compares_values(&self) -> bool {
        let is_value =
            matches!(self.value.of, Of::Last | Of::Mean | Of::Min | Of::Max | Of::First | Of::Percentile(_));
        is_value && self.each == Each::Signal && self.against.is_none()
    }

    /// Whether its limits are what is usual in the hour of the week.
    pub fn is_usual(&self) -> bool {
        self.levels.iter().any(|level| level.limit == Limit::Found(Found::Usual))
    }

    /// Whether both find the same in the same samples: they differ in nothing but what people read, whom it is sent to and how often.
    pub fn evaluates_as(&self, other: &Self) -> bool {
        self.enabled == other.enabled
            && self.signals == other.signals
            && self.except == other.except
            && self.each == other.each
            && self.value == other.value
            && self.against == other.against
            && self.is == other.is
            && self.levels == other.levels
            && self.for_seconds == other.for_seconds
            && self.keep == other.keep
            && self.and == other.and
            && self.fresh == other.fresh
            && self.forget == other.forget
    }
}

fn yes() -> bool {
    true
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

fn usual_interval() -> u32 {
    300
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn is_usual_interval(seconds: &u32) -> bool {
    *seconds == usual_interval()
}

fn usual_fresh() -> u32 {
    600
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn is_usual_fresh(seconds: &u32) -> bool {
    *seconds == usual_fresh()
}

fn usual_within() -> u32 {
    300
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn is_usual_within(seconds: &u32) -> bool {
    *seconds == usual_within()
}

fn usual_forget() -> u32 {
    7 * 86_400
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn is_usual_forget(seconds: &u32) -> bool {
    *seconds == usual_forget()
}

#[cfg(test)]
mod tests;
