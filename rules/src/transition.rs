//! What comes out of an engine.

use std::sync::Arc;

use afterglow_wire::rule::Severity;
use serde::{Deserialize, Serialize};

use crate::state::{State, episode};

/// Something that happened to an alert: of one rule, in one scope.
#[derive(Clone, Debug, PartialEq)]
pub struct Transition {
    /// The rule's id.
    pub rule: Arc<str>,
    /// When the rule was made, in microseconds since 1970, as it was given to [`Engine::put`](crate::Engine::put).
    pub born: i64,
    /// The signal's name; for rules of several signals the prefix of their names, or `*` for all.
    pub scope: Arc<str>,
    /// When, in microseconds since 1970: the time of a sample, or at which a time in the rule has passed.
    pub at: i64,
    /// What.
    pub kind: Kind,
    /// Which of the rule's levels holds now, from 0; for what ends, the last that held.
    pub level: u8,
    /// How bad that is.
    pub severity: Severity,
    /// The value that it is about: the one that made it happen, or the last one when time did. Seconds for silence.
    pub value: f64,
    /// When the value went wrong.
    pub pending_at: i64,
    /// When the alert fired; `None` before it does.
    pub fired_at: Option<i64>,
    /// The worst value since it went wrong.
    pub peak: f64,
    /// The limits of the level where they are what is usual in the hour of the week.
    pub usual: Option<[f64; 2]>,
    /// It is due to samples that were not fresh: history, nobody is notified. Never with a rule that says `"late": "notify"`.
    pub late: bool,
}

/// What happened to an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The value is wrong, but not for long enough yet.
    Pending,
    /// It was right again before it fired.
    Cancelled,
    /// It has been wrong for long enough: an episode begins.
    Fired,
    /// An episode that began late still holds at a fresh sample: those who were not notified of its beginning are notified now.
    Confirmed,
    /// Another level holds than this one.
    Level(u8),
    /// The value is right, but not for long enough yet.
    Recovering,
    /// It is wrong again before the episode ended.
    Relapsed,
    /// The episode ended.
    Resolved(Reason),
}

/// Why an episode ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The value is right.
    Recovered,
    /// No sample came for as long as the rule says that an alert is kept.
    Forgotten,
    /// The rule was changed, and the value is right by the new one.
    Changed,
    /// The rule was disabled.
    Disabled,
    /// The rule was deleted.
    Deleted,
}

impl Transition {
    /// The id of the episode that it belongs to: rule, when that was made, scope, and when it fired. `None` before it fires.
    pub fn episode(&self) -> Option<String> {
        self.fired_at.map(|fired| episode(&self.rule, self.born, &self.scope, fired))
    }
}

/// A state that is not as it was when changes were last taken.
#[derive(Clone, Debug, PartialEq)]
pub struct Changed {
    /// The rule's id.
    pub rule: Arc<str>,
    /// The scope's name.
    pub scope: Arc<str>,
    /// The state; `None` when nothing is wrong.
    pub state: Option<State>,
}

/// What an engine has seen, since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Samples of signals that a rule selects.
    pub evaluated: u64,
    /// Those that were earlier than their signal's newest.
    pub late: u64,
    /// Values that could not be compared: another signal's was not known or too old, or there was none.
    pub no_verdict: u64,
    /// Alerts that were not begun because there were too many.
    pub refused: u64,
    /// Windows that were not begun because there were too many.
    pub refused_windows: u64,
}
