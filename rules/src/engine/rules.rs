//! Rules and signals come and go.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use afterglow_wire::rule::{Rule, Same};

use super::{Engine, Out, Scope, count};
use crate::compile::Program;
use crate::join::{Partner, captures, counterpart};
use crate::machine::Alert;
use crate::signal::Signal;
use crate::silence::Silence;
use crate::state::{Phase, State};
use crate::transition::{Changed, Kind, Reason, Transition};

impl Engine {
    /// Adds a rule that was made at `born`, or replaces the one with its id. Where the new one evaluates as the old, alerts go on; else they are
    /// dropped without a word, unless it comes by [`Engine::adopt`].
    pub fn put(&mut self, rule: &Rule, born: i64) {
        if let Some(number) = self.numbers.get(&*rule.id).copied() {
            if let Some(Some(program)) = self.programs.get_mut(number as usize)
                && program.rule.evaluates_as(rule)
            {
                program.rule = rule.clone();
                return;
            }
            self.drop_rule(number);
        }
        let program = Program::new(rule, born);
        let number = self.vacant.pop_first().unwrap_or(self.programs.len() as u32);
        self.numbers.insert(program.id.clone(), number);
        self.sets.joined |= program.links().next().is_some();
        if program.is_silence() {
            self.silences.insert(number, Silence::new(rule));
        }
        let (is_enabled, knows_more) = (program.rule.enabled, program.knows_more());
        match self.programs.get_mut(number as usize) {
            Some(place) => *place = Some(program),
            None => self.programs.push(Some(program)),
        }
        if !is_enabled {
            return;
        }
        for signal in self.sets.add(number, &self.programs, &self.names) {
            self.follow_set(signal);
            if knows_more {
                self.select(number, signal);
            }
        }
    }

    /// Tells of a signal: its number, its name, and how often it should have a sample, in microseconds, if that is known. May be repeated.
    pub fn learn(&mut self, signal: u32, name: &str, expected_period: Option<i64>) {
        let place = signal as usize;
        let is_new = self.expected.insert(signal, expected_period).is_none();
        if !is_new {
            for number in self.sets.knowing(signal).to_vec() {
                if let Some(Some(program)) = self.programs.get(number as usize)
                    && let Some(silence) = self.silences.get_mut(&number)
                {
                    silence.scope(program.scope(name), expected_period);
                }
            }
            return;
        }
        if self.signals.len() <= place {
            self.signals.resize_with(place + 1, Signal::default);
            self.names.all.resize_with(place + 1, || Arc::from(""));
        }
        let name: Arc<str> = Arc::from(name);
        self.names.all[place] = name.clone();
        self.names.numbers.insert(name.clone(), signal);
        if let Some(within) = self.wanted.remove(&name) {
            self.remember(signal, within);
        }
        self.sets.learn(signal, &name, &self.programs);
        self.follow_set(signal);
        for number in self.sets.knowing(signal).to_vec() {
            self.select(number, signal);
        }
    }

    /// Takes over what the set of a signal's rules says.
    fn follow_set(&mut self, signal: u32) {
        if let Some(state) = self.signals.get_mut(signal as usize) {
            state.is_selected = !self.sets.rules(signal).is_empty();
            state.quiet = self.sets.quiet(signal);
        }
    }

    /// Prepares a signal for a rule that selects it, and must know more of it than its value.
    fn select(&mut self, number: u32, signal: u32) {
        let Some(Some(program)) = self.programs.get(number as usize) else { return };
        let Some(name) = self.names.all.get(signal as usize).cloned() else { return };
        let Some(state) = self.signals.get_mut(signal as usize) else { return };
        let more = state.more.get_or_insert_default();
        if let Some(silence) = self.silences.get_mut(&number) {
            let expected = self.expected.get(&signal).copied().flatten();
            more.silences.push((number, silence.scope(program.scope(&name), expected)));
        }
        if program.links().next().is_none() {
            return;
        }
        let partners: Vec<_> = program.links().map(|link| link.partner(&name)).collect();
        let others: Vec<_> = partners
            .iter()
            .zip(program.links())
            .filter_map(|(partner, link)| match partner {
                Partner::Named(other) => Some((other.clone(), link.within)),
                _ => None,
            })
            .collect();
        if let Some(more) = &mut state.more {
            more.partners.insert(number, partners);
        }
        for (other, within) in others {
            match self.names.numbers.get(&other).copied() {
                Some(other) => self.remember(other, within),
                None => {
                    let longest = self.wanted.entry(other).or_default();
                    *longest = within.max(*longest);
                }
            }
        }
    }

    /// Others look at the last samples of this signal from now on, as far as they are no older than `within`.
    fn remember(&mut self, signal: u32, within: i64) {
        let Some(state) = self.signals.get_mut(signal as usize) else { return };
        let newest = state.is_known().then_some((state.newest, state.value));
        let more = state.more.get_or_insert_default();
        more.recent.get_or_insert_with(|| VecDeque::from_iter(newest));
        more.within = within.max(more.within);
    }

    /// Takes a rule away at `now`. What fires of it ends for `reason`.
    pub fn remove(&mut self, id: &str, reason: Reason, now: i64, out: &mut Vec<Transition>) {
        let Some(number) = self.numbers.get(id).copied() else { return };
        for (scope, state) in self.states_of(number) {
            self.end(number, &scope, state, reason, now, out);
        }
        self.drop_rule(number);
    }

    fn end(
        &mut self,
        number: u32,
        scope: &Arc<str>,
        state: State,
        reason: Reason,
        now: i64,
        out: &mut Vec<Transition>,
    ) {
        let Some(Some(program)) = self.programs.get(number as usize) else { return };
        let mut put = Out { transitions: out, changed: &mut self.changed };
        // The rule's change is no sample: it is news however old the samples are.
        let mut state = Some(State { stale: false, ..state });
        Alert { program, state: &mut state, out: &mut |change| put.put(number, program, scope, change) }
            .resolve(now, reason);
    }

    /// Every state of a rule, by scope.
    fn states_of(&self, number: u32) -> Vec<(Arc<str>, State)> {
        let of_signals = self.names.all.iter().zip(&self.signals).filter_map(|(name, signal)| {
            let held = signal.more.as_ref()?.alerts.get(number)?;
            Some((name.clone(), held.state))
        });
        let scopes = self.silences.get(&number).into_iter().flat_map(|silence| &silence.scopes);
        of_signals.chain(scopes.filter_map(|scope| Some((scope.name.clone(), scope.state?)))).collect()
    }

    fn drop_rule(&mut self, number: u32) {
        for (scope, _) in self.states_of(number) {
            self.changed.insert((number, Scope(scope)));
        }
        self.flush_changed(number);
        let Some(Some(program)) = self.programs.get_mut(number as usize).map(Option::take) else { return };
        self.vacant.insert(number);
        for signal in self.sets.remove(number, &program) {
            self.follow_set(signal);
            let Some(more) = self.signals.get_mut(signal as usize).and_then(|state| state.more.as_mut())
            else {
                continue;
            };
            self.windows -= usize::from(more.windows.remove(number).is_some());
            self.alerts -= usize::from(more.alerts.remove(number).is_some());
            more.partners.remove(number);
            more.silences.retain(|(rule, _)| *rule != number);
        }
        self.active.remove(&number);
        let silent = self.silences.remove(&number).into_iter().flat_map(|silence| silence.scopes);
        self.alerts -= silent.filter(|scope| scope.state.is_some()).count();
        self.numbers.remove(&program.id);
    }

    /// States that are not as they were when they were last taken, without order.
    pub fn take_changed(&mut self) -> Vec<Changed> {
        let mut taken = std::mem::take(&mut self.gone);
        for (number, Scope(scope)) in std::mem::take(&mut self.changed) {
            let Some(rule) =
                self.programs.get(number as usize).and_then(Option::as_ref).map(|program| program.id.clone())
            else {
                continue;
            };
            let state = self.state_by(number, &scope);
            taken.push(Changed { rule, scope, state });
        }
        taken
    }

    /// The rule goes, and with it its number: what changed of it is kept by name.
    fn flush_changed(&mut self, number: u32) {
        let Some(Some(program)) = self.programs.get(number as usize) else { return };
        let of_rule: Vec<_> = self.changed.iter().filter(|(rule, _)| *rule == number).cloned().collect();
        for key in of_rule {
            self.changed.remove(&key);
            self.gone.push(Changed { rule: program.id.clone(), scope: key.1.0, state: None });
        }
    }

    /// The state of a scope of a rule; `None` when nothing is wrong there.
    pub fn state(&self, rule: &str, scope: &str) -> Option<State> {
        self.state_by(*self.numbers.get(rule)?, scope)
    }

    fn state_by(&self, number: u32, scope: &str) -> Option<State> {
        let program = self.programs.get(number as usize)?.as_ref()?;
        if program.is_silence() {
            return self.silences.get(&number)?.get(scope)?.state;
        }
        let signal = self.signals.get(*self.names.numbers.get(scope)? as usize)?;
        signal.more.as_ref()?.alerts.get(number).map(|held| held.state)
    }

    /// Takes the rules of another engine over, with what that knows of them: an engine with rules that are new or changed, which
    /// knows the same signals by the same numbers and has seen their samples before `now`. An episode goes on where the value is wrong by the new rule too, and ends
    /// where it is not. What was already wrong is reported as if it had begun now, with its true beginning.
    pub fn adopt(&mut self, other: Engine, now: i64, out: &mut Vec<Transition>) {
        let followed: Vec<bool> =
            self.signals.iter().map(|signal| signal.is_wanted() && signal.is_known()).collect();
        for (number, program) in (0u32..).zip(&other.programs) {
            let Some(program) = program else { continue };
            let old = self.numbers.get(&program.id).copied();
            let born = old
                .and_then(|old| Some(self.programs.get(old as usize)?.as_ref()?.born))
                .unwrap_or(program.born);
            let new: HashMap<_, _> = other.states_of(number).into_iter().collect();
            let mut going_on = HashMap::new();
            for (scope, state) in old.map(|old| self.states_of(old)).unwrap_or_default() {
                if state.fired_at.is_some() && new.contains_key(&scope) {
                    going_on.insert(scope, state);
                } else if let Some(old) = old {
                    self.end(old, &scope, state, Reason::Changed, now, out);
                }
            }
            let heard = old.and_then(|old| self.heard(old, program));
            if let Some(old) = old {
                self.drop_rule(old);
            }
            self.put(&program.rule, born);
            let Some(mine) = self.numbers.get(&program.id).copied() else { continue };
            if let Some((own, heard)) = self.silences.get_mut(&mine).zip(heard) {
                own.take(&heard);
            }
            self.take_memory(mine, &other, number, &followed);
            for (scope, state) in new {
                let before = going_on.remove(&scope);
                self.take_state(mine, &scope, state, before, out);
            }
        }
    }

    /// What the old form of a rule about silence knows of the same scopes; `None` when the new form hears other samples.
    fn heard(&self, old: u32, new: &Program) -> Option<Silence> {
        let before = &self.programs.get(old as usize)?.as_ref()?.rule;
        let (new, hears) =
            (&new.rule, |rule: &Rule| (rule.signals.clone(), rule.except.clone(), rule.each, rule.fresh));
        (hears(before) == hears(new)).then(|| self.silences.get(&old).cloned())?
    }

    /// What the other engine knows for one of its rules; `followed` says of which signals rules of this one have seen all samples.
    fn take_memory(&mut self, mine: u32, other: &Engine, theirs: u32, followed: &[bool]) {
        let signals = self.signals.iter_mut().zip(&other.signals).zip(followed);
        for ((own, seen), is_followed) in signals {
            // Where rules looked at the signal, what they have not seen yet is still to come, for all of them.
            if !is_followed && own.newest < seen.newest {
                (own.newest, own.value, own.before) = (seen.newest, seen.value, seen.before);
            }
            let (Some(more), Some(seen_more)) = (&mut own.more, &seen.more) else { continue };
            if let Some(window) = seen_more.windows.get(theirs)
                && self.windows < afterglow_wire::limits::RULE_WINDOWS
            {
                self.windows += 1;
                more.windows.insert(mine, window.clone());
            }
            if more.known_since.is_none_or(|since| seen_more.known_since.is_some_and(|seen| seen < since)) {
                more.known_since = seen_more.known_since;
            }
            if more.cadence.known() < seen_more.cadence.known() {
                more.cadence = seen_more.cadence.clone();
            }
            more.take_recent(seen_more);
        }
        if let Some((own, seen)) = self.silences.get_mut(&mine).zip(other.silences.get(&theirs)) {
            own.take(seen);
        }
        if let Some(listening) = self.listening {
            self.listen(listening);
        }
    }

    fn take_state(
        &mut self,
        mine: u32,
        scope: &Arc<str>,
        state: State,
        before: Option<State>,
        out: &mut Vec<Transition>,
    ) {
        let state = match before {
            Some(before) => State {
                phase: if state.phase == Phase::Pending { Phase::Firing } else { state.phase },
                pending_at: before.pending_at,
                fired_at: before.fired_at,
                unnotified: before.unnotified,
                ..state
            },
            None => State { stale: false, unnotified: false, ..state },
        };
        let Some(Some(program)) = self.programs.get(mine as usize) else { return };
        let mut put = Out { transitions: out, changed: &mut self.changed };
        let mut held = Some(state);
        let mut alert =
            Alert { program, state: &mut held, out: &mut |change| put.put(mine, program, scope, change) };
        match before {
            None if state.fired_at.is_some() => alert.report(Kind::Fired),
            None => alert.report(Kind::Pending),
            Some(before) if before.level != state.level => alert.report(Kind::Level(before.level)),
            Some(_) => {}
        }
        self.changed.insert((mine, Scope(scope.clone())));
        self.keep_state(mine, scope, state);
    }

    /// The id of a rule that explains the alert of `transition`: one that the alert's rule names in `unless`, and that fires or is pending where
    /// it says.
    pub fn explained(&self, transition: &Transition) -> Option<&str> {
        let program = |id: &str| {
            let number = *self.numbers.get(id)?;
            self.programs.get(number as usize)?.as_ref().map(|program| (number, program))
        };
        let (_, own) = program(&transition.rule)?;
        own.rule.unless.iter().map(|unless| (&*unless.rule, unless.same)).find_map(|(id, same)| {
            let (number, other) = program(id)?;
            let fires = match same {
                Same::Anywhere => self.active.get(&number).is_some_and(|active| *active > 0),
                Same::Capture => other.rule.signals.iter().any(|pattern| {
                    let name = counterpart(&own.rule.signals, &transition.scope, pattern);
                    name.is_some_and(|name| {
                        captures(pattern, &name).is_some()
                            && self.state_by(number, other.scope(&name)).is_some()
                    })
                }),
            };
            fires.then_some(id)
        })
    }
}

impl Engine {
    /// Puts a state in its place.
    pub(super) fn keep_state(&mut self, number: u32, scope: &str, state: State) -> bool {
        if let Some(silence) = self.silences.get_mut(&number) {
            let Some(scope) = silence.find(scope) else { return false };
            let was = scope.state.replace(state).is_some();
            count(&mut self.active, &mut self.alerts, number, was, true);
            if let Some(listening) = self.listening {
                self.listen(listening);
            }
            return true;
        }
        let Some(signal) = self.names.numbers.get(scope).copied() else { return false };
        self.hold(number, signal, state)
    }
}
