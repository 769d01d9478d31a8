//! What Prometheus' Alertmanager sends (its webhooks, version 4), and what it takes (`POST /api/v2/alerts`).

use std::collections::BTreeMap;

use afterglow_wire::Timestamp;
use afterglow_wire::alert::{EpisodeState, Message, Notice};
use serde_json::{Value, json};

use super::super::compose::name_of;
use super::{Receiver, Request, fit};

/// Largest body, in bytes.
const BUDGET: usize = 64 * 1024;

/// An alert that is not heard of again has ended after this time. It is sent again every minute.
const LASTS_MICROS: i64 = 4 * 60 * 1_000_000;

/// What Alertmanager says when something has no end.
const NO_END: &str = "0001-01-01T00:00:00Z";

pub(super) fn webhook(receiver: &Receiver, message: &Message, alerts: &[Notice], more: usize) -> Value {
    let labels: Vec<BTreeMap<String, String>> = alerts.iter().map(labels_of).collect();
    let mut common = labels.first().cloned().unwrap_or_default();
    common.retain(|name, value| labels.iter().all(|labels| labels.get(name) == Some(value)));
    let entries: Vec<Value> = alerts
        .iter()
        .zip(&labels)
        .map(|(alert, labels)| {
            json!({
                "status": alert.state,
                "labels": labels,
                "annotations": annotations_of(alert),
                "startsAt": alert.since,
                "endsAt": ends_at(alert).map_or_else(|| NO_END.to_owned(), |end| end.to_string()),
                "generatorURL": generator(receiver),
                "fingerprint": alert.episode,
            })
        })
        .collect();
    json!({
        "version": "4",
        "groupKey": format!("{{}}:{{topic={:?}}}", message.topic),
        "truncatedAlerts": more,
        "status": message.state(),
        "receiver": message.channel,
        "groupLabels": { "topic": message.topic },
        "commonLabels": common,
        "commonAnnotations": {},
        "externalURL": receiver.page.as_deref().unwrap_or_default(),
        "alerts": entries,
    })
}

pub(super) fn push(receiver: &Receiver, message: &Message, now: Timestamp) -> Request {
    let lasts = Timestamp::from_micros(now.micros().saturating_add(LASTS_MICROS));
    let request = fit(message, BUDGET, |alerts, _| {
        let entries: Vec<Value> = alerts
            .iter()
            .map(|alert| {
                json!({
                    "labels": labels_of(alert),
                    "annotations": annotations_of(alert),
                    "startsAt": alert.since,
                    "endsAt": ends_at(alert).unwrap_or(lasts),
                    "generatorURL": generator(receiver),
                })
            })
            .collect();
        Request::post(format!("{}/api/v2/alerts", receiver.base()), &Value::Array(entries))
    });
    match receiver.secret("token") {
        "" => request,
        token => request.with("authorization", format!("Bearer {token}")),
    }
}

fn ends_at(alert: &Notice) -> Option<Timestamp> {
    (alert.state == EpisodeState::Resolved).then_some(alert.at)
}

fn generator(receiver: &Receiver) -> String {
    receiver.page.as_ref().map_or_else(String::new, |page| format!("{page}/alerts"))
}

fn labels_of(alert: &Notice) -> BTreeMap<String, String> {
    let mut labels = alert.labels.clone();
    labels.insert("alertname".into(), alert.rule.clone());
    labels.insert("signal".into(), alert.signal.clone());
    labels.insert("severity".into(), alert.severity.name().into());
    labels
}

fn annotations_of(alert: &Notice) -> BTreeMap<&'static str, String> {
    let mut annotations = BTreeMap::from([
        ("summary", name_of(alert).to_owned()),
        ("description", alert.text.clone()),
        ("value", alert.value.to_string()),
    ]);
    if let Some(link) = &alert.link {
        annotations.insert("runbook_url", link.clone());
    }
    annotations
}
