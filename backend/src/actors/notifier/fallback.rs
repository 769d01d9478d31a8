//! A channel that fails is reported to its fallback, and so is its return.

use std::collections::BTreeMap;
use std::time::Duration;

use afterglow_wire::alert::{EpisodeState, Event, Notice};
use afterglow_wire::channel::Outcome;
use afterglow_wire::rule::Severity;

use super::Worker;
use crate::fault;
use crate::store::StoreError;
use crate::store::alerts::{Fold, NewNotice};

/// How long a channel must have failed before its fallback is notified.
const FALLBACK: Duration = Duration::from_secs(60);

/// The rule that reports channels.
const CHANNEL_RULE: &str = "afterglow:channel";

/// What the fallback of a channel is notified of.
pub(super) struct Report {
    fallback: String,
    state: EpisodeState,
    why: String,
}

impl Worker {
    /// Notes whether the channel works. Its fallback is to be notified once it has failed for a while, and at once when it has cost a
    /// message.
    pub(super) fn note(&mut self, outcome: Outcome, error: Option<&str>, fallback: Option<String>) {
        let now = self.since.elapsed();
        let (state, why) = if let Some(error) = error {
            log::warn!("a message to the channel {:?} was not delivered: {error}", self.channel);
            let failing = now - *self.failing_since.get_or_insert(now);
            let why = match outcome {
                Outcome::Refused => format!("It has refused a message for good: {error}."),
                Outcome::GivenUp => format!("A message was given up after a day: {error}."),
                _ if failing >= fault::fallback_after().unwrap_or(FALLBACK) => {
                    format!("It has failed for a minute: {error}.")
                }
                _ => return,
            };
            if std::mem::replace(&mut self.fallback_notified, true) {
                return;
            }
            (EpisodeState::Firing, why)
        } else {
            self.catching_up |= self.failing_since.take().is_some();
            if !std::mem::take(&mut self.fallback_notified) {
                return;
            }
            (EpisodeState::Resolved, "It works again.".into())
        };
        self.unreported = fallback.map(|fallback| Report { fallback, state, why });
    }

    /// Notifies the fallback of what it has not been notified of.
    pub(super) fn report(&mut self) -> Result<(), StoreError> {
        let Some(Report { fallback, state, why }) = &self.unreported else { return Ok(()) };
        let (fallback, state) = (fallback.clone(), *state);
        let now = self.notifier.0.clock.now();
        let event = if state == EpisodeState::Firing { Event::Fire } else { Event::Resolve };
        let notice = Notice {
            episode: format!("{CHANNEL_RULE}/{}", self.channel),
            event,
            rule: CHANNEL_RULE.into(),
            title: "A channel fails".into(),
            signal: self.channel.clone(),
            severity: Severity::Critical,
            state,
            value: f64::from(u8::from(state == EpisodeState::Firing)),
            limit: 0.0,
            at: now,
            since: now,
            text: format!("The channel {}: {why}", self.channel),
            link: None,
            labels: BTreeMap::new(),
        };
        let key = format!("{CHANNEL_RULE}/{}/{}/{fallback}", self.channel, now.micros());
        let (channel, topic) = (fallback.clone(), CHANNEL_RULE.to_owned());
        let fold = Fold { notices: vec![NewNotice { key, channel, topic, notice }], ..Fold::default() };
        self.notifier.0.store.fold(&fold)?;
        self.unreported = None;
        self.notifier.wake(std::iter::once(&*fallback));
        Ok(())
    }
}
