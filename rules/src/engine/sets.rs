//! Sets of rules that the same signals have: what a value can matter to is found by binary search.

use std::collections::HashMap;

use afterglow_wire::rule::Is;

use crate::compile::Program;

/// All sets; the first has no rule.
#[derive(Debug)]
pub(super) struct Sets {
    sets: Vec<Set>,
    by_rules: HashMap<Vec<u32>, u32>,
    /// A rule compares signals with others.
    pub(super) joined: bool,
}

#[derive(Debug, Default)]
struct Set {
    rules: Vec<u32>,
    /// Rules that begin above a limit, the lowest first.
    above: Vec<(f64, u32)>,
    /// Rules that begin below a limit, the highest first.
    below: Vec<(f64, u32)>,
    /// Rules that look at every sample.
    every: Vec<u32>,
}

impl Default for Sets {
    fn default() -> Self {
        Self { sets: vec![Set::default()], by_rules: HashMap::from([(Vec::new(), 0)]), joined: false }
    }
}

impl Sets {
    /// The number of the set of these rules, in order of their numbers.
    pub(super) fn of(&mut self, rules: Vec<u32>, programs: &[Option<Program>]) -> u32 {
        if let Some(number) = self.by_rules.get(&rules) {
            return *number;
        }
        let mut set = Set { rules: rules.clone(), ..Set::default() };
        for rule in &rules {
            let Some(Some(program)) = programs.get(*rule as usize) else { continue };
            match program.plain() {
                Some((Is::Above, limit)) => set.above.push((limit, *rule)),
                Some((_, limit)) => set.below.push((limit, *rule)),
                None if program.is_silence() => {}
                None => set.every.push(*rule),
            }
        }
        set.above.sort_by(|a, b| a.0.total_cmp(&b.0));
        set.below.sort_by(|a, b| b.0.total_cmp(&a.0));
        let number = self.sets.len() as u32;
        self.sets.push(set);
        self.by_rules.insert(rules, number);
        number
    }

    /// Forgets what the set of `rules` looks like: one of them has another meaning, or none.
    pub(super) fn forget(&mut self, rule: u32) {
        self.by_rules.retain(|rules, _| !rules.contains(&rule));
    }

    pub(super) fn rules(&self, set: u32) -> &[u32] {
        self.sets.get(set as usize).map_or(&[], |set| &set.rules)
    }

    /// Values from the one to the other begin no alert.
    pub(super) fn quiet(&self, set: u32) -> (f64, f64) {
        let Some(set) = self.sets.get(set as usize) else { return (f64::NEG_INFINITY, f64::INFINITY) };
        if !set.every.is_empty() {
            return (f64::INFINITY, f64::NEG_INFINITY);
        }
        let low = set.below.first().map_or(f64::NEG_INFINITY, |(limit, _)| *limit);
        let high = set.above.first().map_or(f64::INFINITY, |(limit, _)| *limit);
        (low, high)
    }

    /// Appends the rules that `value` may begin an alert of.
    pub(super) fn matters(&self, set: u32, value: f64, rules: &mut Vec<u32>) {
        let Some(set) = self.sets.get(set as usize) else { return };
        let above = set.above.partition_point(|(limit, _)| *limit < value);
        let below = set.below.partition_point(|(limit, _)| *limit > value);
        rules.extend(set.above[..above].iter().chain(&set.below[..below]).map(|(_, rule)| *rule));
        rules.extend(&set.every);
    }
}
