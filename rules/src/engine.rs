//! All rules, all signals: commit by commit.

mod ahead;
mod conditions;
mod jump;
mod rules;
mod samples;
mod sets;
mod start;
mod time;

use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeSet, BinaryHeap, HashMap};
use std::sync::Arc;

use crate::compile::Program;
use crate::machine::Change;
use crate::signal::{Names, Sample, Signal};
use crate::silence::Silence;
use crate::transition::{Changed, Counts, Transition};
use ahead::Ahead;
use sets::Sets;

pub use start::Memory;

/// Evaluates rules on samples. See the crate's documentation for how it is driven.
#[derive(Debug)]
pub struct Engine {
    /// By number; numbers of rules that were removed are used again.
    programs: Vec<Option<Program>>,
    /// The scopes of rules about silence, by the rule's number.
    silences: HashMap<u32, Silence>,
    /// Numbers of rules that were removed.
    vacant: BTreeSet<u32>,
    numbers: HashMap<Arc<str>, u32>,
    names: Names,
    signals: Vec<Signal>,
    sets: Sets,
    /// Names of signals that others are looked at together with and that do not exist yet, and how old their values may be.
    wanted: HashMap<Arc<str>, i64>,
    /// Since when commits are taken; `None` while they are not.
    listening: Option<i64>,
    due: BinaryHeap<Reverse<(i64, Look)>>,
    changed: BTreeSet<(u32, Scope)>,
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
            vacant: BTreeSet::new(),
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

/// A scope's name, which is compared with itself at once: one that changes often does so mostly again.
#[derive(Clone, Debug)]
struct Scope(Arc<str>);

impl Ord for Scope {
    fn cmp(&self, other: &Self) -> Ordering {
        if Arc::ptr_eq(&self.0, &other.0) { Ordering::Equal } else { self.0.cmp(&other.0) }
    }
}

impl PartialOrd for Scope {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Scope {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Scope {}

/// Where transitions go, with the scope's name; remembers that its state changed.
struct Out<'o> {
    transitions: &'o mut Vec<Transition>,
    changed: &'o mut BTreeSet<(u32, Scope)>,
}

impl Out<'_> {
    fn put(&mut self, number: u32, program: &Program, scope: &Arc<str>, change: Change) {
        self.changed.insert((number, Scope(scope.clone())));
        self.transitions.push(change.within(program, scope));
    }
}

impl Engine {
    /// What was seen since the engine was made.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// An alert of a rule is no more.
    fn ended(&mut self, rule: u32) {
        self.alerts = self.alerts.saturating_sub(1);
        if let Some(active) = self.active.get_mut(&rule) {
            *active = active.saturating_sub(1);
        }
    }
}

fn count(active: &mut HashMap<u32, usize>, alerts: &mut usize, rule: u32, was: bool, is: bool) {
    let of_rule = active.entry(rule).or_default();
    *of_rule = (*of_rule + usize::from(is)).saturating_sub(usize::from(was));
    *alerts = (*alerts + usize::from(is)).saturating_sub(usize::from(was));
}
