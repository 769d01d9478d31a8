//! What is remembered of a signal.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::band::Bands;
use crate::by_rule::ByRule;
use crate::cadence::Cadence;
use crate::join::Partner;
use crate::past::Past;
use crate::state::State;
use crate::window::Window;

/// One measured value of one signal at one instant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    /// The signal's number.
    pub signal: u32,
    /// When, in microseconds since 1970.
    pub at: i64,
    /// The value; finite.
    pub value: f64,
}

/// How many samples are remembered of a signal that other signals' rules look at.
const RECENT: usize = 16;

/// A signal.
#[derive(Clone, Debug)]
pub(crate) struct Signal {
    /// The time of the newest sample; the lowest number before the first.
    pub(crate) newest: i64,
    pub(crate) value: f64,
    /// The value of the sample before.
    pub(crate) before: Option<f64>,
    /// How much later than their times the samples of its last commit arrived, at most.
    pub(crate) lag: i64,
    /// When that commit was made.
    pub(crate) arrived: i64,
    /// Values from the one to the other begin no alert.
    pub(crate) quiet: (f64, f64),
    /// Whether a rule selects it.
    pub(crate) is_selected: bool,
    pub(crate) more: Option<Box<More>>,
}

/// What is remembered of a signal about which a rule has more to know than a limit.
#[derive(Clone, Debug, Default)]
pub(crate) struct More {
    pub(crate) cadence: Cadence,
    /// When its first sample was.
    pub(crate) known_since: Option<i64>,
    pub(crate) alerts: ByRule<Held>,
    pub(crate) windows: ByRule<Window>,
    pub(crate) partners: ByRule<Vec<Partner>>,
    /// The scopes of rules about silence that it belongs to: rule and number of the scope.
    pub(crate) silences: Vec<(u32, u32)>,
    /// Its last samples, when rules of other signals look at it.
    pub(crate) recent: Option<VecDeque<(i64, f64)>>,
    /// How old these may be, in microseconds.
    pub(crate) within: i64,
    /// What is usual, when a rule asks for that.
    pub(crate) bands: Option<Box<Bands>>,
}

/// An alert of a rule.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    pub(crate) state: State,
    /// When a look at it is due at the latest, as far as that is arranged.
    pub(crate) due: i64,
}

impl Default for Signal {
    fn default() -> Self {
        Self {
            newest: i64::MIN,
            value: 0.0,
            before: None,
            lag: 0,
            arrived: i64::MIN,
            quiet: (f64::NEG_INFINITY, f64::INFINITY),
            is_selected: false,
            more: None,
        }
    }
}

impl Signal {
    /// Whether it has had a sample.
    pub(crate) fn is_known(&self) -> bool {
        self.newest > i64::MIN
    }

    /// Whether a rule looks at it, of its own or of another signal.
    pub(crate) fn is_wanted(&self) -> bool {
        self.is_selected || self.more.is_some()
    }

    /// Takes a sample that is not late, of a commit made at `arrival`.
    pub(crate) fn follow(&mut self, sample: Sample, arrival: i64) {
        if sample.at > self.newest {
            if self.is_known() {
                self.before = Some(self.value);
            }
            self.newest = sample.at;
            // The first of a commit has come the latest.
            if self.arrived != arrival {
                (self.arrived, self.lag) = (arrival, arrival - sample.at);
            }
        }
        self.value = sample.value;
    }

    pub(crate) fn is_quiet(&self, value: f64) -> bool {
        self.quiet.0 <= value && value <= self.quiet.1
    }
}

impl More {
    /// Whether nothing looks at a sample but limits.
    pub(crate) fn is_idle(&self) -> bool {
        self.alerts.is_empty()
    }

    /// A sample earlier than the newest came.
    pub(crate) fn miss(&mut self, at: i64) {
        self.windows.values_mut().for_each(|window| window.miss(at));
    }

    /// Fills windows again that missed samples, before a sample at `at`; `newest` is the time of the last one.
    pub(crate) fn recount(&mut self, signal: u32, newest: i64, at: i64, past: &mut dyn Past) {
        for window in self.windows.values_mut() {
            let Some(from) = window.recount(at) else { continue };
            let Some(samples) = past.samples(signal, from, newest) else { continue };
            window.clear();
            samples.iter().for_each(|(at, value)| window.push(*at, *value));
        }
    }

    pub(crate) fn remember(&mut self, at: i64, value: f64) {
        let Some(recent) = &mut self.recent else { return };
        match recent.back_mut() {
            Some(last) if last.0 == at => last.1 = value,
            Some(last) if last.0 > at => {}
            _ => {
                if recent.len() == RECENT {
                    recent.pop_front();
                }
                recent.push_back((at, value));
            }
        }
    }

    /// Takes over the last samples that another engine has of this signal, where it has later ones, or more up to the same one.
    pub(crate) fn take_recent(&mut self, other: &Self) {
        let (Some(own), Some(theirs)) = (&mut self.recent, &other.recent) else { return };
        let known = |recent: &VecDeque<(i64, f64)>| recent.back().map(|(at, _)| (*at, recent.len()));
        if known(own) < known(theirs) {
            own.clone_from(theirs);
        }
    }

    /// The last sample at or before `at`.
    pub(crate) fn last_at(&self, at: i64) -> Option<(i64, f64)> {
        self.recent.as_ref()?.iter().rev().find(|(time, _)| *time <= at).copied()
    }
}

/// Names and numbers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names {
    pub(crate) all: Vec<Arc<str>>,
    pub(crate) numbers: std::collections::HashMap<Arc<str>, u32>,
}
