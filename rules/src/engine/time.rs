//! Time, which decides what no sample does.

use std::cmp::Reverse;

use super::{Engine, Look, Out, count};
use crate::machine::Alert;
use crate::transition::Transition;

impl Engine {
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
}
