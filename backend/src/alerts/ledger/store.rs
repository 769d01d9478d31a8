//! The alert about the database itself: while it takes no samples nothing else can be noticed.

use std::collections::BTreeMap;

use afterglow_wire::Timestamp;
use afterglow_wire::alert::{EpisodeState, Event, Notice};
use afterglow_wire::rule::Severity;

use super::Ledger;
use crate::store::alerts::NewNotice;

/// The rule that reports the database.
const STORE_RULE: &str = "afterglow:store";

/// What it is about.
const SCOPE: &str = "database";

impl Ledger {
    /// What channels are sent about the database, which has refused samples since `since`, or no longer does so at `now`. Nothing of it is in the history: it
    /// can be written only when all is over.
    pub fn of_store(&self, refuses: bool, since: Timestamp, now: Timestamp) -> Vec<NewNotice> {
        let (event, state, text) = if refuses {
            let text = "The database takes no samples: the disk is full, or it does not answer. Nothing else is noticed meanwhile.";
            (Event::Fire, EpisodeState::Firing, text)
        } else {
            (Event::Resolve, EpisodeState::Resolved, "The database takes samples again.")
        };
        let labels = BTreeMap::new();
        let episode = format!("{STORE_RULE}/{}", since.micros());
        self.channels_of(STORE_RULE, SCOPE, Severity::Critical, &labels)
            .into_iter()
            .map(|channel| {
                let notice = Notice {
                    episode: episode.clone(),
                    event,
                    rule: STORE_RULE.into(),
                    title: "The database takes no samples".into(),
                    signal: SCOPE.into(),
                    severity: Severity::Critical,
                    state,
                    value: f64::from(u8::from(refuses)),
                    limit: 0.0,
                    at: if refuses { since } else { now },
                    since,
                    text: text.into(),
                    link: None,
                    labels: BTreeMap::new(),
                };
                let name = if refuses { "fire" } else { "resolve" };
                NewNotice {
                    key: format!("{episode}/{name}/{channel}"),
                    channel,
                    topic: STORE_RULE.into(),
                    notice,
                }
            })
            .collect()
    }
}
