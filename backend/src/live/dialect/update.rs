//! The data of a `telemetry_update`, which all text protocols share: the same text as [`afterglow_wire::live::Update`] has, written
//! without building one. Protocols differ in what stands `around` it, before and after.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use afterglow_wire::Timestamp;

use crate::batch::{Sample, SignalId};
use crate::live::newest::Newest;
use crate::live::{Frame, LiveSample};
use crate::signals::Signals;

/// The data of the event that says that samples were left out.
pub(super) const GAP: &str = r#"{"message":"samples were left out here; query them"}"#;

/// One text for each instant of `samples`.
pub(super) fn all(samples: &[LiveSample], signals: &Signals, around: [&str; 2]) -> Vec<Frame> {
    let mut instant = Vec::new();
    let updates = samples.chunk_by(|a, b| a.instant == b.instant).map(|samples| {
        instant.clear();
        instant.extend(samples.iter().map(|live| live.sample));
        update(&instant, signals, false, around)
    });
    updates.collect()
}

/// One text, marked as conflated, for each instant of the newest values.
pub(super) fn newest(newest: &Newest, signals: &Signals, around: [&str; 2]) -> Vec<Frame> {
    let samples = newest.samples();
    let instants = samples.chunk_by(|a, b| a.timestamp == b.timestamp);
    instants.map(|instant| update(instant, signals, true, around)).collect()
}

fn update(instant: &[Sample], signals: &Signals, conflated: bool, [before, after]: [&str; 2]) -> Frame {
    let mut text = String::with_capacity(128 + 32 * instant.len());
    text.push_str(before);
    data(&mut text, instant, signals, conflated);
    text.push_str(after);
    Frame::Text(text.into())
}

fn data(text: &mut String, instant: &[Sample], signals: &Signals, conflated: bool) {
    let timestamp = instant.first().map_or(Timestamp::default(), |sample| sample.timestamp);
    // A name posted twice appears once, with its last value.
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
