//! The clock was set: time that nobody saw pass is no time.

use std::cmp::Reverse;
use std::sync::Arc;

use super::{Engine, Look, Scope};
use crate::machine::Alert;
use crate::state::{Phase, State};
use crate::window::Window;

impl Engine {
    /// The clock that commits have was set to `now`, by more than samples may be early or late. What is pending or recovering begins again, no alert is
    /// forgotten for it, and no signal has a sample later than `now`, so that its next one counts. Alerts that fire go on. A host that counts silence
    /// calls [`Engine::deaf`] before and [`Engine::listen`] after it.
    pub fn reset_clock(&mut self, now: i64) {
        for (number, signal) in (0u32..).zip(&mut self.signals) {
            if !signal.is_known() {
                continue;
            }
            let is_back = signal.newest > now;
            signal.newest = signal.newest.min(now);
            let lag = std::mem::take(&mut signal.lag);
            let Some(more) = &mut signal.more else { continue };
            if is_back {
                more.known_since = more.known_since.map(|since| since.min(now));
                more.windows.values_mut().for_each(Window::clear);
                if let Some(recent) = &mut more.recent {
                    recent.retain(|(at, _)| *at < now);
                    recent.push_back((now, signal.value));
                }
            }
            for (rule, held) in more.alerts.iter_mut() {
                let Some(Some(program)) = self.programs.get(rule as usize) else { continue };
                held.state = begun_again(held.state, now);
                let end = Alert::end(program, &held.state, |time| more.cadence.grace(time));
                held.due = end.map_or(i64::MAX, |end| end + lag);
                if held.due < i64::MAX {
                    self.due.push(Reverse((held.due, Look::Alert(number, rule))));
                }
                if let Some(name) = self.names.all.get(number as usize) {
                    self.changed.insert((rule, Scope(Arc::clone(name))));
                }
            }
        }
        for (rule, silence) in &mut self.silences {
            for scope in &mut silence.scopes {
                scope.alive = scope.alive.map(|alive| alive.min(now));
                scope.lag = 0;
                scope.due = i64::MAX;
                if let Some(state) = &mut scope.state {
                    *state = begun_again(*state, now);
                    self.changed.insert((*rule, Scope(Arc::clone(&scope.name))));
                }
            }
        }
    }
}

/// A state whose time begins at `now`.
fn begun_again(state: State, now: i64) -> State {
    match state.phase {
        Phase::Pending => State { pending_at: now, newest: now, lag: 0, ..state },
        Phase::Recovering => State { recovering_at: Some(now), newest: now, lag: 0, ..state },
        Phase::Firing => State { newest: now, lag: 0, ..state },
    }
}
