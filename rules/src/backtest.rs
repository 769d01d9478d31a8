//! What a rule would have found in samples of the past.
//!
//! The engine itself, with samples that come at their own time. Episodes are kept up to a bound and counted beyond it.

mod presence;

use std::collections::BTreeMap;
use std::sync::Arc;

use afterglow_wire::Timestamp;
use afterglow_wire::backtest::{self, EpisodeBacktest, ScopeBacktest};
use afterglow_wire::limits::{BACKTEST_EPISODES, BACKTEST_LISTED, BACKTEST_SCOPES};
use afterglow_wire::rule::{Each, Rule};

use crate::SECOND;
use crate::band::{HOUR, WEEKS};
use crate::compile::{Bounds, Program};
use crate::engine::Engine;
use crate::join::{Link, Partner};
use crate::past::Past;
use crate::signal::Sample;
use crate::transition::{Kind, Transition};
pub use presence::Presence;

/// Evaluates one rule on samples of the past, signal by signal.
#[derive(Debug)]
pub struct Backtest {
    engine: Engine,
    program: Program,
    from: i64,
    to: i64,
    signals: u32,
    samples: u64,
    scopes: BTreeMap<Arc<str>, Scope>,
    /// Episodes that are listed, of all scopes.
    listed: usize,
    out: Vec<Transition>,
    /// Signals of scopes that others stand for.
    others: u32,
    minutes: Minutes,
    /// When listening begins, `true`, and ends, in order.
    turns: Vec<(i64, bool)>,
    /// How many of them time has passed, for the present signal.
    turned: usize,
}

/// The means of the minutes of the present signal, each with the instant at which the minute begins, in order.
#[derive(Debug, Default)]
struct Minutes(Vec<(i64, f64)>);

impl Past for Minutes {
    fn samples(&mut self, _: u32, _: i64, _: i64) -> Option<Vec<(i64, f64)>> {
        None
    }

    fn minutes(&mut self, _: u32, from: i64, to: i64) -> Option<Vec<f64>> {
        let place = |at: i64| self.0.partition_point(|(begins, _)| *begins < at);
        Some(self.0.get(place(from)..place(to))?.iter().map(|(_, mean)| *mean).collect())
    }
}

/// How the samples of a rule's signals are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wants {
    /// Each signal for itself.
    Each,
    /// Each signal together with those it is compared with.
    Compared,
    /// When there are samples of any of the signals of a scope; gaps of up to this many microseconds do not matter.
    Presence(i64),
}

#[derive(Debug, Default)]
struct Scope {
    times: u64,
    firing: i64,
    longest: i64,
    open: Option<EpisodeBacktest>,
    episodes: Vec<EpisodeBacktest>,
    capped: bool,
}

impl Backtest {
    /// A test of `rule` from `from` to `to`, in microseconds since 1970.
    pub fn new(rule: &Rule, from: i64, to: i64) -> Self {
        let rule = Rule { enabled: true, ..rule.clone() };
        let mut engine = Engine::default();
        engine.put(&rule, 0);
        let program = Program::new(&rule, 0);
        Self {
            engine,
            program,
            from,
            to,
            signals: 0,
            samples: 0,
            scopes: BTreeMap::new(),
            listed: 0,
            out: Vec::new(),
            others: 0,
            minutes: Minutes::default(),
            turns: Vec::new(),
            turned: 0,
        }
    }

    /// From when on samples are wanted, so that what is right at the beginning of the span is known: its windows, and what is pending.
    pub fn begins(&self) -> i64 {
        let program = &self.program;
        let silence =
            program.levels.iter().filter_map(|level| level.time().filter(|_| program.is_silence())).max();
        let before = program.shape.map_or(0, |shape| shape.reach())
            + program.for_time
            + program.keep
            + silence.unwrap_or(0)
            + program.links().map(|link| link.within).max().unwrap_or(0);
        self.from - before.max(3_600 * SECOND)
    }

    /// From when on the means of minutes are wanted beside samples, by [`Backtest::minutes`]: for limits that are what is usual.
    pub fn minutes_from(&self) -> Option<i64> {
        let hour = |at: i64| at - at.rem_euclid(HOUR);
        self.program.is_usual.then(|| hour(self.begins()) - WEEKS * 168 * HOUR)
    }

    /// The means of the minutes of the signal whose samples come next, each with the instant at which the minute begins, in order.
    pub fn minutes(&mut self, minutes: Vec<(i64, f64)>) {
        self.minutes = Minutes(minutes);
    }

    /// Between which instants no samples could come, the earliest first: silence is not counted there. To be called before the first sample.
    pub fn unheard(&mut self, spans: &[(i64, i64)]) {
        if !self.program.is_silence() {
            return;
        }
        let mut apart: Vec<(i64, i64)> = Vec::new();
        for (from, to) in spans {
            match apart.last_mut() {
                Some(last) if *from <= last.1 => last.1 = last.1.max(*to),
                _ => apart.push((*from, *to)),
            }
        }
        self.turns = apart.iter().flat_map(|(from, to)| [(*from, false), (*to, true)]).collect();
    }

    /// How samples are wanted.
    pub fn wants(&self) -> Wants {
        let program = &self.program;
        if program.links().any(Link::names_another) {
            return Wants::Compared;
        }
        match program.rule.each {
            Each::Signal => Wants::Each,
            Each::Prefix(_) | Each::All => {
                Wants::Presence(program.levels.first().and_then(Bounds::time).unwrap_or(SECOND))
            }
        }
    }

    /// Whether the rule is about the signal called `name`.
    pub fn selects(&self, name: &str) -> bool {
        self.program.selects(name)
    }

    /// The scope that the signal called `name` belongs to.
    pub fn scope<'n>(&self, name: &'n str) -> &'n str {
        self.program.scope(name)
    }

    /// The names of the signals that the one called `name` is compared with.
    pub fn compared(&self, name: &str) -> Vec<Arc<str>> {
        let mut names: Vec<_> = self
            .program
            .links()
            .filter_map(|link| if let Partner::Named(name) = link.partner(name) { Some(name) } else { None })
            .collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// The next signal; its number.
    pub fn signal(&mut self, name: &str) -> u32 {
        let number = self.signals;
        self.signals += 1;
        self.engine.learn(number, name, None);
        // Time begins again for each signal.
        self.turned = 0;
        if !self.turns.is_empty() {
            self.engine.listen(i64::MIN);
        }
        number
    }

    /// Lets listening begin and end up to and without `by`.
    fn turn(&mut self, by: i64) {
        while let Some((at, listens)) = self.turns.get(self.turned).filter(|(at, _)| *at < by).copied() {
            self.turned += 1;
            if listens {
                self.engine.advance_to(at, &mut self.out);
                self.engine.listen(at);
            } else {
                self.engine.deaf(at, &mut self.out);
            }
        }
    }

    /// Samples of a signal, later than those of it before, in order.
    pub fn samples(&mut self, signal: u32, times: &[i64], values: &[f64]) {
        self.samples += times.len() as u64;
        let mut begin = 0;
        while let Some(first) = times.get(begin).copied() {
            self.turn(first);
            let next = self.turns.get(self.turned).map_or(i64::MAX, |(at, _)| *at);
            let end = begin + times[begin..].partition_point(|at| *at <= next).max(1);
            let part = (&times[begin..end], &values[begin..end]);
            self.engine.replay(signal, part, &mut self.minutes, &mut self.out);
            begin = end;
        }
        self.sort();
    }

    /// All samples of a signal and of those that it is compared with, each in order: names, times and values, its own first.
    pub fn compared_samples(&mut self, series: &[(&str, &[i64], &[f64])]) {
        // Signals that several are compared with begin again for each.
        let mut engine = Engine::default();
        engine.put(&self.program.rule, 0);
        (0..).zip(series).for_each(|(number, (name, ..))| engine.learn(number, name, None));
        let (mut places, mut commit) = (vec![0; series.len()], Vec::new());
        loop {
            let heads = series.iter().zip(&places).filter_map(|((_, times, _), place)| times.get(*place));
            let Some(at) = heads.min().copied() else { break };
            commit.clear();
            for ((signal, (_, times, values)), place) in (0..).zip(series).zip(&mut places) {
                if times.get(*place) == Some(&at)
                    && let Some(value) = values.get(*place)
                {
                    commit.push(Sample { signal, at, value: *value });
                    *place += 1;
                }
            }
            self.samples += commit.len() as u64;
            engine.step_with(at, commit.iter().copied(), &mut self.minutes, &mut self.out);
        }
        engine.advance_to(self.to.saturating_add(1), &mut self.out);
        let own = series.first().map(|(name, ..)| *name);
        self.out.retain(|transition| Some(&*transition.scope) == own);
        self.signals += 1;
        self.sort();
    }

    /// When there were samples of a scope of this many `signals`, of which the one called `name` is the first.
    pub fn presence(&mut self, name: &str, signals: u32, presence: &Presence) {
        let signal = self.signal(name);
        self.samples += presence.samples();
        for at in presence.points() {
            self.turn(at);
            self.engine.step(at, [Sample { signal, at, value: 0.0 }], &mut self.out);
        }
        self.others += signals.saturating_sub(1);
        self.sort();
    }

    /// Puts transitions to their episodes.
    fn sort(&mut self) {
        for transition in self.out.drain(..) {
            let scope = self.scopes.entry(transition.scope.clone()).or_default();
            scope.put(&transition, self.from, self.to, &mut self.listed);
        }
    }

    /// What was found. Samples end with `to`.
    pub fn finish(mut self) -> backtest::Backtest {
        self.turn(self.to);
        self.engine.advance_to(self.to.saturating_add(1), &mut self.out);
        self.sort();
        let span = (self.to - self.from).max(1) as f64;
        let seconds = |time: i64| time as f64 / SECOND as f64;
        let mut found = backtest::Backtest {
            from: Timestamp::from_micros(self.from),
            to: Timestamp::from_micros(self.to),
            signals: u64::from(self.signals) + u64::from(self.others),
            samples: self.samples,
            late_unknown: true,
            ..backtest::Backtest::default()
        };
        let mut firing = 0.0;
        for (name, mut scope) in std::mem::take(&mut self.scopes) {
            if let Some(open) = scope.open.take() {
                scope.end(open, self.to, (self.from, self.to), &mut self.listed);
            }
            if scope.times == 0 {
                continue;
            }
            found.times += scope.times;
            found.longest = found.longest.max(seconds(scope.longest));
            found.capped |= scope.capped;
            firing += scope.firing as f64;
            if found.scopes.len() == BACKTEST_SCOPES {
                found.capped = true;
                continue;
            }
            found.scopes.push(ScopeBacktest {
                scope: name.to_string(),
                times: scope.times,
                longest: seconds(scope.longest),
                share: scope.firing as f64 / span,
                episodes: scope.episodes,
            });
        }
        found.share = firing / span / f64::from(self.signals.max(1));
        found
    }
}

impl Scope {
    fn put(&mut self, transition: &Transition, from: i64, to: i64, listed: &mut usize) {
        let at = Timestamp::from_micros;
        match transition.kind {
            Kind::Fired => {
                self.open = Some(EpisodeBacktest {
                    pending: at(transition.pending_at),
                    fired: at(transition.at),
                    resolved: None,
                    severity: transition.severity,
                    peak: transition.peak,
                });
            }
            Kind::Level(_) | Kind::Relapsed | Kind::Recovering | Kind::Confirmed => {
                if let Some(open) = &mut self.open {
                    open.severity = open.severity.max(transition.severity);
                    open.peak = transition.peak;
                }
            }
            Kind::Resolved(_) => {
                if let Some(mut open) = self.open.take() {
                    open.peak = transition.peak;
                    if transition.at <= to {
                        open.resolved = Some(at(transition.at));
                    }
                    self.end(open, transition.at, (from, to), listed);
                }
            }
            Kind::Pending | Kind::Cancelled => {}
        }
    }

    /// An episode that ended at `ended`, or had not when the span did.
    fn end(&mut self, episode: EpisodeBacktest, ended: i64, (from, to): (i64, i64), listed: &mut usize) {
        let (begins, ends) = (episode.fired.micros().max(from), ended.min(to));
        if ended < from || episode.fired.micros() > to {
            return;
        }
        self.times += 1;
        self.firing += (ends - begins).max(0);
        self.longest = self.longest.max(ends - begins);
        if self.episodes.len() < BACKTEST_EPISODES && *listed < BACKTEST_LISTED {
            *listed += 1;
            self.episodes.push(episode);
        } else {
            self.capped = true;
        }
    }
}
