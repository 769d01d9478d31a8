//! Who is notified of an episode, and why nobody is.

use std::collections::BTreeMap;

use afterglow_wire::Timestamp;
use afterglow_wire::channel::{Channel, ChannelKind};
use afterglow_wire::rule::{Rule, Same, Severity, Unless};

use super::super::text;
use super::{Held, Key, Ledger, SECOND};

/// Seconds from the end of a rule that explains others to the notification of these, if they still fire.
pub(super) const AFTER_UNLESS: i64 = 30;

impl Ledger {
    /// Why nobody is to be notified of an episode now.
    pub(super) fn held(&self, key: &Key, now: Timestamp, is_first: bool) -> Option<Held> {
        let episode = self.open.get(key)?;
        let silence = self.saved.silences.iter().find(|silence| silence.holds(episode, now));
        if let Some(silence) = silence {
            return Some(Held::By(format!("silence {}", silence.id())));
        }
        let (rule, _) = self.saved.rules.get(&key.0)?;
        for unless in &rule.unless {
            if self.explains(unless, rule, &key.1, now) {
                return Some(Held::By(format!("rule {}", unless.rule)));
            }
        }
        let recent = self.recent.get(key).filter(|_| is_first)?;
        (now.micros() - recent.notified_at < recent.interval * SECOND).then_some(Held::Interval)
    }

    /// Whether another rule fires, is about to, or did a moment ago, where it explains this alert.
    fn explains(&self, unless: &Unless, rule: &Rule, scope: &str, now: Timestamp) -> bool {
        let other = self.saved.rules.get(&unless.rule).map(|(rule, _)| rule);
        let captured = text::capture(&rule.signals, scope);
        let is_same = |elsewhere: &str| match unless.same {
            Same::Anywhere => true,
            Same::Capture => other.is_some_and(|other| {
                captured.is_some() && text::capture(&other.signals, elsewhere) == captured
            }),
        };
        let from = (unless.rule.clone(), String::new());
        let mut open =
            self.open.range(from..).map(|(key, _)| key).take_while(|(rule, _)| *rule == unless.rule);
        let fires = open.any(|(_, scope)| is_same(scope));
        let is_pending =
            self.pending.get(&unless.rule).is_some_and(|scopes| scopes.iter().any(|scope| is_same(scope)));
        let is_recent = |ended: i64| now.micros() - ended < AFTER_UNLESS * SECOND;
        let mut ended = self.ended.get(&unless.rule).into_iter().flatten();
        fires || is_pending || ended.any(|(scope, ended)| is_recent(*ended) && is_same(scope))
    }

    /// The channels that are notified of an episode.
    pub(super) fn route(&self, key: &Key) -> Vec<String> {
        let Some(episode) = self.open.get(key) else { return Vec::new() };
        self.channels_of(&episode.rule, &episode.scope, episode.severity, &episode.labels)
    }

    /// The channels that are notified of an alert of a rule with these labels.
    pub(super) fn channels_of(
        &self,
        rule: &str,
        scope: &str,
        severity: Severity,
        labels: &BTreeMap<String, String>,
    ) -> Vec<String> {
        let named = self.saved.rules.get(rule).map(|(rule, _)| &*rule.to).unwrap_or_default();
        let channels = || self.saved.channels.iter().filter(|channel| channel.kind != ChannelKind::Heartbeat);
        let ids = |chosen: Vec<&Channel>| chosen.into_iter().map(|channel| channel.id.clone()).collect();
        if !named.is_empty() {
            return ids(channels().filter(|channel| named.contains(&channel.id)).collect());
        }
        let takes = |channel: &&Channel| {
            channel.takes.as_ref().is_some_and(|takes| takes.matches(rule, scope, severity, labels))
        };
        let taking: Vec<&Channel> = channels().filter(takes).collect();
        if !taking.is_empty() {
            return ids(taking);
        }
        ids(channels().filter(|channel| channel.default).collect())
    }
}
