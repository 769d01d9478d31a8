//! What the thread does first.

use std::collections::HashSet;

use afterglow_rules::{Engine, Phase, State};

use super::super::past;
use super::Evaluation;
use super::rules::enabled;
use crate::alerts::ledger::Ledger;
use crate::clock::Stopwatch;
use crate::store::StoreError;
use crate::store::alerts::StateRow;

impl Evaluation {
    /// Reads what was stored, and evaluates what was committed since.
    pub(super) fn begin(&mut self) -> Result<(), StoreError> {
        let store = self.parts.store.clone();
        // Not when the process began: it may have left this to another server until now.
        let now = self.parts.clock.now().micros();
        (self.seen, self.begun, self.deaf_since) = ((Stopwatch::start(), now), now, now);
        let folded = store.folded()?;
        (self.cursor, self.heard) = (folded.cursor, folded.heard);
        self.ledger = Ledger::new(folded.open);
        let saved = self.read_saved()?;
        self.rules = enabled(&saved);
        self.ledger.saved(saved);
        self.engine = Engine::default();
        (self.learned, self.hears) = (0, false);
        for (rule, born) in self.rules.values() {
            self.engine.put(rule, born.micros());
        }
        self.learn_signals();
        if let Some(cursor) = self.cursor.filter(|_| !self.has_nothing_to_do()) {
            past::warm(&store, &mut self.engine, self.learned, cursor)?;
            let evaluated: HashSet<String> = folded.states.iter().map(|state| state.rule.clone()).collect();
            let mut gone = Vec::new();
            for StateRow { rule, scope, document } in folded.states {
                let state: Option<State> =
                    document.as_deref().and_then(|document| serde_json::from_str(document).ok());
                if !state.is_some_and(|state| self.engine.restore(&rule, &scope, state)) {
                    gone.push(StateRow { rule, scope, document: None });
                } else if state.is_some_and(|state| state.phase == Phase::Pending) {
                    self.ledger.now_pending((rule, scope));
                }
            }
            self.unwritten.states.extend(gone);
            // What fired of a rule that is no longer there, or no longer looks at the signal.
            self.ledger.forget_orphans(&self.engine, self.parts.clock.now());
            self.engine.listen(cursor.at.micros());
            // The process before may have ended before it evaluated them.
            let born = self.rules.values().filter(|(_, born)| *born >= cursor.at);
            let new: Vec<_> = born.filter(|(rule, _)| !evaluated.contains(&rule.id)).cloned().collect();
            if !new.is_empty() {
                self.adopt(&new, cursor.at);
                self.follow(self.parts.clock.now());
            }
            self.is_ready = true;
            self.catch_up();
        }
        if self.cursor.is_some_and(|cursor| cursor.at.micros() > now) {
            self.engine.reset_clock(now);
        }
        self.hear(now.max(self.begun));
        self.is_ready = true;
        Ok(())
    }
}
