//! Alerts: what has fired, and what channels are sent about it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::rule::Severity;

/// One time that a rule fired for one scope, from its beginning to its end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Episode {
    /// Its number: a function of rule, scope and time.
    pub id: String,
    /// The rule.
    pub rule: String,
    /// The rule's version when it fired.
    pub rule_version: i32,
    /// What people call the rule.
    pub title: String,
    /// The signal, or what stands for several.
    pub scope: String,
    /// How bad it is now, or was at its worst when it has ended.
    pub severity: Severity,
    /// Whether it still fires.
    pub state: EpisodeState,
    /// When the limit was crossed.
    pub pending_at: Timestamp,
    /// When it had been crossed for long enough.
    pub fired_at: Timestamp,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolved_at: Option<Timestamp>,
    /// Why it ended, when it was not the value: the rule was changed or deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The value with which it fired.
    pub value: f64,
    /// The value furthest beyond the limit, as of when the alert fired, changed its severity, was notified of or ended.
    pub peak: f64,
    /// The value when the alert last fired, changed its severity, was notified of or ended; meanwhile the signal may have other values.
    pub last: f64,
    /// The limit that is crossed.
    pub limit: f64,
    /// Whether it was found only in samples that arrived late. Nobody is notified of it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub late: bool,
    /// The silence or the other rule because of which nobody was notified at first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_by: Option<String>,
    /// The channels that were notified of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notified: Vec<String>,
    /// When they were notified last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notified_at: Option<Timestamp>,
    /// When somebody was notified first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_notified_at: Option<Timestamp>,
    /// When channels that take an alert for ended of which they do not hear were sent it last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refreshed_at: Option<Timestamp>,
    /// How often the notification was repeated.
    #[serde(default)]
    pub repeats: u32,
    /// How many of the rule's escalations have been made.
    #[serde(default)]
    pub escalations: usize,
    /// For a rule about what is usual: between which values that was when the value was judged last, by its level.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usual: Option<[f64; 2]>,
    /// That it has become worse, which nobody could be notified of yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub risen: Option<Risen>,
    /// Of how many earlier episodes of this rule and scope nobody was notified, because they followed each other too quickly.
    #[serde(default)]
    pub held_back: u32,
    /// The rule's labels.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Who has seen it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ack: Option<Ack>,
}

/// That an alert has become worse while nobody could be notified of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Risen {
    /// How bad it is as far as those who were notified know.
    pub from: Severity,
    /// When it became as bad as it is.
    pub at: Timestamp,
}

/// Whether an episode still fires.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum EpisodeState {
    /// It fires.
    Firing,
    /// It has ended.
    Resolved,
}

/// That somebody has seen an alert: it is not repeated.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Ack {
    /// Who; the member or the key that asks when a request does not say it.
    #[serde(default)]
    pub by: String,
    /// What they say of it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
    /// When; the server's time, whatever a request brings.
    #[serde(default)]
    pub at: Timestamp,
    /// Until when it is not repeated; to its end when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

/// The answer to `GET /api/alerts`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Alerts {
    /// What fires and is asked for, the longest first.
    pub firing: Vec<Episode>,
    /// What is about to fire: the limit is crossed, and not for long enough.
    pub pending: Vec<Pending>,
    /// How many of all there are, whatever was asked for.
    pub counts: Counts,
    /// How many are asked for, also where fewer are listed.
    pub total: usize,
}

/// A limit that is crossed, and not for long enough.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Pending {
    /// The rule.
    pub rule: String,
    /// The signal, or what stands for several.
    pub scope: String,
    /// Since when.
    pub since: Timestamp,
}

/// How many alerts there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Counts {
    /// Firing.
    pub firing: usize,
    /// About to fire.
    pub pending: usize,
    /// Firing, and nobody is notified.
    pub silenced: usize,
}

/// The answer to `GET /api/alerts/history`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct History {
    /// The episodes that touch the span, the newest first.
    pub episodes: Vec<Episode>,
    /// How many touch it.
    pub total: usize,
}

/// What is sent about one event of an episode.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Notice {
    /// The episode.
    pub episode: String,
    /// What happened.
    pub event: Event,
    /// The rule.
    pub rule: String,
    /// What people call the rule.
    pub title: String,
    /// The signal, or what stands for several.
    pub signal: String,
    /// How bad it is.
    pub severity: Severity,
    /// Whether it fires.
    pub state: EpisodeState,
    /// The value.
    pub value: f64,
    /// The limit that is, or was, crossed.
    pub limit: f64,
    /// When it happened.
    pub at: Timestamp,
    /// When it fired.
    pub since: Timestamp,
    /// A sentence for people.
    pub text: String,
    /// What to do: the rule's link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// The rule's labels.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
}

/// What happened to an episode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Event {
    /// It began.
    Fire,
    /// It became worse or better.
    Level,
    /// It goes on.
    Repeat,
    /// Nobody has acknowledged it: this channel is notified as well.
    Escalate,
    /// Somebody has seen it.
    Ack,
    /// It ended.
    Resolve,
    /// None of these: somebody tests a channel.
    Test,
}

/// What a channel is sent at once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Message {
    /// Its number, the same at every attempt.
    pub id: String,
    /// The channel.
    pub channel: String,
    /// What its alerts have in common: the rule, or the value of a label.
    pub topic: String,
    /// When it was composed.
    pub at: Timestamp,
    /// How many alerts in it fire.
    pub firing: usize,
    /// How many alerts in it have ended.
    pub resolved: usize,
    /// The alerts, each once as it is now; as many as fit.
    pub alerts: Vec<Notice>,
    /// How many more there are.
    pub more: usize,
    /// How many alerts of the topic fire after this.
    pub still: usize,
}

impl Message {
    /// Whether anything in it fires.
    pub fn state(&self) -> EpisodeState {
        if self.firing > 0 { EpisodeState::Firing } else { EpisodeState::Resolved }
    }
}
