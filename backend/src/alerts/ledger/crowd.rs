//! Alerts that come and go between two writes.

use std::collections::HashSet;

use afterglow_wire::limits::ENDED_ALERTS_AT_ONCE;

use super::Key;

/// What has ended since it was last written, so that samples of one request cannot fill the memory.
#[derive(Debug, Default)]
pub(super) struct Crowd {
    ended: usize,
    /// Those that have ended at least once.
    keys: HashSet<Key>,
    /// How many are not kept.
    dropped: u64,
}

impl Crowd {
    /// Whether an alert that has not been written yet need not be kept.
    pub(super) fn has_enough_of(&self, key: &Key) -> bool {
        self.ended >= ENDED_ALERTS_AT_ONCE && self.keys.contains(key)
    }

    /// Another one has ended.
    pub(super) fn add(&mut self, key: &Key) {
        self.ended += 1;
        self.keys.insert(key.clone());
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
    use afterglow_rules::{Kind, Reason, Transition};
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
        assert_eq!((ledger.crowd.dropped, ledger.open.len()), (10, 1));
        let episodes = ledger.take().episodes;
        assert_eq!(episodes.len(), ENDED_ALERTS_AT_ONCE + 1);
        assert_eq!(episodes.iter().filter(|episode| episode.state == EpisodeState::Firing).count(), 1);
        ledger.apply(&transition(Kind::Resolved(Reason::Recovered), last), now);
        let [ended] = &*ledger.take().episodes else { panic!("it is written that it has ended") };
        assert_eq!((ended.state, ended.fired_at.micros()), (EpisodeState::Resolved, last));
    }
}
