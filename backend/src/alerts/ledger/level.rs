//! An alert that becomes worse or better.

use std::sync::Arc;

use afterglow_rules::Transition;
use afterglow_wire::Timestamp;
use afterglow_wire::alert::{Event, Risen};
use afterglow_wire::channel::ChannelKind;

use super::{Key, Ledger, follow, limit_of};

impl Ledger {
    pub(super) fn level(&mut self, key: &Key, transition: &Transition, before: u8, now: Timestamp) {
        let limit = self.saved.rules.get(&key.0).map(|(rule, _)| limit_of(rule, transition));
        let Some(episode) = self.open.get_mut(key).map(Arc::make_mut) else { return };
        let known = episode.risen.map_or(episode.severity, |risen| risen.from);
        follow(episode, transition);
        episode.limit = limit.unwrap_or(episode.limit);
        let is_worse = transition.level > before;
        if is_worse {
            // Anyone who has seen it has not seen this, nor has anyone whose acknowledgement is not known here yet.
            episode.ack = None;
            self.worse.insert(episode.id.clone());
        }
        let (is_known, is_late) = (!episode.notified.is_empty(), transition.late || episode.late);
        self.change(key);
        if is_late {
            return;
        }
        if !is_known {
            // There may be channels for what is as bad as this.
            return self.notify_or_hold(key, now);
        }
        if is_worse && self.held(key, now, false).is_some() {
            self.rise(key, Some(Risen { from: known, at: Timestamp::from_micros(transition.at) }));
            return;
        }
        if is_worse || transition.severity <= known {
            self.rise(key, None);
        }
        self.notify_of_level(key, is_worse, transition.at);
    }

    /// Keeps that an alert has become worse, or that those who are to know it do.
    pub(super) fn rise(&mut self, key: &Key, risen: Option<Risen>) {
        if let Some(episode) = self.open.get_mut(key).map(Arc::make_mut)
            && episode.risen != risen
        {
            episode.risen = risen;
            self.change(key);
        }
    }

    /// Notifies those who were notified of the alert that it has become worse, and those who are only notified of what is as bad as
    /// this; where that updates what they see, also that it has become better.
    pub(super) fn notify_of_level(&mut self, key: &Key, is_worse: bool, at: i64) {
        let can_update = |kind| matches!(kind, ChannelKind::Pagerduty | ChannelKind::Alertmanager);
        let notified = self.open.get(key).map(|episode| episode.notified.clone()).unwrap_or_default();
        for channel in notified {
            let kind = self.saved.channels.iter().find(|one| one.id == channel).map(|one| one.kind);
            if is_worse || kind.is_some_and(can_update) {
                self.notice(key, Event::Level, &channel, at, Timestamp::from_micros(at));
            }
        }
        if !is_worse {
            return;
        }
        let known = self.open.get(key).map(|episode| episode.notified.clone()).unwrap_or_default();
        let new: Vec<String> =
            self.route(key).into_iter().filter(|channel| !known.contains(channel)).collect();
        for channel in &new {
            self.notice(key, Event::Fire, channel, 0, Timestamp::from_micros(at));
        }
        if !new.is_empty()
            && let Some(episode) = self.open.get_mut(key).map(Arc::make_mut)
        {
            episode.notified.extend(new);
            self.change(key);
        }
    }
}
