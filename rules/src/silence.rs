//! Alerts about samples that do not come.
//!
//! A scope is one signal or several. It has a deadline for each level: its last sample that was in order and fresh, or the beginning of
//! listening if that is later, and the level's limit.

use std::collections::HashMap;
use std::sync::Arc;

use afterglow_wire::rule::{Each, Limit, Rule};

use crate::SECOND;
use crate::cadence::{Cadence, LEARNED_AFTER};
use crate::compile::Program;
use crate::machine::{Alert, Change, Verdict};
use crate::state::{Phase, State};
use crate::transition::Reason;

/// The shortest silence that is learned, in microseconds.
const LEAST_LEARNED: i64 = 10 * SECOND;

/// The scopes of a rule.
#[derive(Clone, Debug, Default)]
pub(crate) struct Silence {
    pub(crate) scopes: Vec<Scope>,
    numbers: HashMap<Arc<str>, u32>,
    learns: bool,
    /// Each signal is a scope.
    single: bool,
}

/// Signals of which one sample is enough.
#[derive(Clone, Debug)]
pub(crate) struct Scope {
    pub(crate) name: Arc<str>,
    /// The last sample that was in order and fresh; `None` before the first.
    pub(crate) alive: Option<i64>,
    pub(crate) lag: i64,
    cadence: Option<Box<Cadence>>,
    /// How often the signal should have a sample, in microseconds.
    expected: Option<i64>,
    pub(crate) state: Option<State>,
    /// When a look at it is due at the latest, as far as that is arranged.
    pub(crate) due: i64,
}

impl Silence {
    pub(crate) fn new(rule: &Rule) -> Self {
        let learns = rule.levels.iter().any(|level| matches!(level.limit, Limit::Found(_)));
        Self { learns, single: rule.each == Each::Signal, ..Self::default() }
    }

    /// The number of the scope called `name`; it is added when there is none.
    pub(crate) fn scope(&mut self, name: &str, expected: Option<i64>) -> u32 {
        let next = self.scopes.len() as u32;
        let number = *self.numbers.entry(Arc::from(name)).or_insert(next);
        if number == next {
            let cadence = self.learns.then(Box::default);
            self.scopes.push(Scope {
                name: name.into(),
                alive: None,
                lag: 0,
                cadence,
                expected: None,
                state: None,
                due: i64::MAX,
            });
        }
        if self.single
            && let Some(scope) = self.scopes.get_mut(number as usize)
        {
            scope.expected = expected;
        }
        number
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Scope> {
        self.scopes.get(*self.numbers.get(name)? as usize)
    }

    /// What another knows of the same scopes, where it knows more: it may not have seen the samples of those that stopped long ago.
    pub(crate) fn take(&mut self, other: &Self) {
        for theirs in &other.scopes {
            let Some(own) = self.find(&theirs.name) else { continue };
            own.alive = own.alive.max(theirs.alive);
            let known =
                |cadence: &Option<Box<Cadence>>| cadence.as_ref().map_or(0, |cadence| cadence.known());
            if own.cadence.is_some() && known(&own.cadence) < known(&theirs.cadence) {
                own.cadence.clone_from(&theirs.cadence);
            }
        }
    }

    /// The last samples of a signal of a scope, in order.
    pub(crate) fn warm(&mut self, scope: u32, samples: &[(i64, f64)]) {
        let Some(scope) = self.scopes.get_mut(scope as usize) else { return };
        for (at, _) in samples {
            if let (Some(cadence), Some(alive)) = (&mut scope.cadence, scope.alive.filter(|alive| alive < at))
            {
                cadence.push(at - alive);
            }
            scope.alive = scope.alive.max(Some(*at));
        }
    }

    pub(crate) fn find(&mut self, name: &str) -> Option<&mut Scope> {
        let number = *self.numbers.get(name)?;
        self.scopes.get_mut(number as usize)
    }
}

impl Scope {
    /// How long a silence is wrong at each level, in microseconds.
    fn limit(&self, program: &Program, level: usize) -> Option<i64> {
        let bounds = program.levels.get(level)?;
        bounds.time().or_else(|| {
            if let Some(expected) = self.expected {
                return Some(expected * 3);
            }
            let cadence = self.cadence.as_ref().filter(|cadence| cadence.known() >= LEARNED_AFTER)?;
            Some((cadence.usual()? * 5).max(LEAST_LEARNED))
        })
    }

    /// The next level, when it is reached, and after how long a silence, in microseconds.
    fn next(&self, program: &Program, listening: Option<i64>) -> Option<(i64, u8, i64)> {
        let from = self.alive?.max(listening?);
        let level = match self.state {
            Some(state) if state.phase == Phase::Firing => state.level + 1,
            _ => 0,
        };
        let limit = self.limit(program, usize::from(level))?;
        Some((from + limit, level, limit))
    }

    /// When it changes without a sample, in event time.
    fn end(&self, program: &Program, listening: Option<i64>) -> Option<i64> {
        let ends = self.recovery(program);
        let next = self.next(program, listening).map(|(at, ..)| at);
        ends.into_iter().chain(next).min()
    }

    /// When a look at it is due by the clock of commits, if that is earlier than arranged.
    pub(crate) fn arm(&mut self, program: &Program, listening: Option<i64>) -> Option<i64> {
        let end = self.end(program, listening)? + self.lag;
        (end < self.due).then(|| {
            self.due = end;
            end
        })
    }

    fn recovery(&self, program: &Program) -> Option<i64> {
        let state = self.state.filter(|state| state.phase == Phase::Recovering)?;
        Some(state.recovering_at.unwrap_or(state.newest) + program.keep)
    }

    /// Lets time pass up to and without `by`.
    pub(crate) fn pass(
        &mut self,
        program: &Program,
        by: i64,
        listening: Option<i64>,
        out: &mut dyn FnMut(Change),
    ) {
        loop {
            let next = self.next(program, listening);
            let recovery = self.recovery(program).filter(|end| next.is_none_or(|(at, ..)| *end < at));
            let mut alert = Alert { program, state: &mut self.state, out };
            match (recovery, next) {
                (Some(end), _) if end < by => alert.resolve(end, Reason::Recovered),
                (None, Some((at, level, limit))) if at < by => {
                    let value = limit as f64 / SECOND as f64;
                    match alert.state {
                        Some(state) if state.phase == Phase::Firing => alert.raise(at, level, value),
                        _ => alert.judge(at, Verdict::Wrong(level), value, None, true),
                    }
                }
                _ => return,
            }
        }
    }

    /// A sample of one of its signals, in order there and fresh. Time has passed up to it.
    pub(crate) fn sample(&mut self, program: &Program, at: i64, lag: i64, out: &mut dyn FnMut(Change)) {
        let before = self.alive;
        if before.is_some_and(|alive| at <= alive) {
            return;
        }
        self.alive = Some(at);
        self.lag = lag;
        if let (Some(cadence), Some(before)) = (&mut self.cadence, before) {
            cadence.push(at - before);
        }
        let silent = before.map_or(0.0, |before| (at - before) as f64 / SECOND as f64);
        Alert { program, state: &mut self.state, out }.judge(at, Verdict::Right, silent, None, true);
    }
}
