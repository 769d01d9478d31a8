//! How the state of an alert changes.

use crate::compile::Program;
use crate::state::{Phase, State};
use crate::transition::{Kind, Reason, Transition};

/// What the samples say.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Verdict {
    /// Wrong, at this level.
    Wrong(u8),
    /// Right.
    Right,
    /// Nothing.
    Unknown,
}

/// One alert while it changes: its rule, and where its transitions go.
pub(crate) struct Alert<'a> {
    pub(crate) program: &'a Program,
    pub(crate) state: &'a mut Option<State>,
    pub(crate) out: &'a mut dyn FnMut(Change),
}

/// What [`Alert`] passes on; the scope is added outside.
pub(crate) struct Change {
    kind: Kind,
    at: i64,
    state: State,
    late: bool,
}

impl Change {
    pub(crate) fn within(self, program: &Program, scope: &std::sync::Arc<str>) -> Transition {
        let Self { kind, at, state, late } = self;
        Transition {
            rule: program.id.clone(),
            born: program.born,
            scope: scope.clone(),
            at,
            kind,
            level: state.level,
            severity: program
                .levels
                .get(usize::from(state.level))
                .map_or_else(Default::default, |level| level.severity),
            value: state.value,
            pending_at: state.pending_at,
            fired_at: state.fired_at,
            peak: state.peak,
            usual: state.usual,
            late: late && !program.tells_late(),
        }
    }
}

impl Alert<'_> {
    fn emit(&mut self, kind: Kind, at: i64, state: State) {
        let late = state.stale;
        (self.out)(Change { kind, at, state, late });
    }

    /// Lets time pass up to and without `by`, when a sample of that time comes, or none before it.
    pub(crate) fn pass(&mut self, by: i64, grace: impl Fn(i64) -> i64) {
        let Some(state) = *self.state else { return };
        match state.phase {
            Phase::Pending => {
                let end = state.pending_at + self.program.for_time;
                if end + grace(self.program.for_time) < by {
                    self.fire(end, state);
                }
            }
            Phase::Recovering => {
                let end = state.recovering_at.unwrap_or(state.newest) + self.program.keep;
                if end + grace(self.program.keep) < by {
                    self.resolve(end, Reason::Recovered);
                }
            }
            Phase::Firing => {}
        }
        if let Some(state) = *self.state
            && state.phase == Phase::Firing
            && !self.program.is_silence()
            && state.newest + self.program.forget < by
        {
            self.resolve(state.newest + self.program.forget, Reason::Forgotten);
        }
    }

    /// Until when it can go on without a sample; `None` for ever.
    pub(crate) fn end(program: &Program, state: &State, grace: impl Fn(i64) -> i64) -> Option<i64> {
        match state.phase {
            Phase::Pending => Some(state.pending_at + program.for_time + grace(program.for_time)),
            Phase::Recovering => {
                Some(state.recovering_at.unwrap_or(state.newest) + program.keep + grace(program.keep))
            }
            Phase::Firing => (!program.is_silence()).then(|| state.newest + program.forget),
        }
    }

    /// A sample at `at`, or a correction of the last one. Time has passed up to it. `usual` are the limits that it is judged by, where those are what is
    /// usual.
    pub(crate) fn judge(
        &mut self,
        at: i64,
        verdict: Verdict,
        value: f64,
        usual: Option<[f64; 2]>,
        fresh: bool,
    ) {
        let program = self.program;
        let Some(before) = *self.state else {
            if let Verdict::Wrong(level) = verdict {
                self.begin(at, level, value, usual, fresh);
            }
            return;
        };
        let mut state = State { newest: at, stale: !fresh, ..before };
        if verdict != Verdict::Unknown {
            (state.value, state.usual) = (value, usual);
        }
        if matches!(verdict, Verdict::Wrong(_)) && program.is_worse(value, state.peak, usual) {
            state.peak = value;
        }
        match (before.phase, verdict) {
            (_, Verdict::Unknown) => *self.state = Some(state),
            (Phase::Pending, Verdict::Right) => {
                *self.state = None;
                self.emit(Kind::Cancelled, at, state);
            }
            (Phase::Pending, Verdict::Wrong(level)) => {
                let end = before.pending_at + program.for_time;
                if at < end {
                    *self.state = Some(State { level, ..state });
                } else if at == end {
                    self.fire(end, State { level, ..state });
                } else {
                    // It was wrong up to its end at the level that it had.
                    self.fire(end, State { stale: state.stale, ..before });
                    self.set_level(at, level, state);
                }
            }
            (Phase::Firing, Verdict::Wrong(level)) => self.set_level(at, level, state),
            (Phase::Firing, Verdict::Right) => {
                if program.keep == 0 {
                    *self.state = Some(state);
                    self.resolve(at, Reason::Recovered);
                } else {
                    let state = State { phase: Phase::Recovering, recovering_at: Some(at), ..state };
                    *self.state = Some(state);
                    self.emit(Kind::Recovering, at, state);
                }
            }
            (Phase::Recovering, Verdict::Right) => {
                let end = before.recovering_at.unwrap_or(at) + program.keep;
                *self.state = Some(state);
                if at >= end {
                    self.resolve(end, Reason::Recovered);
                }
            }
            (Phase::Recovering, Verdict::Wrong(level)) => {
                let state = State { phase: Phase::Firing, recovering_at: None, ..state };
                *self.state = Some(state);
                self.emit(Kind::Relapsed, at, state);
                self.set_level(at, level, state);
            }
        }
        self.confirm(at, fresh);
    }

    fn begin(&mut self, at: i64, level: u8, value: f64, usual: Option<[f64; 2]>, fresh: bool) {
        let state = State {
            phase: Phase::Pending,
            level,
            pending_at: at,
            fired_at: None,
            recovering_at: None,
            newest: at,
            value,
            peak: value,
            usual,
            lag: 0,
            stale: !fresh,
            unnotified: false,
        };
        if self.program.for_time == 0 {
            self.fire(at, state);
        } else {
            *self.state = Some(state);
            self.emit(Kind::Pending, at, state);
        }
    }

    fn fire(&mut self, at: i64, state: State) {
        let unnotified = state.stale && !self.program.tells_late();
        let state = State { phase: Phase::Firing, fired_at: Some(at), unnotified, ..state };
        *self.state = Some(state);
        self.emit(Kind::Fired, at, state);
    }

    /// Goes on firing, after `fire` perhaps, at a level.
    fn set_level(&mut self, at: i64, level: u8, seen: State) {
        let Some(before) = *self.state else { return };
        let State { value, peak, usual, stale, .. } = seen;
        let state = State { level, newest: at, value, peak, usual, stale, ..before };
        *self.state = Some(state);
        if before.level != level {
            self.emit(Kind::Level(before.level), at, state);
        }
    }

    /// Another level, because of time.
    pub(crate) fn raise(&mut self, at: i64, level: u8, value: f64) {
        let Some(state) = *self.state else { return };
        self.set_level(at, level, State { value, peak: state.peak.max(value), ..state });
    }

    fn confirm(&mut self, at: i64, fresh: bool) {
        let Some(state) = *self.state else { return };
        if fresh && state.unnotified && state.phase == Phase::Firing {
            let state = State { unnotified: false, ..state };
            *self.state = Some(state);
            self.emit(Kind::Confirmed, at, state);
        }
    }

    /// Says what has happened elsewhere.
    pub(crate) fn report(&mut self, kind: Kind) {
        if let Some(state) = *self.state {
            self.emit(kind, state.fired_at.unwrap_or(state.pending_at), state);
        }
    }

    /// Ends the episode, or what might have become one.
    pub(crate) fn resolve(&mut self, at: i64, reason: Reason) {
        let Some(state) = self.state.take() else { return };
        let kind = if state.phase == Phase::Pending { Kind::Cancelled } else { Kind::Resolved(reason) };
        self.emit(kind, at, state);
    }
}
