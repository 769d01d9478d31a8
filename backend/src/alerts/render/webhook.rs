//! Webhooks: our own body or Alertmanager's, signed as Standard Webhooks says (<https://www.standardwebhooks.com>).

use afterglow_wire::Timestamp;
use afterglow_wire::alert::{Message, Notice};
use afterglow_wire::channel::BodyFormat;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Map, Value, json};
use sha2::Sha256;

use super::super::compose::summary;
use super::{Receiver, Request, alertmanager, fit};

/// Largest body, in bytes.
const BUDGET: usize = 64 * 1024;

/// What the keys of Standard Webhooks begin with; the rest is base64.
const PREFIX: &str = "whsec_";

pub(super) fn request(receiver: &Receiver, message: &Message, now: Timestamp) -> Request {
    let request = fit(message, BUDGET, |alerts, more| {
        let body = match receiver.channel.format {
            BodyFormat::Afterglow => body_of(message, alerts, more),
            BodyFormat::Alertmanager => alertmanager::webhook(receiver, message, alerts, more),
        };
        Request::post(receiver.url(), &body)
    });
    let timestamp = now.micros().div_euclid(1_000_000);
    let keys = ["secret", "old_secret"].map(|name| receiver.secret(name));
    let signatures = keys.into_iter().filter(|key| !key.is_empty());
    let signatures: Vec<String> =
        signatures.map(|key| sign(key, &message.id, timestamp, &request.body)).collect();
    let request = request.with("webhook-id", &*message.id).with("webhook-timestamp", timestamp.to_string());
    if signatures.is_empty() { request } else { request.with("webhook-signature", signatures.join(" ")) }
}

/// The signature of a body: of its number, time and bytes.
pub fn sign(key: &str, id: &str, timestamp: i64, body: &str) -> String {
    let decoded = key.strip_prefix(PREFIX).and_then(|key| BASE64_STANDARD.decode(key).ok());
    let key = decoded.unwrap_or_else(|| key.as_bytes().to_vec());
    // Keys of all lengths are taken.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&key) else { return String::new() };
    mac.update(format!("{id}.{timestamp}.{body}").as_bytes());
    format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes()))
}

/// The body with all alerts of a message.
pub(super) fn body(message: &Message) -> Value {
    body_of(message, &message.alerts, message.more)
}

/// The first alert's members, for receivers that look at one, and all that are listed.
fn body_of(message: &Message, alerts: &[Notice], more: usize) -> Value {
    let mut body = match message.alerts.first().map(serde_json::to_value) {
        Some(Ok(Value::Object(first))) => first,
        _ => Map::new(),
    };
    let rest = json!({
        "id": message.id,
        "channel": message.channel,
        "topic": message.topic,
        "state": message.state(),
        "summary": summary(message),
        "firing": message.firing,
        "resolved": message.resolved,
        "alerts": alerts,
        "more": more,
    });
    if let Value::Object(rest) = rest {
        body.extend(rest);
    }
    Value::Object(body)
}
