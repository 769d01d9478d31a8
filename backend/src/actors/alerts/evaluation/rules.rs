//! What becomes of the evaluation when rules, channels or silences change.

use std::collections::BTreeMap;

use afterglow_rules::{Engine, Reason};
use afterglow_wire::Timestamp;
use afterglow_wire::rule::Rule;
use afterglow_wire::silence::Silence;

use super::super::past;
use super::Evaluation;
use crate::alerts::ledger::Saved;
use crate::alerts::quiet::Quiet;
use crate::batch::SignalId;
use crate::fault;
use crate::store::alerts::{Cursor, Saved as SavedDocument};
use crate::store::{Span, Store, StoreError};

impl Evaluation {
    /// Takes rules, channels and silences as they are now. What was committed after the commit numbered `sequence` is still to
    /// come.
    pub(super) fn reload(&mut self, sequence: u64) {
        fault::hold_rules(|| self.parts.store.sequence() > sequence);
        if !self.has_nothing_to_do() {
            // What was acknowledged before the change is no news for its rules.
            self.catch_up_to(sequence);
        }
        let saved = match self.read_saved() {
            Ok(saved) => saved,
            Err(error) => {
                log::error!("changed rules are read again in a moment: {error}");
                self.unread = Some(self.unread.map_or(sequence, |before| before.min(sequence)));
                return;
            }
        };
        let now = self.parts.clock.now();
        let rules = enabled(&saved);
        if self.cursor.is_none() && !rules.is_empty() {
            self.cursor = Some(Cursor { sequence, at: now });
            self.unwritten.cursor = self.cursor;
        } else if self.has_nothing_to_do() {
            // Nobody asked about what was committed meanwhile.
            self.cursor = Some(Cursor { sequence, at: now });
        }
        let all: BTreeMap<String, (Rule, Timestamp)> = saved.rules.clone();
        self.learn_signals();
        for (id, (old, born)) in std::mem::take(&mut self.rules) {
            let new = all.get(&id);
            let reason = match new {
                Some((_, again)) if *again != born => Some(Reason::Deleted),
                Some((rule, _)) if !rule.enabled => Some(Reason::Disabled),
                Some(_) => None,
                None => Some(Reason::Deleted),
            };
            match reason {
                Some(reason) => {
                    self.engine.remove(&id, reason, now.micros(), &mut self.changes);
                    // The old rule says what is sent about the end.
                    self.follow(now);
                }
                None => drop(self.rules.insert(id, (old, born))),
            }
        }
        self.ledger.saved(saved);
        let changed: Vec<(Rule, Timestamp)> = rules
            .values()
            .filter(|(rule, _)| self.rules.get(&rule.id).is_none_or(|(old, _)| !old.evaluates_as(rule)))
            .cloned()
            .collect();
        for (rule, born) in rules.values() {
            if self.rules.get(&rule.id).is_some_and(|(old, _)| old.evaluates_as(rule)) {
                self.engine.put(rule, born.micros());
            }
        }
        if !changed.is_empty() {
            self.adopt(&changed, now);
        }
        let was_asleep = std::mem::replace(&mut self.rules, rules).is_empty();
        self.follow(now);
        if was_asleep && !self.rules.is_empty() {
            // What was committed since, while nothing listened.
            self.catch_up();
        }
    }

    /// New rules start in the state that they would have had they always been there.
    pub(super) fn adopt(&mut self, changed: &[(Rule, Timestamp)], now: Timestamp) {
        let mut other = Engine::default();
        for (rule, born) in changed {
            other.put(rule, born.micros());
        }
        for number in 0..self.learned {
            if let Some(name) = self.parts.store.signals().name(SignalId(number)) {
                other.learn(number, &name, self.ledger.expected_period(&name));
            }
        }
        let reach = changed.iter().map(|(rule, _)| past::reach(rule)).max().unwrap_or_default();
        // What was committed later is still to come, and is judged by all rules together.
        let cursor = self.cursor.unwrap_or(Cursor { sequence: self.parts.store.sequence(), at: now });
        let mut unheard = self.unwritten.unheard.clone();
        if self.rules.is_empty() {
            // Nobody kept when the process before ended.
            unheard.push(Span { from: Timestamp::MIN, to: Timestamp::from_micros(self.begun) });
        }
        let past = (cursor, reach);
        if let Err(error) = past::replay(&self.parts.store, &mut other, self.learned, past, &unheard) {
            log::warn!("new rules begin without a past: {error}");
        }
        let mut ignored = Vec::new();
        if self.refuses {
            other.deaf(self.deaf_since, &mut ignored);
        }
        other.advance_to(self.passed.max(cursor.at.micros()).min(now.micros()), &mut ignored);
        self.engine.adopt(other, now.micros(), &mut self.changes);
    }

    pub(super) fn read_saved(&self) -> Result<Saved, StoreError> {
        if fault::hides_rules() {
            return Err(StoreError::Down("a test hides the rules".into()));
        }
        let store: &Store = &self.parts.store;
        let silences: Vec<SavedDocument<Silence>> = store.saved()?;
        let rules: Vec<SavedDocument<Rule>> = store.saved()?;
        Ok(Saved {
            rules: rules
                .into_iter()
                .map(|saved| (saved.document.id.clone(), (saved.document, saved.created_at)))
                .collect(),
            channels: store.channels()?,
            silences: silences.iter().filter_map(|saved| Quiet::new(&saved.document).ok()).collect(),
            metadata: store.metadata().collect::<Result<_, _>>()?,
            page: self.parts.page.clone(),
        })
    }
}

/// The rules that are evaluated, each with when it was made.
pub(super) fn enabled(saved: &Saved) -> BTreeMap<String, (Rule, Timestamp)> {
    saved
        .rules
        .iter()
        .filter(|(_, (rule, _))| rule.enabled)
        .map(|(id, rule)| (id.clone(), rule.clone()))
        .collect()
}
