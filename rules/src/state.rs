//! The state of one alert.

use serde::{Deserialize, Serialize};

/// Where an alert is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Wrong, but not for long enough yet.
    Pending,
    /// Wrong for long enough.
    Firing,
    /// Right, but not for long enough yet.
    Recovering,
}

/// The state of an alert that is not fine. One that is has none.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// Where it is.
    pub phase: Phase,
    /// Which of the rule's levels holds, from 0.
    pub level: u8,
    /// When the value went wrong, in microseconds since 1970.
    pub pending_at: i64,
    /// When it fired.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fired_at: Option<i64>,
    /// Since when it recovers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovering_at: Option<i64>,
    /// The time of the last sample that was judged.
    pub newest: i64,
    /// The value at it.
    pub value: f64,
    /// The worst value since it went wrong.
    pub peak: f64,
    /// The limits of its level when it was judged last, where they are what is usual.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usual: Option<[f64; 2]>,
    /// How much later than its time a sample came, in microseconds.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub lag: i64,
    /// The last sample was not fresh.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stale: bool,
    /// Nobody was notified of the episode, because it began late.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unnotified: bool,
}

impl State {
    /// The id of its episode, of a rule made at `born`; `None` before it fires.
    pub fn episode(&self, rule: &str, born: i64, scope: &str) -> Option<String> {
        self.fired_at.map(|fired| episode(rule, born, scope, fired))
    }
}

/// The id of an episode, a function of the data alone.
pub(crate) fn episode(rule: &str, born: i64, scope: &str, fired_at: i64) -> String {
    format!("{rule}@{born}/{scope}/{fired_at}")
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn is_zero(number: &i64) -> bool {
    *number == 0
}
