//! PagerDuty's events API, version 2: an event for each alert, and one for those that are only counted.

use afterglow_wire::alert::{EpisodeState, Event, Message, Notice};
use afterglow_wire::rule::Severity;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::super::compose::{hex, name_of};
use super::{Receiver, Request, line, title};

const ENQUEUE: &str = "https://events.pagerduty.com/v2/enqueue";

pub(super) fn requests(receiver: &Receiver, message: &Message) -> Vec<Request> {
    let url = if receiver.url().is_empty() { ENQUEUE } else { receiver.url() };
    let mut events: Vec<Value> = message.alerts.iter().map(|alert| event(receiver, alert)).collect();
    let group =
        format!("afterglow-{}", hex(&Sha256::digest(format!("{}/{}", message.channel, message.topic))[..16]));
    if message.more > 0 && message.firing > 0 {
        let mut rest = json!({
            "routing_key": receiver.secret("token"),
            "event_action": "trigger",
            "dedup_key": group,
            "client": "Afterglow",
        });
        rest["payload"] = json!({
            "summary": line(&format!("{}, {} of them not listed one by one", title(message), message.more), 1_000),
            "source": "afterglow",
            "severity": "critical",
            "timestamp": message.at,
        });
        events.push(rest);
    } else if message.still == 0 && message.firing == 0 {
        // What an earlier message may have counted has ended too. One that nobody knows is no error.
        let key = receiver.secret("token");
        events.push(json!({ "routing_key": key, "event_action": "resolve", "dedup_key": group }));
    }
    events.iter().map(|event| Request::post(url, event)).collect()
}

fn event(receiver: &Receiver, alert: &Notice) -> Value {
    let action = match (alert.event, alert.state) {
        (_, EpisodeState::Resolved) => "resolve",
        (Event::Ack, _) => "acknowledge",
        _ => "trigger",
    };
    let mut event = json!({
        "routing_key": receiver.secret("token"),
        "event_action": action,
        "dedup_key": format!("afterglow-{}", alert.episode),
    });
    if action != "trigger" {
        return event;
    }
    event["client"] = "Afterglow".into();
    event["payload"] = json!({
        "summary": line(&format!("{}: {}", name_of(alert), alert.text), 1_000),
        "source": line(&alert.signal, 256),
        "severity": match alert.severity {
            Severity::Info => "info",
            Severity::Warning => "warning",
            Severity::Critical => "critical",
        },
        "timestamp": alert.since,
        "class": alert.rule,
        "custom_details": { "value": alert.value, "limit": alert.limit, "labels": alert.labels },
    });
    if let Some(link) = &alert.link {
        event["links"] = json!([{ "href": line(link, 512), "text": "What to do" }]);
    }
    event
}
