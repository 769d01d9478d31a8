//! Time, which decides what no sample does.

use std::cmp::Reverse;

use super::{Engine, Look, Out, count};
use crate::machine::Alert;
use crate::transition::Transition;

/// Looks that are due before it is worth while to go through them.
const LOOKS: usize = 4_096;

impl Engine {
    /// Lets time pass to `now`, by the clock that commits have. What time decides is stamped with the instant that decides it.
    pub fn advance_to(&mut self, now: i64, out: &mut Vec<Transition>) {
        while let Some(Reverse((end, look))) = self.due.peek().copied()
            && end < now
        {
            self.due.pop();
            match look {
                Look::Alert(signal, rule) => self.look_at_alert((signal, rule, end), now, out),
                Look::Silence(rule, scope) => self.look_at_silence(rule, scope, now, out),
            }
        }
    }

    /// When [`Engine::advance_to`] has something to do, if no commit comes before; `None` for never.
    pub fn deadline(&self) -> Option<i64> {
        self.due.peek().map(|Reverse((end, _))| end + 1)
    }

    fn look_at_alert(&mut self, (number, rule, due): (u32, u32, i64), now: i64, out: &mut Vec<Transition>) {
        let Some(Some(program)) = self.programs.get(rule as usize) else { return };
        let Some(name) = self.names.all.get(number as usize) else { return };
        let Some(signal) = self.signals.get_mut(number as usize) else { return };
        let Some(more) = &mut signal.more else { return };
        let Some(held) = more.alerts.get_mut(rule).filter(|held| held.due == due) else { return };
        let (lag, cadence) = (signal.lag, &more.cadence);
        let mut state = Some(held.state);
        let mut put = Out { transitions: out, changed: &mut self.changed };
        Alert { program, state: &mut state, out: &mut |change| put.put(rule, program, name, change) }
            .pass(now - lag, |time| cadence.grace(time));
        match state {
            Some(state) => {
                let end =
                    Alert::end(program, &state, |time| cadence.grace(time)).map_or(i64::MAX, |end| end + lag);
                (held.state, held.due) = (state, end);
                if end < i64::MAX {
                    self.due.push(Reverse((end, Look::Alert(number, rule))));
                }
            }
            None => {
                more.alerts.remove(rule);
                self.ended(rule);
            }
        }
    }

    /// Forgets looks at alerts that are over, when they are most of those that are due: an alert that comes and goes leaves one each time.
    pub(super) fn forget_looks(&mut self) {
        let scopes: usize = self.silences.values().map(|silence| silence.scopes.len()).sum();
        if self.due.len() <= 2 * (self.alerts + scopes) + LOOKS {
            return;
        }
        let signals = &self.signals;
        let due_of =
            |signal: u32, rule| Some(signals.get(signal as usize)?.more.as_ref()?.alerts.get(rule)?.due);
        self.due.retain(|Reverse((end, look))| match look {
            Look::Alert(signal, rule) => due_of(*signal, *rule) == Some(*end),
            Look::Silence(..) => true,
        });
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

#[cfg(test)]
mod tests {
    use super::LOOKS;
    use crate::tests::{engine, named, rule};
    use crate::{Sample, Transition};

    #[test]
    fn alerts_that_come_and_go_leave_a_bounded_number_of_looks() {
        let above = rule(r#""is":"above","levels":[{"severity":"info","limit":1}]"#);
        let rules: Vec<_> = (0..50).map(|id| named(above.clone(), &format!("r{id}"))).collect();
        let mut engine = engine(&rules, &["s"]);
        let samples = (0..20_001).map(|at| Sample { signal: 0, at, value: f64::from(2 * (at % 2) as i32) });
        let (mut out, mut most, mut taken) = (Vec::new(), 0, 0);
        let mut full = |changes: &mut Vec<Transition>| {
            most = most.max(changes.len());
            taken += changes.len();
            changes.clear();
        };
        engine.step_in_parts(20_001, samples, &mut (), &mut out, &mut full);
        assert_eq!(taken + out.len(), 20_000 * 50, "each of them begins and ends ten thousand times");
        assert!(engine.due.len() <= 2 * LOOKS, "{} looks", engine.due.len());
        assert_eq!(engine.counts().late, 0);
        assert!(most < 4_096 + 50, "{most} at once");
    }
}
