//! What fires, who was notified of it, and who is to be: from the transitions of the rules to episodes and notices.
//!
//! Pure: it is given the time. What it says is written in one transaction with the states that it follows from.

mod again;
mod crowd;
mod level;
mod routing;
mod saved;
mod store;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use afterglow_rules::{Engine, Kind, Reason, Transition};
use afterglow_wire::Timestamp;
use afterglow_wire::alert::{Ack, Episode, EpisodeState, Event, Notice};
use afterglow_wire::channel::ChannelKind;
use afterglow_wire::rule::{Limit, Rule};

use super::compose::episode_id;
use super::text;
use crate::store::alerts::NewNotice;
use crowd::Crowd;

pub use saved::Saved;

const SECOND: i64 = 1_000_000;

/// The longest interval in seconds between two notifications that one alert fires, however often it comes and goes.
const LONGEST_INTERVAL: i64 = 3_600;

/// A rule and a scope.
pub type Key = (String, String);

/// The open episodes, and the notices that are due.
#[derive(Debug, Default)]
pub struct Ledger {
    saved: Saved,
    /// In order: those of one rule are found together.
    open: BTreeMap<Key, Arc<Episode>>,
    /// Those of which nobody has been notified yet, and may be.
    unnotified: BTreeSet<Key>,
    /// When each alert was last notified of, and the interval before the next notification.
    recent: HashMap<Key, Recent>,
    /// When alerts ended a moment ago, in microseconds: rule to scopes, for the rules that it explains.
    ended: HashMap<String, HashMap<String, i64>>,
    /// Rules that are about to fire somewhere: rule to scopes.
    pending: HashMap<String, BTreeSet<String>>,
    /// By their numbers: one alert may have several episodes in one commit.
    changed: BTreeMap<String, Arc<Episode>>,
    worse: BTreeSet<String>,
    notices: Vec<NewNotice>,
    crowd: Crowd,
}

#[derive(Clone, Copy, Debug)]
struct Recent {
    notified_at: i64,
    interval: i64,
    held_back: u32,
}

/// What is to be written.
#[derive(Debug, Default)]
pub struct Entries {
    /// Episodes that are new or different.
    pub episodes: Vec<Arc<Episode>>,
    /// The numbers of those that have become worse: nobody has acknowledged that.
    pub worse: Vec<String>,
    /// The notices that are due.
    pub notices: Vec<NewNotice>,
}

/// Why nobody is notified of an episode.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Held {
    /// This silence, or this rule.
    By(String),
    /// A notification went out a moment ago.
    Interval,
}

impl Ledger {
    /// Goes on from the episodes that were open.
    pub fn new(open: Vec<Episode>) -> Self {
        let open: BTreeMap<Key, Arc<Episode>> = open
            .into_iter()
            .map(|episode| ((episode.rule.clone(), episode.scope.clone()), Arc::new(episode)))
            .collect();
        let unnotified = open
            .iter()
            .filter(|(_, episode)| episode.notified.is_empty() && !episode.late)
            .map(|(key, _)| key.clone());
        Self { unnotified: unnotified.collect(), open, ..Self::default() }
    }

    /// Takes what people have saved.
    pub fn saved(&mut self, saved: Saved) {
        self.saved = saved;
    }

    /// What people have saved.
    pub fn rules(&self) -> &BTreeMap<String, (Rule, Timestamp)> {
        &self.saved.rules
    }

    /// How often a signal should have a sample, in microseconds, if that is known.
    pub fn expected_period(&self, signal: &str) -> Option<i64> {
        let period = self.saved.metadata.get(signal)?.expected_period?;
        Some((period * SECOND as f64) as i64)
    }

    /// Ends the episodes of which the engine knows nothing: their rule or their signal is gone.
    pub fn forget_orphans(&mut self, engine: &Engine, now: Timestamp) {
        let orphans: Vec<Key> =
            self.open.keys().filter(|(rule, scope)| engine.state(rule, scope).is_none()).cloned().collect();
        for key in orphans {
            let Some(episode) = self.open.get(&key) else { continue };
            let transition = Transition {
                rule: key.0.as_str().into(),
                born: 0,
                scope: key.1.as_str().into(),
                at: now.micros(),
                kind: Kind::Resolved(Reason::Deleted),
                level: 0,
                severity: episode.severity,
                value: episode.last,
                pending_at: episode.pending_at.micros(),
                fired_at: Some(episode.fired_at.micros()),
                peak: episode.peak,
                usual: episode.usual,
                late: false,
            };
            self.apply(&transition, now);
        }
    }

    /// Whether something is open, or a notice waits.
    pub fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// Whether enough has ended since [`Ledger::take`] that one commit more could end what is not kept.
    pub fn is_crowded(&self) -> bool {
        self.crowd.is_half_full()
    }

    /// What is to be written since it was last asked.
    pub fn take(&mut self) -> Entries {
        std::mem::take(&mut self.crowd).report();
        Entries {
            episodes: std::mem::take(&mut self.changed).into_values().collect(),
            worse: std::mem::take(&mut self.worse).into_iter().collect(),
            notices: std::mem::take(&mut self.notices),
        }
    }

    /// Something happened to an alert. [`Ledger::settle`] follows, once for each commit.
    pub fn apply(&mut self, transition: &Transition, now: Timestamp) {
        if self.crowd.holds(transition) {
            return;
        }
        let key = (transition.rule.to_string(), transition.scope.to_string());
        if let Some(fired) = self.crowd.release(&key.0, &key.1) {
            self.fired(key.clone(), &fired, now);
        }
        match transition.kind {
            Kind::Pending => self.now_pending(key),
            Kind::Cancelled => self.no_longer_pending(&key),
            Kind::Recovering | Kind::Relapsed => {}
            Kind::Fired => {
                self.no_longer_pending(&key);
                self.fired(key, transition, now);
            }
            Kind::Confirmed => {
                if let Some(episode) = self.open.get_mut(&key).map(Arc::make_mut) {
                    episode.late = false;
                    follow(episode, transition);
                    self.change(&key);
                    self.notify_or_hold(&key, now);
                }
            }
            Kind::Level(before) => self.level(&key, transition, before, now),
            Kind::Resolved(reason) => self.resolved(&key, transition, reason, now),
        }
    }

    /// All transitions of a commit were applied: what fires in a crowd fires for longer than that.
    pub fn settle(&mut self, now: Timestamp) {
        for (key, fired, ended) in self.crowd.release_all() {
            if let Some(recent) = self.recent.get_mut(&key) {
                recent.held_back = recent.held_back.saturating_add(ended);
            }
            if let Some(fired) = fired {
                self.fired(key, &fired, now);
            }
        }
    }

    /// A rule is about to fire somewhere: what it explains is held.
    pub fn now_pending(&mut self, (rule, scope): Key) {
        self.pending.entry(rule).or_default().insert(scope);
    }

    fn no_longer_pending(&mut self, key: &Key) {
        if let Some(scopes) = self.pending.get_mut(&key.0) {
            scopes.remove(&key.1);
        }
    }

    fn fired(&mut self, key: Key, transition: &Transition, now: Timestamp) {
        let fired_at = Timestamp::from_micros(transition.fired_at.unwrap_or(transition.at));
        let rule = self.saved.rules.get(&key.0).map(|(rule, _)| rule);
        let held_back = self.recent.get_mut(&key).map_or(0, |recent| std::mem::take(&mut recent.held_back));
        let episode = Episode {
            id: episode_id(&key.0, Timestamp::from_micros(transition.born), &key.1, fired_at),
            rule: key.0.clone(),
            rule_version: rule.map_or(0, |rule| rule.version),
            title: rule.map_or_else(String::new, |rule| rule.title.clone()),
            scope: key.1.clone(),
            severity: transition.severity,
            state: EpisodeState::Firing,
            pending_at: Timestamp::from_micros(transition.pending_at),
            fired_at,
            resolved_at: None,
            reason: None,
            value: transition.value,
            peak: transition.peak,
            last: transition.value,
            limit: rule.map_or(0.0, |rule| limit_of(rule, transition)),
            usual: transition.usual,
            risen: None,
            late: transition.late,
            held_by: None,
            notified: Vec::new(),
            notified_at: None,
            first_notified_at: None,
            refreshed_at: None,
            repeats: 0,
            escalations: 0,
            held_back,
            labels: rule.map(|rule| rule.labels.clone()).unwrap_or_default(),
            ack: None,
        };
        self.open.insert(key.clone(), Arc::new(episode));
        if !transition.late {
            self.notify_or_hold(&key, now);
        }
        self.change(&key);
    }

    fn resolved(&mut self, key: &Key, transition: &Transition, reason: Reason, now: Timestamp) {
        let Some(mut ended) = self.open.remove(key) else { return };
        let episode = Arc::make_mut(&mut ended);
        follow(episode, transition);
        episode.risen = None;
        let at = Timestamp::from_micros(transition.at.max(episode.fired_at.micros()));
        episode.state = EpisodeState::Resolved;
        episode.resolved_at = Some(at);
        episode.reason = match reason {
            Reason::Recovered => None,
            Reason::Forgotten => Some("no sample came for a long time".into()),
            Reason::Changed => Some("the rule was changed".into()),
            Reason::Disabled => Some("the rule was disabled".into()),
            Reason::Deleted => Some("the rule was deleted".into()),
        };
        self.ended.entry(key.0.clone()).or_default().insert(key.1.clone(), now.micros());
        if self.unnotified.remove(key) && episode.notified.is_empty() && !episode.late {
            self.recent.entry(key.clone()).and_modify(|recent| recent.held_back += 1);
        }
        // It began since the last one ended, and is not written.
        if episode.notified.is_empty() && self.crowd.has_enough_of(&key.0, &key.1) {
            self.crowd.drop_one();
            self.changed.remove(&episode.id);
            return;
        }
        self.crowd.add(transition);
        let notified = episode.notified.clone();
        self.open.insert(key.clone(), ended);
        for channel in notified {
            self.notice(key, Event::Resolve, &channel, 0, at);
        }
        self.change(key);
        self.open.remove(key);
    }

    /// Time has passed: notifies of what was held and no longer is, and again of what is due.
    pub fn tick(&mut self, engine: &Engine, now: Timestamp) {
        let unnotified =
            if self.saved.channels.is_empty() { BTreeSet::new() } else { self.unnotified.clone() };
        for key in unnotified {
            self.measure(engine, &key);
            self.notify_or_hold(&key, now);
        }
        let risen: Vec<(Key, i64)> = self
            .open
            .iter()
            .filter_map(|(key, episode)| Some((key.clone(), episode.risen?.at.micros())))
            .collect();
        for (key, at) in risen {
            if self.held(&key, now, false).is_none() {
                self.rise(&key, None);
                self.measure(engine, &key);
                self.notify_of_level(&key, true, at);
            }
        }
        for key in self.keys_where(|episode| self.escalates(episode, now)) {
            self.measure(engine, &key);
            self.escalate(&key, now);
        }
        for key in self.keys_where(|episode| self.repeats(episode, now)) {
            self.measure(engine, &key);
            self.repeat(&key, now);
        }
        self.ended.retain(|_, scopes| {
            scopes.retain(|_, ended| now.micros() - *ended < routing::AFTER_UNLESS * SECOND);
            !scopes.is_empty()
        });
        self.recent.retain(|_, recent| now.micros() - recent.notified_at < 2 * LONGEST_INTERVAL * SECOND);
    }

    fn keys_where(&self, holds: impl Fn(&Episode) -> bool) -> Vec<Key> {
        let found = self.open.iter().filter(|(_, episode)| holds(episode));
        found.map(|(key, _)| key.clone()).collect()
    }

    /// Takes over the value that an episode has now: transitions tell only those at which something changed.
    fn measure(&mut self, engine: &Engine, key: &Key) {
        if let (Some(episode), Some(state)) =
            (self.open.get_mut(key).map(Arc::make_mut), engine.state(&key.0, &key.1))
        {
            (episode.last, episode.peak, episode.usual) = (state.value, state.peak, state.usual);
        }
    }

    /// Somebody has seen an episode, or takes that back: `ack` is what is stored, when everything is written that was taken.
    pub fn acknowledge(&mut self, id: &str, ack: Option<Ack>, now: Timestamp) {
        let Some(key) = self.open.iter().find(|(_, episode)| episode.id == id).map(|(key, _)| key.clone())
        else {
            return;
        };
        let Some(episode) = self.open.get_mut(&key).map(Arc::make_mut) else { return };
        if episode.ack == ack {
            return;
        }
        episode.ack = ack.clone();
        let notified = episode.notified.clone();
        for channel in notified {
            let kind = self.saved.channels.iter().find(|one| one.id == channel).map(|one| one.kind);
            if ack.is_some() && kind == Some(ChannelKind::Pagerduty) {
                self.notice(&key, Event::Ack, &channel, now.micros(), now);
            }
        }
    }

    fn notify_or_hold(&mut self, key: &Key, now: Timestamp) {
        if self.crowd.has_enough_of(&key.0, &key.1) {
            // If it still fires when this is written, people are notified then.
            self.unnotified.insert(key.clone());
            return;
        }
        let held = self.held(key, now, true);
        let Some(episode) = self.open.get_mut(key).map(Arc::make_mut) else {
            self.unnotified.remove(key);
            return;
        };
        if let Some(held) = held {
            let by = match held {
                Held::By(what) => Some(what),
                Held::Interval => None,
            };
            self.unnotified.insert(key.clone());
            if episode.held_by != by {
                episode.held_by = by;
                self.change(key);
            }
            return;
        }
        let channels = self.route(key);
        if channels.is_empty() {
            // One that takes it may be added while it fires.
            self.unnotified.insert(key.clone());
            return;
        }
        self.unnotified.remove(key);
        let interval = self.saved.rules.get(&key.0).map_or(0, |(rule, _)| i64::from(rule.min_interval));
        let recent =
            self.recent.entry(key.clone()).or_insert(Recent { notified_at: 0, interval, held_back: 0 });
        let flaps = now.micros() - recent.notified_at < 2 * recent.interval * SECOND;
        recent.interval = if flaps { (2 * recent.interval).min(LONGEST_INTERVAL) } else { interval };
        recent.notified_at = now.micros();
        if let Some(episode) = self.open.get_mut(key).map(Arc::make_mut) {
            episode.notified.clone_from(&channels);
            episode.notified_at = Some(now);
            episode.first_notified_at = Some(now);
        }
        for channel in channels {
            let at = self.open.get(key).map_or(now, |episode| episode.fired_at);
            self.notice(key, Event::Fire, &channel, 0, at);
        }
        self.change(key);
    }

    fn notice(&mut self, key: &Key, event: Event, channel: &str, number: i64, at: Timestamp) {
        let Some(episode) = self.open.get(key) else { return };
        let rule = self.saved.rules.get(&key.0).map(|(rule, _)| rule);
        let metadata = self.saved.metadata.get(&key.1);
        let text = text::sentence(rule, episode, metadata, event, at, self.saved.page.as_deref());
        let group =
            self.saved.channels.iter().find(|one| one.id == channel).and_then(|one| one.group_by.as_ref());
        let topic = group.and_then(|label| episode.labels.get(label)).unwrap_or(&episode.rule).clone();
        let name = match event {
            Event::Fire => "fire",
            Event::Level => "level",
            Event::Repeat => "repeat",
            Event::Escalate => "escalate",
            Event::Ack => "ack",
            Event::Resolve => "resolve",
            Event::Test => "test",
        };
        let notice = Notice {
            episode: episode.id.clone(),
            event,
            rule: episode.rule.clone(),
            title: episode.title.clone(),
            signal: episode.scope.clone(),
            severity: episode.severity,
            state: episode.state,
            value: episode.last,
            limit: episode.limit,
            at,
            since: episode.fired_at,
            text,
            link: rule.map(|rule| rule.link.clone()).filter(|link| !link.is_empty()),
            labels: episode.labels.clone(),
        };
        let id = format!("{}/{name}/{number}/{channel}", episode.id);
        self.notices.push(NewNotice { key: id, channel: channel.to_owned(), topic, notice });
    }

    fn change(&mut self, key: &Key) {
        if let Some(episode) = self.open.get(key) {
            self.changed.insert(episode.id.clone(), Arc::clone(episode));
        }
    }
}

/// What a transition says of a running episode.
fn follow(episode: &mut Episode, transition: &Transition) {
    episode.severity = transition.severity;
    episode.last = transition.value;
    episode.peak = transition.peak;
    episode.usual = transition.usual;
}

/// The limit that a value is beyond: of what is usual that on its side.
fn limit_of(rule: &Rule, transition: &Transition) -> f64 {
    if let Some([lower, upper]) = transition.usual {
        return if transition.value < f64::midpoint(lower, upper) { lower } else { upper };
    }
    let limit = rule.levels.get(usize::from(transition.level)).map(|level| level.limit);
    limit.and_then(Limit::number).unwrap_or_default()
}
