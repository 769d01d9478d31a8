//! Who is notified of an alert that goes on: those who were, again, and others where nobody acknowledges it.

use std::sync::Arc;

use afterglow_wire::Timestamp;
use afterglow_wire::alert::{Episode, Event};
use afterglow_wire::channel::{Channel, ChannelKind};
use afterglow_wire::rule::Escalation;

use super::{Key, Ledger, SECOND};

/// Seconds between two messages to an Alertmanager about one alert: what it does not hear of has ended.
const ALERTMANAGER_REPEAT: u32 = 60;

impl Ledger {
    /// Whether a channel takes an alert that it does not hear of for ended, even when somebody has acknowledged it.
    fn is_state(&self, channel: &str) -> bool {
        let is_own = |one: &&Channel| one.id == channel;
        self.saved.channels.iter().find(is_own).is_some_and(|one| one.kind == ChannelKind::Alertmanager)
    }

    /// Whether people are to be notified again.
    fn reminds(&self, episode: &Episode, now: Timestamp) -> bool {
        let Some((rule, _)) = self.saved.rules.get(&episode.rule) else { return false };
        rule.repeat > 0
            && is_over(episode.notified_at, rule.repeat, now)
            && !is_acked(episode, now)
            && episode.notified.iter().any(|channel| !self.is_state(channel))
    }

    /// Whether channels that take silence for an end are to hear of it again.
    fn refreshes(&self, episode: &Episode, now: Timestamp) -> bool {
        is_over(episode.refreshed_at.or(episode.notified_at), ALERTMANAGER_REPEAT, now)
            && episode.notified.iter().any(|channel| self.is_state(channel))
    }

    pub(super) fn repeats(&self, episode: &Episode, now: Timestamp) -> bool {
        self.reminds(episode, now) || self.refreshes(episode, now)
    }

    /// Notifies those again who were notified of it: people where nobody has seen it and it is not held.
    pub(super) fn repeat(&mut self, key: &Key, now: Timestamp) {
        let is_held = self.held(key, now, false).is_some();
        let Some(episode) = self.open.get(key) else { return };
        let (reminds, refreshes) = (self.reminds(episode, now) && !is_held, self.refreshes(episode, now));
        if !reminds && !refreshes {
            return;
        }
        for channel in episode.notified.clone() {
            let is_due = if self.is_state(&channel) { refreshes } else { reminds };
            if is_due {
                self.notice(key, Event::Repeat, &channel, now.micros(), now);
            }
        }
        if let Some(episode) = self.open.get_mut(key).map(Arc::make_mut) {
            if refreshes {
                episode.refreshed_at = Some(now);
            }
            if reminds {
                episode.repeats += 1;
                episode.notified_at = Some(now);
            }
            self.change(key);
        }
    }

    /// The escalation that comes next, if there is one and it is due.
    fn due_escalation(&self, episode: &Episode, now: Timestamp) -> Option<&Escalation> {
        let (rule, _) = self.saved.rules.get(&episode.rule)?;
        let next = rule.escalate.get(episode.escalations)?;
        let from = episode.first_notified_at.or(episode.notified_at);
        (is_over(from, next.after, now) && !is_acked(episode, now)).then_some(next)
    }

    pub(super) fn escalates(&self, episode: &Episode, now: Timestamp) -> bool {
        self.due_escalation(episode, now).is_some()
    }

    /// Makes the escalations that are due; while the alert is held they wait.
    pub(super) fn escalate(&mut self, key: &Key, now: Timestamp) {
        if self.held(key, now, false).is_some() {
            return;
        }
        while let Some(episode) = self.open.get(key)
            && let Some(next) = self.due_escalation(episode, now)
        {
            let is_new = |channel: &&Channel| {
                let is_told = episode.notified.contains(&channel.id);
                next.to.contains(&channel.id) && channel.kind != ChannelKind::Heartbeat && !is_told
            };
            let new = self.saved.channels.iter().filter(is_new).map(|channel| channel.id.clone());
            let (new, number): (Vec<String>, _) = (new.collect(), episode.escalations);
            for channel in &new {
                self.notice(key, Event::Escalate, channel, number as i64, now);
            }
            if let Some(episode) = self.open.get_mut(key).map(Arc::make_mut) {
                episode.escalations += 1;
                episode.notified.extend(new);
            }
            self.change(key);
        }
    }
}

/// Whether somebody has seen it, and still counts as having.
fn is_acked(episode: &Episode, now: Timestamp) -> bool {
    episode.ack.as_ref().is_some_and(|ack| ack.until.is_none_or(|until| now < until))
}

/// Whether `seconds` have passed since `from`, if that is known.
fn is_over(from: Option<Timestamp>, seconds: u32, now: Timestamp) -> bool {
    from.is_some_and(|from| now.micros() - from.micros() >= i64::from(seconds) * SECOND)
}
