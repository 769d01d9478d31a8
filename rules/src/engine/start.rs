//! What an engine is given at a start: what was before.

use std::cmp::Reverse;

use afterglow_wire::rule::Of;

use super::conditions::window_value;
use super::{Engine, Look};
use crate::cadence::INTERVALS;
use crate::machine::Alert;
use crate::signal::{Held, Sample};
use crate::state::State;
use crate::window::Shape;

/// How much of a signal's past matters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// All samples of this many microseconds before its newest.
    pub time: i64,
    /// And at least this number of its last samples.
    pub samples: usize,
}

impl Engine {
    /// How much of a signal's past [`Engine::warm`] needs; `None` for a signal that no rule looks at.
    pub fn memory(&self, signal: u32) -> Option<Memory> {
        let state = self.signals.get(signal as usize)?;
        let more = state.more.as_ref();
        if !state.is_selected && more.is_none() {
            return None;
        }
        let shapes = self
            .sets
            .knowing(signal)
            .iter()
            .filter_map(|rule| self.programs.get(*rule as usize)?.as_ref()?.shape);
        let within = more.map_or(0, |more| more.within);
        let time = shapes.map(|shape| shape.reach()).max().unwrap_or(0).max(within);
        Some(Memory { time, samples: if more.is_some() { INTERVALS + 1 } else { 2 } })
    }

    /// The last samples of a signal before those that are evaluated, in order, and the time of its first sample ever. What the engine knew of its
    /// samples is replaced; alerts are not touched.
    pub fn warm(&mut self, signal: u32, known_since: i64, samples: &[(i64, f64)]) {
        let listening = self.listening;
        let Self { programs, silences, due, signals, sets, windows, counts, .. } = self;
        let Some(state) = signals.get_mut(signal as usize) else { return };
        let Some((newest, value)) = samples.last().copied() else { return };
        (state.newest, state.value) = (newest, value);
        state.before =
            samples.len().checked_sub(2).and_then(|before| samples.get(before)).map(|(_, value)| *value);
        let rules = sets.knowing(signal);
        let shape = |rule: u32| -> Option<Shape> { programs.get(rule as usize)?.as_ref()?.shape };
        let shaped: Vec<(u32, Shape)> =
            rules.iter().filter_map(|rule| Some((*rule, shape(*rule)?))).collect();
        if let Some(more) = &mut state.more {
            more.known_since = Some(known_since);
            more.cadence = crate::cadence::Cadence::default();
            for pair in samples.windows(2) {
                more.cadence.push(pair[1].0 - pair[0].0);
            }
            *windows -= more.windows.len();
            more.windows.clear();
            for (at, value) in samples {
                more.remember(*at, *value);
                for (rule, shape) in &shaped {
                    let sample = Sample { signal, at: *at, value: *value };
                    window_value(*rule, shape, sample, more, windows, counts);
                }
            }
            for (rule, scope) in more.silences.clone() {
                let Some(silence) = silences.get_mut(&rule) else { continue };
                silence.warm(scope, samples);
                let program = programs.get(rule as usize).and_then(Option::as_ref);
                let end = program
                    .zip(silence.scopes.get_mut(scope as usize))
                    .and_then(|(program, scope)| scope.arm(program, listening));
                due.extend(end.map(|end| Reverse((end, Look::Silence(rule, scope)))));
            }
        }
    }

    /// Puts a state back that [`Engine::take_changed`] gave; whether there is such a rule and scope.
    pub fn restore(&mut self, rule: &str, scope: &str, state: State) -> bool {
        let Some(number) = self.numbers.get(rule).copied() else { return false };
        self.keep_state(number, scope, state)
    }

    /// Puts the state of a rule and a signal in its place.
    pub(super) fn hold(&mut self, rule: u32, signal: u32, state: State) -> bool {
        let Some(of) = self.signals.get_mut(signal as usize) else { return false };
        if self.sets.rules(signal).binary_search(&rule).is_err() {
            return false;
        }
        let Some(Some(program)) = self.programs.get(rule as usize) else { return false };
        of.lag = of.lag.max(state.lag);
        // What was stored is as old as the last change; samples that changed nothing have come since.
        let mut state = State { newest: state.newest.max(of.newest), ..state };
        if of.is_known() && program.rule.value.of == Of::Last && program.operand.is_none() {
            state.value = of.value;
        }
        let more = of.more.get_or_insert_default();
        let end =
            Alert::end(program, &state, |time| more.cadence.grace(time)).map_or(i64::MAX, |end| end + of.lag);
        let was = more.alerts.get(rule).is_some();
        more.alerts.insert(rule, Held { state, due: end });
        super::count(&mut self.active, &mut self.alerts, rule, was, true);
        if end < i64::MAX {
            self.due.push(Reverse((end, Look::Alert(signal, rule))));
        }
        true
    }
}
