//! The inherited events as text, also as Server-Sent Events.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use afterglow_wire::Timestamp;
use afterglow_wire::v1::Position;
use bytestring::ByteString;

use super::Protocol;
use crate::batch::{Sample, SignalId};
use crate::signals::Signals;

/// The `telemetry_update` of samples of one instant, as `protocol` has it: the same text as
/// [`afterglow_wire::live::Event`] has, written without building one.
pub(super) fn update(
    instant: &[Sample],
    signals: &Signals,
    conflated: bool,
    protocol: Protocol,
) -> ByteString {
    let mut text = String::with_capacity(128 + 32 * instant.len());
    match protocol {
        Protocol::EventStream => {
            text.push_str("event: telemetry_update\ndata: ");
            data(&mut text, instant, signals, conflated);
            text.push_str("\n\n");
        }
        Protocol::Events | Protocol::V1 => {
            text.push_str(r#"{"event":"telemetry_update","data":"#);
            data(&mut text, instant, signals, conflated);
            text.push('}');
        }
    }
    text.into()
}

fn data(text: &mut String, instant: &[Sample], signals: &Signals, conflated: bool) {
    let timestamp = instant.first().map_or(Timestamp::default(), |sample| sample.timestamp);
    // A name posted twice in one object appears once, with its last value.
    let values: BTreeMap<SignalId, f64> =
        instant.iter().map(|sample| (sample.signal, sample.value)).collect();
    text.push_str(r#"{"timestamp":""#);
    timestamp.write_to(text);
    text.push_str(r#"","signals":{"#);
    let mut number = zmij::Buffer::new();
    for (place, (signal, value)) in values.into_iter().enumerate() {
        let name = signals.name(signal).unwrap_or_default();
        // JSON's escapes of a name; the text of a value is the one that queries answer with.
        let name = serde_json::to_string(&*name).unwrap_or_default();
        let separator = if place > 0 { "," } else { "" };
        let _ = write!(text, "{separator}{name}:{}", number.format_finite(value));
    }
    text.push_str(if conflated { r#"},"conflated":true}"# } else { "}}" });
}

/// What tells a client of an event stream where it is, so that it can come back there with `Last-Event-ID`.
pub(super) fn event_id(position: Position) -> String {
    format!("{}-{}", position.epoch, position.sequence)
}

/// The position that an [`event_id`] tells.
pub fn parse_event_id(id: &str) -> Option<Position> {
    let (epoch, sequence) = id.split_once('-')?;
    Some(Position { epoch: epoch.parse().ok()?, sequence: sequence.parse().ok()? })
}
