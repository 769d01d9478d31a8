//! From notices to one message: each alert once, as it is now, the worst first.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use afterglow_wire::Timestamp;
use afterglow_wire::alert::{EpisodeState, Event, Message, Notice};
use afterglow_wire::limits::MESSAGE_ALERTS;
use sha2::{Digest as _, Sha256};

/// One message for `channel` of `notices`, oldest first, of which there is at least one. `still` alerts of the topic fire.
///
/// Its number follows from what is in it: composed again, it has the same.
pub fn compose(channel: &str, topic: &str, notices: Vec<Notice>, still: usize, at: Timestamp) -> Message {
    let id = number(channel, &notices);
    // In place: a storm has ten thousand.
    let mut alerts = notices;
    let mut places: HashMap<String, usize> = HashMap::new();
    for next in 0..alerts.len() {
        let number = places.len();
        match places.entry(alerts[next].episode.clone()) {
            Entry::Occupied(place) => {
                let place = *place.get();
                let began_as = alerts[place].event;
                let began_here = matches!(began_as, Event::Fire | Event::Escalate);
                alerts.swap(place, next);
                let notice = &mut alerts[place];
                if began_here && notice.event == Event::Resolve {
                    let seconds = (notice.at.micros() - notice.since.micros()).max(0) / 1_000_000;
                    notice.text = format!("{} It fired and was resolved within {seconds} s.", notice.text);
                } else if began_here {
                    // It is still the first that is heard of it.
                    notice.event = began_as;
                }
            }
            Entry::Vacant(place) => {
                place.insert(number);
                alerts.swap(number, next);
            }
        }
    }
    alerts.truncate(places.len());
    let is_firing = |notice: &Notice| notice.state == EpisodeState::Firing;
    let firing = alerts.iter().filter(|notice| is_firing(notice)).count();
    let resolved = alerts.len() - firing;
    alerts.sort_by(|a, b| (is_firing(b), b.severity, a.since).cmp(&(is_firing(a), a.severity, b.since)));
    let more = alerts.len().saturating_sub(MESSAGE_ALERTS);
    alerts.truncate(MESSAGE_ALERTS);
    Message {
        id,
        channel: channel.to_owned(),
        topic: topic.to_owned(),
        at,
        firing,
        resolved,
        alerts,
        more,
        still,
    }
}

fn number(channel: &str, notices: &[Notice]) -> String {
    let mut hash = Sha256::new();
    let mut add = |text: &str| {
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text);
    };
    add(channel);
    for notice in notices {
        add(&notice.episode);
        add(&format!("{:?} {}", notice.event, notice.at.micros()));
    }
    format!("msg_{}", hex(&hash.finalize()[..16]))
}

/// Bytes as hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The number of an episode: of the rule `rule`, first saved at `born`, for `scope`, firing since `fired_at`.
pub fn episode_id(rule: &str, born: Timestamp, scope: &str, fired_at: Timestamp) -> String {
    let key = format!("{rule}@{}/{}/{}", born.micros(), fired_at.micros(), scope);
    hex(&Sha256::digest(key)[..12])
}

/// A line that says what a message is about.
pub fn summary(message: &Message) -> String {
    let Some(first) = message.alerts.first() else { return "Nothing".into() };
    let total = message.firing + message.resolved;
    if total == 1 {
        let word = match (first.event, first.state) {
            (Event::Test, _) => "Test".to_owned(),
            (_, EpisodeState::Resolved) => "Resolved".to_owned(),
            _ => capital(first.severity.name()),
        };
        return format!("{word}: {} ({})", name_of(first), first.signal);
    }
    let mut parts = Vec::new();
    if message.firing > 0 {
        parts.push(format!("{} firing", message.firing));
    }
    if message.resolved > 0 {
        parts.push(format!("{} resolved", message.resolved));
    }
    let is_one_rule = message.more == 0 && message.alerts.iter().all(|alert| alert.rule == first.rule);
    let about = if is_one_rule || message.topic == first.rule { name_of(first) } else { "alerts" };
    format!("{}: {about}", parts.join(", "))
}

/// What people call the rule of a notice.
pub fn name_of(notice: &Notice) -> &str {
    if notice.title.is_empty() { &notice.rule } else { &notice.title }
}

fn capital(word: &str) -> String {
    let mut characters = word.chars();
    characters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(characters).collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use afterglow_wire::rule::Severity;

    use super::*;

    pub(crate) fn notice(episode: &str, event: Event, at: i64) -> Notice {
        let state = if event == Event::Resolve { EpisodeState::Resolved } else { EpisodeState::Firing };
        Notice {
            episode: episode.into(),
            event,
            rule: "oven-too-hot".into(),
            title: "Oven too hot".into(),
            signal: format!("oven.{episode}.temp"),
            severity: Severity::Warning,
            state,
            value: 83.5,
            limit: 80.0,
            at: Timestamp::from_micros(at),
            since: Timestamp::from_micros(1_700_000_000_000_000),
            text: format!("oven.{episode}.temp is at 83.5."),
            link: Some("https://wiki.example.org/ovens".into()),
            labels: [("team".to_owned(), "ovens".to_owned())].into(),
        }
    }

    const AT: i64 = 1_700_000_000_000_000;

    #[test]
    fn each_alert_is_once_in_a_message_as_it_is_now() {
        let notices = vec![
            notice("1", Event::Fire, AT),
            notice("2", Event::Fire, AT),
            notice("1", Event::Resolve, AT + 12_000_000),
            Notice { severity: Severity::Critical, ..notice("2", Event::Level, AT + 13_000_000) },
            notice("3", Event::Fire, AT + 1),
        ];
        let at = Timestamp::from_micros(AT + 14_000_000);
        let message = compose("ops", "oven-too-hot", notices.clone(), 2, at);
        let kinds: Vec<_> =
            message.alerts.iter().map(|a| (&*a.episode, a.event, a.severity.name())).collect();
        assert_eq!(
            kinds,
            [("2", Event::Fire, "critical"), ("3", Event::Fire, "warning"), ("1", Event::Resolve, "warning")]
        );
        assert!(message.alerts[2].text.ends_with("resolved within 12 s."), "{}", message.alerts[2].text);
        assert_eq!((message.firing, message.resolved, message.more), (2, 1, 0));
        assert_eq!(summary(&message), "2 firing, 1 resolved: Oven too hot");
        assert_eq!(compose("ops", "oven-too-hot", notices.clone(), 0, at).id, message.id, "the same again");
        assert_ne!(compose("other", "oven-too-hot", notices, 2, at).id, message.id);
    }

    #[test]
    fn a_storm_is_counted() {
        let notices = (0..10_000).map(|n| notice(&n.to_string(), Event::Fire, AT)).collect();
        let message = compose("ops", "oven-too-hot", notices, 10_000, Timestamp::from_micros(AT));
        assert_eq!((message.firing, message.alerts.len(), message.more), (10_000, 50, 9_950));
        assert_eq!(summary(&message), "10000 firing: Oven too hot");
    }
}
