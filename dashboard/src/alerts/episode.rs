//! One time that a rule fired, as the page reads it.
//!
//! Read by hand from the server's answer, and only what is shown: code that reads all of `afterglow_wire::alert::Episode` is ten times as
//! large, and the page carries it over the network. A test holds both together.

use afterglow_wire::Timestamp;
use afterglow_wire::rule::Severity;
use serde_json::Value;

/// An episode.
#[derive(Clone, Debug, PartialEq)]
pub struct Episode {
    /// Its number.
    pub id: String,
    /// The rule's name.
    pub rule: String,
    /// What people call the rule.
    pub title: String,
    /// The signal, or what stands for several.
    pub scope: String,
    /// How bad it is.
    pub severity: Severity,
    /// When the limit was crossed, in microseconds.
    pub pending_at: i64,
    /// When it fired.
    pub fired_at: i64,
    /// When it ended.
    pub resolved_at: Option<i64>,
    /// Why it ended, when it was not the value.
    pub reason: String,
    /// The worst value.
    pub peak: f64,
    /// The value with which it fired, changed its severity or ended; not what it is now.
    pub last: f64,
    /// The limit that is crossed.
    pub limit: f64,
    /// Because of what nobody was notified.
    pub held_by: String,
    /// Who has seen it.
    pub seen: Option<Seen>,
}

/// That somebody has seen an alert.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    /// Who; nothing when that is not known.
    pub by: String,
    /// What they say of it.
    pub note: String,
    /// When, in microseconds.
    pub at: i64,
}

impl Episode {
    /// Those of an answer's member that lists episodes.
    pub fn all(list: &Value) -> Vec<Self> {
        list.as_array().into_iter().flatten().filter_map(Self::read).collect()
    }

    fn read(episode: &Value) -> Option<Self> {
        let severity = text(episode, "severity");
        Some(Self {
            id: text(episode, "id"),
            rule: text(episode, "rule"),
            title: text(episode, "title"),
            scope: text(episode, "scope"),
            severity: SEVERITIES.into_iter().find(|known| known.name() == severity)?,
            pending_at: instant(episode, "pending_at")?,
            fired_at: instant(episode, "fired_at")?,
            resolved_at: instant(episode, "resolved_at"),
            reason: text(episode, "reason"),
            peak: number(episode, "peak"),
            last: number(episode, "last"),
            limit: number(episode, "limit"),
            held_by: text(episode, "held_by"),
            seen: instant(&episode["ack"], "at").map(|at| Seen {
                by: text(&episode["ack"], "by"),
                note: text(&episode["ack"], "note"),
                at,
            }),
        })
    }
}

/// From the least severe to the most.
pub const SEVERITIES: [Severity; 3] = [Severity::Info, Severity::Warning, Severity::Critical];

/// A text of a document; nothing when it has none.
pub fn text(document: &Value, member: &str) -> String {
    document[member].as_str().unwrap_or_default().to_owned()
}

/// A number of a document.
pub fn number(document: &Value, member: &str) -> f64 {
    document[member].as_f64().unwrap_or_default()
}

/// An instant of a document, in microseconds.
pub fn instant(document: &Value, member: &str) -> Option<i64> {
    let at: Timestamp = document[member].as_str()?.parse().ok()?;
    Some(at.micros())
}

#[cfg(test)]
mod tests {
    use afterglow_wire::alert::{self, Ack, EpisodeState, History};

    use super::*;

    #[test]
    fn an_episode_is_read_as_the_server_writes_it() {
        let at = Timestamp::from_micros;
        let mut sent = alert::Episode {
            id: "7".into(),
            rule: "hot".into(),
            rule_version: 1,
            title: "Too hot".into(),
            scope: "oven".into(),
            severity: Severity::Critical,
            state: EpisodeState::Firing,
            pending_at: at(1),
            fired_at: at(2),
            resolved_at: None,
            reason: None,
            value: 1.0,
            peak: 3.0,
            last: 2.0,
            limit: 0.5,
            late: false,
            held_by: None,
            notified: vec![],
            notified_at: None,
            usual: None,
            risen: None,
            first_notified_at: None,
            refreshed_at: None,
            repeats: 0,
            escalations: 0,
            held_back: 0,
            labels: Default::default(),
            ack: None,
        };
        let read = |sent: &alert::Episode| {
            let history = History { episodes: vec![sent.clone()], total: 1 };
            let [episode] =
                Episode::all(&serde_json::to_value(history).unwrap()["episodes"]).try_into().unwrap();
            episode
        };
        let firing = read(&sent);
        assert_eq!(
            (&*firing.id, &*firing.rule, &*firing.title, &*firing.scope),
            ("7", "hot", "Too hot", "oven")
        );
        assert_eq!((firing.pending_at, firing.fired_at, firing.resolved_at), (1, 2, None));
        assert_eq!((firing.peak, firing.last, firing.limit), (3.0, 2.0, 0.5));
        assert_eq!((&*firing.reason, &*firing.held_by, firing.seen), ("", "", None));
        sent.resolved_at = Some(at(9));
        sent.reason = Some("the rule was deleted".into());
        sent.held_by = Some("night".into());
        sent.ack = Some(Ack { by: "ann".into(), note: "on it".into(), at: at(3), until: None });
        let ended = read(&sent);
        assert_eq!(
            (ended.resolved_at, &*ended.reason, &*ended.held_by),
            (Some(9), "the rule was deleted", "night")
        );
        assert_eq!(ended.seen, Some(Seen { by: "ann".into(), note: "on it".into(), at: 3 }));
    }
}
