//! Which lines the reader switched on or off.

use std::collections::BTreeMap;

use crate::boards::panels::SHOWN_AT_FIRST;

/// The parameters of an address that name lines which are hidden, or shown, against the rule.
pub const KEYS: [&str; 2] = ["hide", "show"];

/// Lines that differ from the rule that a panel shows its first lines; by signal, so that it is one on all panels.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    lines: BTreeMap<String, bool>,
    /// Whether lines were drawn before one was shown alone; an address does not have it.
    before: BTreeMap<String, bool>,
}

impl Selection {
    /// As an address says.
    pub fn new(hidden: impl IntoIterator<Item = String>, shown: impl IntoIterator<Item = String>) -> Self {
        let hidden = hidden.into_iter().map(|name| (name, false));
        let lines = hidden.chain(shown.into_iter().map(|name| (name, true))).collect();
        Self { lines, before: BTreeMap::new() }
    }

    /// As an address says it again: a key and a name for each line.
    pub fn parameters(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.lines.iter().map(|(name, shown)| (KEYS[usize::from(*shown)], name.as_str()))
    }

    /// Whether a signal, at this place in its panel, has its line drawn.
    pub fn shows(&self, name: &str, place: usize) -> bool {
        self.lines.get(name).copied().unwrap_or_else(|| is_shown_at_first(place))
    }

    /// Switches a signal's line on or off.
    pub fn toggle(&mut self, name: &str, place: usize) {
        self.set(name, place, !self.shows(name, place));
    }

    /// Shows only this one of a panel's `signals`, or those that were shown before when it is the only one already.
    pub fn solo(&mut self, name: &str, signals: &[String]) {
        if self.shown(signals).eq([name]) {
            for (place, signal) in signals.iter().enumerate() {
                let shown = self.before.remove(signal).unwrap_or_else(|| is_shown_at_first(place));
                self.set(signal, place, shown);
            }
        } else {
            self.isolate(name, signals);
        }
    }

    /// Shows only this one of a panel's `signals`.
    pub fn isolate(&mut self, name: &str, signals: &[String]) {
        // From one to another alone: the way back is the same.
        if self.shown(signals).take(2).count() > 1 {
            let shown = signals.iter().enumerate();
            let shown: Vec<_> = shown.map(|(place, name)| (name.clone(), self.shows(name, place))).collect();
            self.before.extend(shown);
        }
        for (place, signal) in signals.iter().enumerate() {
            self.set(signal, place, signal == name);
        }
    }

    fn shown<'a>(&'a self, signals: &'a [String]) -> impl Iterator<Item = &'a str> {
        let shown = signals.iter().enumerate().filter(|(place, name)| self.shows(name, *place));
        shown.map(|(_, name)| name.as_str())
    }

    /// Shows all of a panel's `signals`, or as many as at first.
    pub fn show_all(&mut self, signals: &[String], all: bool) {
        for (place, signal) in signals.iter().enumerate() {
            self.before.remove(signal);
            self.set(signal, place, all || is_shown_at_first(place));
        }
    }

    /// What is as the rule has it is not kept: an address stays short.
    fn set(&mut self, name: &str, place: usize, shown: bool) {
        if shown == is_shown_at_first(place) {
            self.lines.remove(name);
        } else {
            self.lines.insert(name.to_owned(), shown);
        }
    }
}

fn is_shown_at_first(place: usize) -> bool {
    place < SHOWN_AT_FIRST
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(count: usize) -> Vec<String> {
        (0..count).map(|n| format!("s{n:02}")).collect()
    }

    fn shown(selection: &Selection, signals: &[String]) -> Vec<usize> {
        (0..signals.len()).filter(|place| selection.shows(&signals[*place], *place)).collect()
    }

    #[test]
    fn solo_and_back() {
        let (signals, mut selection) = (names(15), Selection::default());
        selection.solo("s13", &signals);
        assert_eq!(shown(&selection, &signals), [13]);
        selection.solo("s02", &signals);
        assert_eq!(shown(&selection, &signals), [2]);
        selection.solo("s02", &signals);
        assert_eq!(selection, Selection::default());
    }

    #[test]
    fn what_was_hidden_before_solo_is_hidden_after_it() {
        let (signals, mut selection) = (names(5), Selection::default());
        selection.toggle("s01", 1);
        let before = selection.clone();
        selection.solo("s03", &signals);
        selection.isolate("s02", &signals);
        selection.solo("s02", &signals);
        assert_eq!(selection, before);
        assert_eq!(shown(&selection, &signals), [0, 2, 3, 4]);
    }

    #[test]
    fn all_lines_and_back() {
        let (signals, mut selection) = (names(15), Selection::default());
        selection.toggle("s03", 3);
        selection.show_all(&signals, true);
        assert_eq!(shown(&selection, &signals).len(), 15);
        selection.isolate("s14", &signals);
        selection.isolate("s14", &signals);
        assert_eq!(shown(&selection, &signals), [14]);
        selection.show_all(&signals, false);
        assert_eq!(selection, Selection::default());
    }

    #[test]
    fn an_address_says_the_same_and_no_more_than_it_must() {
        let (signals, mut selection) = (names(15), Selection::default());
        selection.toggle("s00", 0);
        selection.toggle("s14", 14);
        selection.toggle("s01", 1);
        selection.toggle("s01", 1);
        let said: Vec<_> = selection.parameters().collect();
        assert_eq!(said, [("hide", "s00"), ("show", "s14")]);
        let again = Selection::new(["s00".to_owned()], ["s14".to_owned()]);
        assert_eq!(shown(&again, &signals), shown(&selection, &signals));
    }
}
