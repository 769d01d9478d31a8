//! Samples, one after the other.

use std::cmp::Reverse;

use afterglow_wire::limits::RULE_INSTANCES;
use afterglow_wire::rule::Of;

use super::conditions::{Others, window_value};
use super::{Engine, Look, Out, Scope, count};
use crate::machine::{Alert, Verdict};
use crate::past::Past;
use crate::signal::{Held, More, Sample, Signal};
use crate::state::{Phase, State};
use crate::transition::Transition;

/// Transitions that are collected before someone takes them: one sample may add as many as its signal has rules.
const PART: usize = 4_096;

impl Engine {
    /// Evaluates the samples of one commit, in any order, that was made at `arrival`. Commits come in order. What comes late is in no
    /// window.
    pub fn step(
        &mut self,
        arrival: i64,
        samples: impl IntoIterator<Item = Sample, IntoIter: Clone>,
        out: &mut Vec<Transition>,
    ) {
        self.step_with(arrival, samples, &mut (), out);
    }

    /// As [`Engine::step`]; windows find in `past` what came late. `past` has this commit.
    pub fn step_with(
        &mut self,
        arrival: i64,
        samples: impl IntoIterator<Item = Sample, IntoIter: Clone>,
        past: &mut dyn Past,
        out: &mut Vec<Transition>,
    ) {
        self.step_in_parts(arrival, samples, past, out, &mut |_| ());
    }

    /// As [`Engine::step_with`]; of a commit that changes much `full` takes what is in `out` before more is added.
    pub fn step_in_parts(
        &mut self,
        arrival: i64,
        samples: impl IntoIterator<Item = Sample, IntoIter: Clone>,
        past: &mut dyn Past,
        out: &mut Vec<Transition>,
        full: &mut dyn FnMut(&mut Vec<Transition>),
    ) {
        self.advance_to(arrival, out);
        let mut sample = |engine: &mut Self, sample: Sample, past: &mut dyn Past| {
            engine.sample(sample, arrival, past, out);
            if out.len() >= PART {
                engine.forget_looks();
                full(out);
            }
        };
        let samples = samples.into_iter().map(|sample| Sample { at: sample.at.min(arrival), ..sample });
        // Most commits are in order, and need no copy.
        if !self.sets.joined && samples.clone().is_sorted_by_key(|sample| sample.at) {
            samples.for_each(|next| sample(self, next, past));
            return;
        }
        let mut commit = std::mem::take(&mut self.commit);
        let signals = &self.signals;
        commit.extend(
            samples.filter(|sample| signals.get(sample.signal as usize).is_some_and(Signal::is_wanted)),
        );
        commit.sort_by_key(|sample| sample.at);
        for instant in commit.chunk_by(|a, b| a.at == b.at) {
            if self.sets.joined {
                self.remember_all(instant);
            }
            instant.iter().for_each(|next| sample(self, *next, past));
        }
        commit.clear();
        self.commit = commit;
    }

    /// Evaluates samples of one signal in order, each as a commit that is made at the sample's own time.
    pub(crate) fn replay(
        &mut self,
        signal: u32,
        (times, values): (&[i64], &[f64]),
        past: &mut dyn Past,
        out: &mut Vec<Transition>,
    ) {
        for (at, value) in times.iter().zip(values) {
            if self.due.peek().is_some_and(|Reverse((end, _))| end < at) {
                self.advance_to(*at, out);
            }
            self.sample(Sample { signal, at: *at, value: *value }, *at, past, out);
        }
    }

    /// The samples of one instant, for the rules of other signals.
    fn remember_all(&mut self, instant: &[Sample]) {
        for sample in instant {
            let signal = self.signals.get_mut(sample.signal as usize);
            if let Some(more) = signal.and_then(|signal| signal.more.as_mut()) {
                more.remember(sample.at, sample.value);
            }
        }
    }

    /// The next sample. One that no rule can do anything with, which most are, costs a comparison with each end of what is quiet.
    #[inline]
    fn sample(&mut self, sample: Sample, arrival: i64, past: &mut dyn Past, out: &mut Vec<Transition>) {
        let Some(signal) = self.signals.get_mut(sample.signal as usize) else { return };
        if !signal.is_wanted() {
            return;
        }
        self.counts.evaluated += 1;
        if sample.at < signal.newest {
            self.counts.late += 1;
            if let Some(more) = &mut signal.more {
                more.miss(sample.at);
            }
        } else if signal.more.is_none() && signal.is_quiet(sample.value) {
            signal.follow(sample, arrival);
        } else {
            self.evaluate(sample, arrival, past, out);
        }
    }

    /// A sample that is not late.
    #[inline(never)]
    fn evaluate(&mut self, sample: Sample, arrival: i64, past: &mut dyn Past, out: &mut Vec<Transition>) {
        let Some(signal) = self.signals.get_mut(sample.signal as usize) else { return };
        let Sample { at, value, .. } = sample;
        let (newest, is_again) = (signal.newest, at == signal.newest);
        if is_again && value == signal.value {
            return;
        }
        let quiet = signal.is_quiet(value) && signal.more.as_ref().is_none_or(|more| more.is_idle());
        if !is_again && !quiet && signal.is_known() {
            self.pass_signal(sample.signal, at, out);
        }
        let Some(signal) = self.signals.get_mut(sample.signal as usize) else { return };
        let is_known = signal.is_known();
        signal.follow(sample, arrival);
        if !is_again && let Some(more) = &mut signal.more {
            if is_known {
                more.cadence.push(at - newest);
                more.recount(sample.signal, newest, at, past);
            }
            more.known_since.get_or_insert(at);
        }
        let lag = arrival - at;
        self.alive(sample, lag, out);
        if !quiet {
            self.judge(sample, lag, past, out);
        }
    }

    /// Lets time pass for the alerts of a signal, up to a sample.
    fn pass_signal(&mut self, number: u32, by: i64, out: &mut Vec<Transition>) {
        let Some(signal) = self.signals.get_mut(number as usize) else { return };
        let Some(more) = &mut signal.more else { return };
        let Some(name) = self.names.all.get(number as usize) else { return };
        let mut out = Out { transitions: out, changed: &mut self.changed };
        let (programs, cadence) = (&self.programs, &more.cadence);
        let (active, alerts) = (&mut self.active, &mut self.alerts);
        more.alerts.retain_mut(|rule, held| {
            let Some(program) = programs.get(rule as usize).and_then(Option::as_ref) else {
                return false;
            };
            let mut state = Some(held.state);
            Alert { program, state: &mut state, out: &mut |change| out.put(rule, program, name, change) }
                .pass(by, |time| cadence.grace(time));
            if state.is_none() {
                count(active, alerts, rule, true, false);
            }
            state.inspect(|state| held.state = *state).is_some()
        });
    }

    /// A sample for the rules about silence.
    fn alive(&mut self, sample: Sample, lag: i64, out: &mut Vec<Transition>) {
        let Some(signal) = self.signals.get(sample.signal as usize) else { return };
        let Some(more) = signal.more.as_ref().filter(|more| !more.silences.is_empty()) else { return };
        let longest = signal.lag;
        let mut out = Out { transitions: out, changed: &mut self.changed };
        for (number, scope) in more.silences.iter().copied() {
            let Some(Some(program)) = self.programs.get(number as usize) else { continue };
            let Some(silence) = self.silences.get_mut(&number).filter(|_| lag <= program.fresh) else {
                continue;
            };
            if let Some(state) = silence.scopes.get_mut(scope as usize) {
                let (name, was) = (state.name.clone(), state.state.is_some());
                let mut put = |change| out.put(number, program, &name, change);
                state.pass(program, sample.at, self.listening, &mut put);
                state.sample(program, sample.at, longest, &mut put);
                self.due.extend(
                    state
                        .arm(program, self.listening)
                        .map(|end| Reverse((end, Look::Silence(number, scope)))),
                );
                count(&mut self.active, &mut self.alerts, number, was, state.state.is_some());
            }
        }
    }

    /// Judges the newest sample of a signal by every rule that it can matter to.
    fn judge(&mut self, sample: Sample, lag: i64, past: &mut dyn Past, out: &mut Vec<Transition>) {
        let Some(mut more) =
            self.signals.get_mut(sample.signal as usize).map(|signal| signal.more.take().unwrap_or_default())
        else {
            return;
        };
        let mut rules: Vec<u32> = more.alerts.rules().collect();
        self.sets.matters(sample.signal, sample.value, &mut rules);
        rules.sort_unstable();
        rules.dedup();
        for rule in rules {
            self.judge_by((rule, sample, lag), &mut more, past, out);
        }
        if let Some(signal) = self.signals.get_mut(sample.signal as usize) {
            signal.more = Some(more);
        }
    }

    fn judge_by(
        &mut self,
        (rule, sample, lag): (u32, Sample, i64),
        more: &mut More,
        past: &mut dyn Past,
        out: &mut Vec<Transition>,
    ) {
        let Self { programs, names, signals, counts, .. } = self;
        let Some(Some(program)) = programs.get(rule as usize) else { return };
        let Some(name) = names.all.get(sample.signal as usize) else { return };
        let before = more.alerts.get(rule).map(|held| held.state);
        let current = before.filter(|state| state.phase == Phase::Firing).map(|state| state.level);
        let value = match (program.rule.value.of, &program.shape) {
            (_, Some(shape)) => window_value(rule, shape, sample, more, &mut self.windows, counts),
            (Of::Change, _) => signals
                .get(sample.signal as usize)
                .and_then(|signal| signal.before)
                .map(|before| (sample.value - before).abs()),
            _ => Some(sample.value),
        };
        let band = program
            .is_usual
            .then(|| more.bands.get_or_insert_default().at(sample.signal, sample.at, past))
            .flatten();
        let others = Others { rule, program, more, signals, names };
        let value = value.and_then(|own| {
            let value = others.value(sample, own).filter(|_| band.is_some() == program.is_usual);
            counts.no_verdict += u64::from(value.is_none());
            value
        });
        let compared = value.map(|value| band.map_or(value, |band| band.deviations(value)));
        let mut verdict = match compared {
            None => Verdict::Unknown,
            Some(value) => program.level(value, current).map_or(Verdict::Right, Verdict::Wrong),
        };
        let level = match verdict {
            Verdict::Wrong(level) => level,
            _ => before.map_or(0, |state| state.level),
        };
        let usual = band.and_then(|band| program.usual(level, &band));
        if let Verdict::Wrong(_) = verdict
            && !program.joins.is_empty()
        {
            match others.hold(sample) {
                Some(true) => {}
                Some(false) => verdict = Verdict::Right,
                None => {
                    verdict = Verdict::Unknown;
                    counts.no_verdict += 1;
                }
            }
        }
        if before.is_none() && self.alerts >= RULE_INSTANCES {
            counts.refused += u64::from(matches!(verdict, Verdict::Wrong(_)));
            return;
        }
        let mut state = before;
        let mut put = Out { transitions: out, changed: &mut self.changed };
        Alert { program, state: &mut state, out: &mut |change| put.put(rule, program, name, change) }.judge(
            sample.at,
            verdict,
            value.unwrap_or_default(),
            usual,
            lag <= program.fresh,
        );
        // What is kept must not depend on whether something was to be said.
        let kept = |state: State| (state.peak, state.level, state.stale, state.usual);
        if before.zip(state).is_some_and(|(before, state)| kept(before) != kept(state)) {
            self.changed.insert((rule, Scope(name.clone())));
        }
        let Some(state) = state else {
            if more.alerts.remove(rule).is_some() {
                self.ended(rule);
            }
            return;
        };
        let longest = signals.get(sample.signal as usize).map_or(lag, |signal| signal.lag);
        let state = State { lag: longest, ..state };
        let end = Alert::end(program, &state, |time| more.cadence.grace(time)).map(|end| end + longest);
        let due = more.alerts.get(rule).map_or(i64::MAX, |held| held.due);
        let held = more.alerts.insert(rule, Held { state, due });
        if before.is_none() {
            self.alerts += 1;
            *self.active.entry(rule).or_default() += 1;
        }
        if let Some(end) = end.filter(|end| *end < held.due) {
            held.due = end;
            self.due.push(Reverse((end, Look::Alert(sample.signal, rule))));
        }
    }
}
