//! Alerts that come and go between two writes.

use std::collections::HashMap;
use std::sync::Arc;

use afterglow_rules::{Kind, Transition};
use afterglow_wire::limits::ENDED_ALERTS_AT_ONCE;

use super::Key;

/// What has ended since it was last written, so that samples of one request can fill neither the memory nor the time.
#[derive(Debug, Default)]
pub(super) struct Crowd {
    ended: usize,
    /// Those that have ended at least once: rule to scopes.
    keys: HashMap<Arc<str>, HashMap<Arc<str>, Since>>,
    /// How many are not kept.
    dropped: u64,
}

/// What became of an alert since enough have ended.
#[derive(Debug, Default)]
struct Since {
    /// What made it fire, if it does.
    fired: Option<Transition>,
    /// How often it has ended.
    ended: u32,
}

impl Crowd {
    /// Whether an alert that has not been written yet need not be kept.
    pub(super) fn has_enough_of(&self, rule: &str, scope: &str) -> bool {
        self.ended >= ENDED_ALERTS_AT_ONCE
            && self.keys.get(rule).is_some_and(|scopes| scopes.contains_key(scope))
    }

    /// Whether half of those that are kept have ended: of one rule, a commit ends at most the other half.
    pub(super) fn is_half_full(&self) -> bool {
        self.ended >= ENDED_ALERTS_AT_ONCE / 2
    }

    /// Another one has ended.
    pub(super) fn add(&mut self, transition: &Transition) {
        self.ended += 1;
        let scopes = self.keys.entry(transition.rule.clone()).or_default();
        scopes.entry(transition.scope.clone()).or_default();
    }

    /// Whether nothing need be done about `transition` for now: where enough have ended, what fires may be over a moment later.
    pub(super) fn holds(&mut self, transition: &Transition) -> bool {
        if self.ended < ENDED_ALERTS_AT_ONCE {
            return false;
        }
        let scopes = self.keys.get_mut(&transition.rule);
        let Some(since) = scopes.and_then(|scopes| scopes.get_mut(&transition.scope)) else { return false };
        match transition.kind {
            Kind::Fired => {
                since.fired = Some(transition.clone());
                true
            }
            Kind::Resolved(_) if since.fired.take().is_some() => {
                since.ended += 1;
                true
            }
            Kind::Recovering | Kind::Relapsed => since.fired.is_some(),
            _ => false,
        }
    }

    /// What made an alert fire, if nothing was done about it yet.
    pub(super) fn release(&mut self, rule: &str, scope: &str) -> Option<Transition> {
        self.keys.get_mut(rule)?.get_mut(scope)?.fired.take()
    }

    /// Those of which nothing was done about something, in order: what made them fire, if they do, and how often they have ended.
    pub(super) fn release_all(&mut self) -> Vec<(Key, Option<Transition>, u32)> {
        if self.ended < ENDED_ALERTS_AT_ONCE {
            return Vec::new();
        }
        let mut released = Vec::new();
        for (rule, scopes) in &mut self.keys {
            for (scope, since) in scopes {
                let Since { fired, ended } = std::mem::take(since);
                self.dropped += u64::from(ended);
                if fired.is_some() || ended > 0 {
                    released.push(((rule.to_string(), scope.to_string()), fired, ended));
                }
            }
        }
        released.sort_by(|(a, ..), (b, ..)| a.cmp(b));
        released
    }

    /// One that has ended is not kept.
    pub(super) fn drop_one(&mut self) {
        self.dropped += 1;
    }

    /// Logs how many are not kept.
    pub(super) fn report(self) {
        if self.dropped > 0 {
            let dropped = self.dropped;
            log::warn!(
                "{dropped} alerts that came and went at once are not kept, after {ENDED_ALERTS_AT_ONCE} that are"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use afterglow_rules::Reason;
    use afterglow_wire::Timestamp;
    use afterglow_wire::alert::EpisodeState;
    use afterglow_wire::rule::Severity;

    use super::super::{Ledger, SECOND};
    use super::*;

    #[test]
    fn of_alerts_that_come_and_go_at_once_a_bounded_number_is_kept_and_the_last_one_always() {
        let mut ledger = Ledger::default();
        let transition = |kind, at| Transition {
            rule: "hot".into(),
            born: 0,
            scope: "oven".into(),
            at,
            kind,
            level: 0,
            severity: Severity::Warning,
            value: 1.0,
            pending_at: at,
            fired_at: Some(at),
            peak: 1.0,
            usual: None,
            late: false,
        };
        let now = Timestamp::from_micros(SECOND);
        for at in 0..ENDED_ALERTS_AT_ONCE as i64 + 10 {
            ledger.apply(&transition(Kind::Fired, at), now);
            ledger.apply(&transition(Kind::Resolved(Reason::Recovered), at), now);
        }
        let last = ENDED_ALERTS_AT_ONCE as i64 + 10;
        ledger.apply(&transition(Kind::Fired, last), now);
        ledger.settle(now);
        assert_eq!((ledger.crowd.dropped, ledger.open.len()), (10, 1));
        let episodes = ledger.take().episodes;
        assert_eq!(episodes.len(), ENDED_ALERTS_AT_ONCE + 1);
        assert_eq!(episodes.iter().filter(|episode| episode.state == EpisodeState::Firing).count(), 1);
        ledger.apply(&transition(Kind::Resolved(Reason::Recovered), last), now);
        let [ended] = &*ledger.take().episodes else { panic!("it is written that it has ended") };
        assert_eq!((ended.state, ended.fired_at.micros()), (EpisodeState::Resolved, last));
    }
}
