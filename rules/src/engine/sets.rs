//! Which signals have which rules, and what a value of theirs can matter to.
//!
//! Rules with the same names and patterns are one selection, and signals with the same selections share a set: ten thousand rules about a
//! thousand signals are one of each. What a value can matter to is found in a set by binary search.

use std::collections::{BTreeSet, HashMap};

use afterglow_wire::name;
use afterglow_wire::rule::{Is, Rule};

use crate::compile::{Program, selects};
use crate::signal::Names;

/// The set of signals that no rule selects.
const NONE: u32 = 0;

/// All selections and all sets.
#[derive(Debug)]
pub(super) struct Sets {
    selections: Vec<Selection>,
    by_patterns: HashMap<Patterns, u32>,
    /// The selections that have a name without `*`, by that name.
    by_name: HashMap<String, BTreeSet<u32>>,
    /// The selections that have a pattern with `*`.
    patterned: BTreeSet<u32>,
    free_selections: Vec<u32>,
    sets: Vec<Set>,
    by_selections: HashMap<Vec<u32>, u32>,
    free_sets: Vec<u32>,
    /// The set of each signal, by the signal's number; `None` for numbers of which nothing is known.
    of: Vec<Option<u32>>,
    /// A rule compares signals with others.
    pub(super) joined: bool,
}

/// Names and patterns, and those that are excepted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Patterns {
    signals: Vec<String>,
    except: Vec<String>,
}

/// Rules with the same names and patterns.
#[derive(Debug, Default)]
struct Selection {
    patterns: Patterns,
    rules: BTreeSet<u32>,
    /// The sets of its signals.
    sets: BTreeSet<u32>,
}

/// Signals with the same selections, and the rules of these.
#[derive(Debug, Default)]
struct Set {
    selections: Vec<u32>,
    signals: BTreeSet<u32>,
    /// In order of their numbers.
    rules: Vec<u32>,
    /// Rules that begin above a limit, the lowest first.
    above: Vec<(f64, u32)>,
    /// Rules that begin below a limit, the highest first.
    below: Vec<(f64, u32)>,
    /// Rules that look at every sample.
    every: Vec<u32>,
    /// Rules that must know more of a signal than its value.
    knowing: Vec<u32>,
}

impl Default for Sets {
    fn default() -> Self {
        Self {
            selections: Vec::new(),
            by_patterns: HashMap::new(),
            by_name: HashMap::new(),
            patterned: BTreeSet::new(),
            free_selections: Vec::new(),
            sets: vec![Set::default()],
            by_selections: HashMap::from([(Vec::new(), NONE)]),
            free_sets: Vec::new(),
            of: Vec::new(),
            joined: false,
        }
    }
}

impl Sets {
    /// Puts a signal that is new to its set.
    pub(super) fn learn(&mut self, signal: u32, name: &str, programs: &[Option<Program>]) {
        let named = self.by_name.get(name).into_iter().flatten();
        let mut selections: Vec<u32> = named
            .chain(&self.patterned)
            .copied()
            .filter(|selection| self.selections[*selection as usize].patterns.select(name))
            .collect();
        selections.sort_unstable();
        selections.dedup();
        let set = self.set_of(selections, programs);
        self.sets[set as usize].signals.insert(signal);
        let place = signal as usize;
        if self.of.len() <= place {
            self.of.resize(place + 1, None);
        }
        self.of[place] = Some(set);
    }

    /// Adds a rule of `programs`; the signals that have it.
    pub(super) fn add(&mut self, rule: u32, programs: &[Option<Program>], names: &Names) -> Vec<u32> {
        let Some(Some(program)) = programs.get(rule as usize) else { return Vec::new() };
        let patterns = Patterns::of(&program.rule);
        if let Some(selection) = self.by_patterns.get(&patterns).copied() {
            let selection = &mut self.selections[selection as usize];
            selection.rules.insert(rule);
            for set in &selection.sets {
                self.sets[*set as usize].add(rule, program);
            }
            return signals_of(selection, &self.sets);
        }
        let selection = self.select(patterns, rule);
        // Signals of one set go to one set.
        let mut moved: HashMap<u32, Vec<u32>> = HashMap::new();
        for signal in self.selected(selection, names) {
            if let Some(Some(set)) = self.of.get(signal as usize) {
                moved.entry(*set).or_default().push(signal);
            }
        }
        for (old, signals) in moved {
            let mut selections = self.sets[old as usize].selections.clone();
            selections.insert(selections.partition_point(|other| *other < selection), selection);
            let new = self.set_of(selections, programs);
            self.move_signals(&signals, old, new);
        }
        signals_of(&self.selections[selection as usize], &self.sets)
    }

    /// Removes a rule; the signals that had it.
    pub(super) fn remove(&mut self, rule: u32, program: &Program) -> Vec<u32> {
        let patterns = Patterns::of(&program.rule);
        let Some(number) = self.by_patterns.get(&patterns).copied() else { return Vec::new() };
        let selection = &mut self.selections[number as usize];
        selection.rules.remove(&rule);
        for set in &selection.sets {
            self.sets[*set as usize].remove(rule);
        }
        let signals = signals_of(selection, &self.sets);
        if selection.rules.is_empty() {
            self.drop_selection(number);
        }
        signals
    }

    /// A selection of one rule.
    fn select(&mut self, patterns: Patterns, rule: u32) -> u32 {
        let number = self.free_selections.pop().unwrap_or(self.selections.len() as u32);
        for pattern in &patterns.signals {
            match exact(pattern) {
                Some(name) => drop(self.by_name.entry(name).or_default().insert(number)),
                None => drop(self.patterned.insert(number)),
            }
        }
        self.by_patterns.insert(patterns.clone(), number);
        let selection = Selection { patterns, rules: BTreeSet::from([rule]), sets: BTreeSet::new() };
        match self.selections.get_mut(number as usize) {
            Some(place) => *place = selection,
            None => self.selections.push(selection),
        }
        number
    }

    /// The signals of a selection that is new.
    fn selected(&self, selection: u32, names: &Names) -> Vec<u32> {
        let patterns = &self.selections[selection as usize].patterns;
        if self.patterned.contains(&selection) {
            let all = (0..).zip(&names.all);
            return all.filter(|(_, name)| patterns.select(name)).map(|(signal, _)| signal).collect();
        }
        let named: BTreeSet<String> = patterns.signals.iter().filter_map(|pattern| exact(pattern)).collect();
        let chosen = named.iter().filter(|name| patterns.select(name));
        chosen.filter_map(|name| names.numbers.get(&**name).copied()).collect()
    }

    /// A selection has no rule any more.
    fn drop_selection(&mut self, number: u32) {
        let Selection { patterns, sets, .. } = std::mem::take(&mut self.selections[number as usize]);
        for old in sets {
            let mut selections = self.sets[old as usize].selections.clone();
            self.by_selections.remove(&selections);
            selections.retain(|other| *other != number);
            match self.by_selections.get(&selections).copied() {
                // The same rules: it had none of this selection any more.
                Some(new) => {
                    let signals: Vec<u32> = self.sets[old as usize].signals.iter().copied().collect();
                    self.move_signals(&signals, old, new);
                }
                None => {
                    self.by_selections.insert(selections.clone(), old);
                    self.sets[old as usize].selections = selections;
                }
            }
        }
        for name in patterns.signals.iter().filter_map(|pattern| exact(pattern)) {
            if let Some(selections) = self.by_name.get_mut(&name) {
                selections.remove(&number);
                if selections.is_empty() {
                    self.by_name.remove(&name);
                }
            }
        }
        self.patterned.remove(&number);
        self.by_patterns.remove(&patterns);
        self.free_selections.push(number);
    }

    /// The set with these selections, in order of their numbers.
    fn set_of(&mut self, selections: Vec<u32>, programs: &[Option<Program>]) -> u32 {
        if let Some(number) = self.by_selections.get(&selections) {
            return *number;
        }
        let number = self.free_sets.pop().unwrap_or(self.sets.len() as u32);
        self.by_selections.insert(selections.clone(), number);
        let mut set = Set { selections, ..Set::default() };
        for selection in &set.selections {
            let selection = &mut self.selections[*selection as usize];
            selection.sets.insert(number);
            set.rules.extend(&selection.rules);
        }
        for rule in std::mem::take(&mut set.rules) {
            if let Some(Some(program)) = programs.get(rule as usize) {
                set.add(rule, program);
            }
        }
        match self.sets.get_mut(number as usize) {
            Some(place) => *place = set,
            None => self.sets.push(set),
        }
        number
    }

    fn move_signals(&mut self, signals: &[u32], old: u32, new: u32) {
        for signal in signals {
            self.sets[old as usize].signals.remove(signal);
            self.of[*signal as usize] = Some(new);
        }
        self.sets[new as usize].signals.extend(signals);
        if old != NONE && self.sets[old as usize].signals.is_empty() {
            let Set { selections, .. } = std::mem::take(&mut self.sets[old as usize]);
            for selection in &selections {
                self.selections[*selection as usize].sets.remove(&old);
            }
            self.by_selections.remove(&selections);
            self.free_sets.push(old);
        }
    }

    fn get(&self, signal: u32) -> Option<&Set> {
        let set = self.of.get(signal as usize).copied().flatten()?;
        self.sets.get(set as usize)
    }

    /// The rules of a signal, in order of their numbers.
    pub(super) fn rules(&self, signal: u32) -> &[u32] {
        self.get(signal).map_or(&[], |set| &set.rules)
    }

    /// The rules of a signal that must know more of it than its value.
    pub(super) fn knowing(&self, signal: u32) -> &[u32] {
        self.get(signal).map_or(&[], |set| &set.knowing)
    }

    /// Values of a signal from the one to the other begin no alert.
    pub(super) fn quiet(&self, signal: u32) -> (f64, f64) {
        let Some(set) = self.get(signal) else { return (f64::NEG_INFINITY, f64::INFINITY) };
        if !set.every.is_empty() {
            return (f64::INFINITY, f64::NEG_INFINITY);
        }
        let low = set.below.first().map_or(f64::NEG_INFINITY, |(limit, _)| *limit);
        let high = set.above.first().map_or(f64::INFINITY, |(limit, _)| *limit);
        (low, high)
    }

    /// Appends the rules of which `value` of a signal may begin an alert.
    pub(super) fn matters(&self, signal: u32, value: f64, rules: &mut Vec<u32>) {
        let Some(set) = self.get(signal) else { return };
        let above = set.above.partition_point(|(limit, _)| *limit < value);
        let below = set.below.partition_point(|(limit, _)| *limit > value);
        rules.extend(set.above[..above].iter().chain(&set.below[..below]).map(|(_, rule)| *rule));
        rules.extend(&set.every);
    }
}

impl Patterns {
    fn of(rule: &Rule) -> Self {
        Self { signals: rule.signals.clone(), except: rule.except.clone() }
    }

    fn select(&self, name: &str) -> bool {
        selects(&self.signals, &self.except, name)
    }
}

impl Set {
    /// Adds a rule that it does not have.
    fn add(&mut self, rule: u32, program: &Program) {
        let place = self.rules.partition_point(|other| *other < rule);
        self.rules.insert(place, rule);
        if program.knows_more() {
            self.knowing.push(rule);
        }
        match program.plain() {
            Some((Is::Above, limit)) => {
                let place = self.above.partition_point(|(other, _)| other.total_cmp(&limit).is_le());
                self.above.insert(place, (limit, rule));
            }
            Some((_, limit)) => {
                let place = self.below.partition_point(|(other, _)| other.total_cmp(&limit).is_ge());
                self.below.insert(place, (limit, rule));
            }
            None if program.is_silence() => {}
            None => self.every.push(rule),
        }
    }

    fn remove(&mut self, rule: u32) {
        for rules in [&mut self.rules, &mut self.every, &mut self.knowing] {
            rules.retain(|other| *other != rule);
        }
        for limits in [&mut self.above, &mut self.below] {
            limits.retain(|(_, other)| *other != rule);
        }
    }
}

fn signals_of(selection: &Selection, sets: &[Set]) -> Vec<u32> {
    selection.sets.iter().flat_map(|set| &sets[*set as usize].signals).copied().collect()
}

/// The only name that a pattern matches, if there is one.
fn exact(pattern: &str) -> Option<String> {
    let mut pieces = name::pieces(pattern);
    pieces.pop().filter(|_| pieces.is_empty())
}

#[cfg(test)]
mod tests;
