//! All rules, all signals: commit by commit.

mod ahead;
mod conditions;
mod jump;
mod rules;
mod sets;
mod start;

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, HashMap};
use std::sync::Arc;

use afterglow_wire::limits::RULE_INSTANCES;
use afterglow_wire::rule::Of;

use crate::compile::Program;
use crate::machine::{Alert, Change, Verdict};
use crate::past::Past;
use crate::signal::{Held, More, Names, Sample, Signal};
use crate::silence::Silence;
use crate::state::{Phase, State};
use crate::transition::{Changed, Counts, Transition};
use ahead::Ahead;
use conditions::{Others, window_value};
use sets::Sets;

pub use start::Memory;

/// Evaluates rules on samples. See the crate's documentation for how it is driven.
#[derive(Debug)]
pub struct Engine {
    /// By number; numbers of rules that were removed are used again.
    programs: Vec<Option<Program>>,
    /// The scopes of rules about silence, by the rule's number.
    silences: HashMap<u32, Silence>,
    numbers: HashMap<Arc<str>, u32>,
    names: Names,
    signals: Vec<Signal>,
    sets: Sets,
    /// Names of signals that others are looked at together with and that do not exist yet, and how old their values may be.
    wanted: HashMap<Arc<str>, i64>,
    /// Since when commits are taken; `None` while they are not.
    listening: Option<i64>,
    due: BinaryHeap<Reverse<(i64, Look)>>,
    changed: BTreeSet<(u32, Arc<str>)>,
    /// What changed of rules that are gone.
    gone: Vec<Changed>,
    /// How often signals should have a sample, of all signals that are known.
    expected: HashMap<u32, Option<i64>>,
    counts: Counts,
    alerts: usize,
    /// Alerts by rule.
    active: HashMap<u32, usize>,
    windows: usize,
    /// Samples of the commit that is being evaluated.
    commit: Vec<Sample>,
    /// How far the next hour has been looked at.
    ahead: Ahead,
}

/// What a look is due at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Look {
    /// The alert of a signal and a rule.
    Alert(u32, u32),
    /// A scope of a rule about silence.
    Silence(u32, u32),
}

impl Default for Engine {
    fn default() -> Self {
        Self {
            programs: Vec::new(),
            silences: HashMap::new(),
            numbers: HashMap::new(),
            names: Names::default(),
            signals: Vec::new(),
            sets: Sets::default(),
            wanted: HashMap::new(),
            listening: Some(i64::MIN),
            due: BinaryHeap::new(),
            changed: BTreeSet::new(),
            gone: Vec::new(),
            expected: HashMap::new(),
            counts: Counts::default(),
            alerts: 0,
            active: HashMap::new(),
            windows: 0,
            commit: Vec::new(),
            ahead: Ahead::default(),
        }
    }
}

/// Where transitions go, with the scope's name; remembers that its state changed.
struct Out<'o> {
    transitions: &'o mut Vec<Transition>,
    changed: &'o mut BTreeSet<(u32, Arc<str>)>,
}

impl Out<'_> {
    fn put(&mut self, number: u32, program: &Program, scope: &Arc<str>, change: Change) {
        self.changed.insert((number, scope.clone()));
        self.transitions.push(change.within(program, scope));
    }
}

impl Engine {
    /// Evaluates the samples of one commit, in any order, that was made at `arrival`. Commits come in order. What comes late is in no
    /// window.
    pub fn step(
        &mut self,
        arrival: i64,
        samples: impl IntoIterator<Item = Sample>,
        out: &mut Vec<Transition>,
    ) {
        self.step_with(arrival, samples, &mut (), out);
    }

    /// As [`Engine::step`]; windows find in `past` what came late. `past` has this commit.
    pub fn step_with(
        &mut self,
        arrival: i64,
        samples: impl IntoIterator<Item = Sample>,
        past: &mut dyn Past,
        out: &mut Vec<Transition>,
    ) {
        self.advance_to(arrival, out);
        let mut commit = std::mem::take(&mut self.commit);
        let signals = &self.signals;
        let selected = |sample: &Sample| {
            signals.get(sample.signal as usize).is_some_and(|signal| signal.set > 0 || signal.more.is_some())
        };
        commit.extend(
            samples
                .into_iter()
                .filter(selected)
                .map(|sample| Sample { at: sample.at.min(arrival), ..sample }),
        );
        if !commit.is_sorted_by_key(|sample| sample.at) {
            commit.sort_by_key(|sample| sample.at);
        }
        self.counts.evaluated += commit.len() as u64;
        for instant in commit.chunk_by(|a, b| a.at == b.at) {
            if !self.wanted_by_others() {
                instant.iter().for_each(|sample| self.sample(*sample, arrival, past, out));
                continue;
            }
            for sample in instant {
                if let Some(more) =
                    self.signals.get_mut(sample.signal as usize).and_then(|signal| signal.more.as_mut())
                {
                    more.remember(sample.at, sample.value);
                }
            }
            instant.iter().for_each(|sample| self.sample(*sample, arrival, past, out));
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
        self.counts.evaluated += times.len() as u64;
        for (at, value) in times.iter().zip(values) {
            if self.due.peek().is_some_and(|Reverse((end, _))| end < at) {
                self.advance_to(*at, out);
            }
            self.sample(Sample { signal, at: *at, value: *value }, *at, past, out);
        }
    }

    /// Whether rules compare signals with others.
    fn wanted_by_others(&self) -> bool {
        self.sets.joined
    }

    fn sample(&mut self, sample: Sample, arrival: i64, past: &mut dyn Past, out: &mut Vec<Transition>) {
        let Some(signal) = self.signals.get_mut(sample.signal as usize) else { return };
        let Sample { at, value, .. } = sample;
        if at < signal.newest {
            self.counts.late += 1;
            if let Some(more) = &mut signal.more {
                more.miss(at);
            }
            return;
        }
        let quiet = signal.is_quiet(value) && signal.more.as_ref().is_none_or(|more| more.is_idle());
        let lag = arrival - at;
        if at == signal.newest {
            if value == signal.value {
                return;
            }
            signal.value = value;
        } else {
            if !quiet && signal.is_known() {
                self.pass_signal(sample.signal, at, out);
            }
            let Some(signal) = self.signals.get_mut(sample.signal as usize) else { return };
            if signal.is_known() {
                signal.before = Some(signal.value);
                if let Some(more) = &mut signal.more {
                    more.cadence.push(at - signal.newest);
                    more.recount(sample.signal, signal.newest, at, past);
                }
            }
            signal.newest = at;
            signal.value = value;
            // The first of a commit has come the latest.
            if signal.arrived != arrival {
                (signal.arrived, signal.lag) = (arrival, lag);
            }
            if let Some(more) = &mut signal.more {
                more.known_since.get_or_insert(at);
            }
        }
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
        more.alerts.retain_mut(|held| {
            let Some(program) = programs.get(held.rule as usize).and_then(Option::as_ref) else {
                return false;
            };
            let mut state = Some(held.state);
            Alert {
                program,
                state: &mut state,
                out: &mut |change| out.put(held.rule, program, name, change),
            }
            .pass(by, |time| cadence.grace(time));
            if state.is_none() {
                count(active, alerts, held.rule, true, false);
            }
            state.inspect(|state| held.state = *state).is_some()
        });
    }

    /// A sample for the rules about silence.
    fn alive(&mut self, sample: Sample, lag: i64, out: &mut Vec<Transition>) {
        let Some(more) = self.signals.get(sample.signal as usize).and_then(|signal| signal.more.as_ref())
        else {
            return;
        };
        let longest = self.signals.get(sample.signal as usize).map_or(lag, |signal| signal.lag);
        let mut out = Out { transitions: out, changed: &mut self.changed };
        for (number, scope) in more.silences.clone() {
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
        let mut rules: Vec<u32> = more.alerts.iter().map(|held| held.rule).collect();
        if let Some(signal) = self.signals.get(sample.signal as usize) {
            self.sets.matters(signal.set, sample.value, &mut rules);
        }
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
        let place = more.alerts.iter().position(|held| held.rule == rule);
        let before = place.map(|place| more.alerts[place].state);
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
        if place.is_none() && self.alerts >= RULE_INSTANCES {
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
            self.changed.insert((rule, name.clone()));
        }
        let Some(state) = state else {
            if let Some(place) = place {
                more.alerts.swap_remove(place);
                self.ended(rule);
            }
            return;
        };
        let longest = signals.get(sample.signal as usize).map_or(lag, |signal| signal.lag);
        let state = State { lag: longest, ..state };
        let end = Alert::end(program, &state, |time| more.cadence.grace(time)).map(|end| end + longest);
        let place = place.unwrap_or_else(|| {
            more.alerts.push(Held { rule, state, due: i64::MAX });
            more.alerts.len() - 1
        });
        if before.is_none() {
            self.alerts += 1;
            *self.active.entry(rule).or_default() += 1;
        }
        let held = &mut more.alerts[place];
        held.state = state;
        if let Some(end) = end.filter(|end| *end < held.due) {
            held.due = end;
            self.due.push(Reverse((end, Look::Alert(sample.signal, rule))));
        }
    }

    /// An alert of a rule is no more.
    fn ended(&mut self, rule: u32) {
        self.alerts = self.alerts.saturating_sub(1);
        if let Some(active) = self.active.get_mut(&rule) {
            *active = active.saturating_sub(1);
        }
    }

    /// Lets time pass to `now`, by the clock that commits have. What time decides is stamped with the instant that decides it.
    pub fn advance_to(&mut self, now: i64, out: &mut Vec<Transition>) {
        while let Some(Reverse((end, look))) = self.due.peek().copied()
            && end < now
        {
            self.due.pop();
            match look {
                Look::Alert(signal, rule) => self.look_at_alert(signal, rule, now, out),
                Look::Silence(rule, scope) => self.look_at_silence(rule, scope, now, out),
            }
        }
    }

    /// When [`Engine::advance_to`] has something to do, if no commit comes before; `None` for never.
    pub fn deadline(&self) -> Option<i64> {
        self.due.peek().map(|Reverse((end, _))| end + 1)
    }

    fn look_at_alert(&mut self, number: u32, rule: u32, now: i64, out: &mut Vec<Transition>) {
        let Some(Some(program)) = self.programs.get(rule as usize) else { return };
        let Some(name) = self.names.all.get(number as usize) else { return };
        let Some(signal) = self.signals.get_mut(number as usize) else { return };
        let Some(more) = &mut signal.more else { return };
        let Some(place) = more.alerts.iter().position(|held| held.rule == rule) else { return };
        let (lag, cadence) = (signal.lag, &more.cadence);
        let mut state = Some(more.alerts[place].state);
        let mut put = Out { transitions: out, changed: &mut self.changed };
        Alert { program, state: &mut state, out: &mut |change| put.put(rule, program, name, change) }
            .pass(now - lag, |time| cadence.grace(time));
        match state {
            Some(state) => {
                let end =
                    Alert::end(program, &state, |time| cadence.grace(time)).map_or(i64::MAX, |end| end + lag);
                more.alerts[place].state = state;
                more.alerts[place].due = end;
                if end < i64::MAX {
                    self.due.push(Reverse((end, Look::Alert(number, rule))));
                }
            }
            None => {
                more.alerts.swap_remove(place);
                self.ended(rule);
            }
        }
    }

    fn look_at_silence(&mut self, rule: u32, scope: u32, now: i64, out: &mut Vec<Transition>) {
        let mut out = Out { transitions: out, changed: &mut self.changed };
        let Some(Some(program)) = self.programs.get(rule as usize) else { return };
        let Some(silence) = self.silences.get_mut(&rule) else { return };
        if let Some(scope_) = silence.scopes.get_mut(scope as usize) {
            let (name, was) = (scope_.name.clone(), scope_.state.is_some());
            let put = &mut |change| out.put(rule, program, &name, change);
            scope_.pass(program, now - scope_.lag, self.listening, put);
            let is = scope_.state.is_some();
            scope_.due = i64::MAX;
            self.due.extend(
                scope_.arm(program, self.listening).map(|end| Reverse((end, Look::Silence(rule, scope)))),
            );
            count(&mut self.active, &mut self.alerts, rule, was, is);
        }
    }

    /// Commits are taken from `from` on: silence is counted, and from then at the earliest.
    pub fn listen(&mut self, from: i64) {
        self.listening = Some(from);
        for (rule, silence) in &mut self.silences {
            let Some(Some(program)) = self.programs.get(*rule as usize) else { continue };
            for (scope, state) in (0..).zip(&mut silence.scopes) {
                let end = state.arm(program, self.listening);
                self.due.extend(end.map(|end| Reverse((end, Look::Silence(*rule, scope)))));
            }
        }
    }

    /// No commit is taken after `at`: no silence begins.
    pub fn deaf(&mut self, at: i64, out: &mut Vec<Transition>) {
        self.advance_to(at, out);
        self.listening = None;
    }

    /// What was seen since the engine was made.
    pub fn counts(&self) -> Counts {
        self.counts
    }
}

fn count(active: &mut HashMap<u32, usize>, alerts: &mut usize, rule: u32, was: bool, is: bool) {
    let of_rule = active.entry(rule).or_default();
    *of_rule = (*of_rule + usize::from(is)).saturating_sub(usize::from(was));
    *alerts = (*alerts + usize::from(is)).saturating_sub(usize::from(was));
}
