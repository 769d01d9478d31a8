//! Committed samples as live clients see them: text events, and the newest values for those who fell behind.
//!
//! Pure: no actors, no sockets.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use afterglow_wire::Timestamp;
use bytestring::ByteString;

use crate::batch::{Batch, Sample, SignalId};
use crate::store::Signals;

/// Most events that one group of commits may become. A larger group (somebody loads history) is conflated: watching
/// a million old values pass by helps nobody, and the queue of every client would have to hold them.
const EVENTS_PER_GROUP: usize = 1_000;

/// The newest value of each signal. Bounded by the number of signals.
#[derive(Debug, Default)]
pub struct Newest {
    by_signal: BTreeMap<SignalId, Sample>,
}

impl Newest {
    /// Keeps the sample of each signal that is newest by its timestamp.
    pub fn add(&mut self, batches: &[Batch]) {
        for sample in batches.iter().flat_map(Batch::samples) {
            let newest = self.by_signal.entry(sample.signal).or_insert(*sample);
            if sample.timestamp >= newest.timestamp {
                *newest = *sample;
            }
        }
    }

    /// The events that bring a client up to date, marked as conflated.
    pub fn events(&self, signals: &Signals) -> Vec<ByteString> {
        let mut samples: Vec<Sample> = self.by_signal.values().copied().collect();
        samples.sort_by_key(|sample| sample.timestamp);
        samples
            .chunk_by(|a, b| a.timestamp == b.timestamp)
            .map(|instant| event(instant, signals, true))
            .collect()
    }
}

/// One `telemetry_update` event per object that was posted; conflated to the newest values when there are very many.
pub fn events(batches: &[Batch], signals: &Signals) -> Vec<ByteString> {
    let instants = || batches.iter().flat_map(Batch::instants);
    if instants().nth(EVENTS_PER_GROUP).is_some() {
        let mut newest = Newest::default();
        newest.add(batches);
        return newest.events(signals);
    }
    instants().map(|instant| event(instant, signals, false)).collect()
}

/// The same text as [`afterglow_wire::live::Event`] has, written without building one.
fn event(instant: &[Sample], signals: &Signals, conflated: bool) -> ByteString {
    let timestamp = instant.first().map_or(Timestamp::default(), |sample| sample.timestamp);
    // A name posted twice in one object appears once, with its last value.
    let values: BTreeMap<SignalId, f64> =
        instant.iter().map(|sample| (sample.signal, sample.value)).collect();
    let mut text = String::with_capacity(96 + 32 * values.len());
    text.push_str(r#"{"event":"telemetry_update","data":{"timestamp":""#);
    timestamp.write_to(&mut text);
    text.push_str(r#"","signals":{"#);
    let mut separator = "";
    for (signal, value) in values {
        let name = signals.name(signal).unwrap_or_default();
        // JSON's escapes of a name, and serde_json's shortest text of a float, are the ones queries answer with.
        if let (Ok(name), Ok(value)) = (serde_json::to_string(&*name), serde_json::to_string(&value)) {
            let _ = write!(text, "{separator}{name}:{value}");
            separator = ",";
        }
    }
    text.push_str(if conflated { r#"},"conflated":true}}"# } else { "}}}" });
    ByteString::from(text)
}

#[cfg(test)]
mod tests {
    use afterglow_wire::live::Event;

    use super::*;
    use crate::decode::Intern;

    fn batch(signals: &mut Signals, samples: &[(&str, i64, f64)]) -> Batch {
        let mut batch = Batch::default();
        for (name, micros, value) in samples {
            let signal = signals.intern(name).unwrap();
            batch.push(Sample { signal, timestamp: Timestamp::from_micros(*micros), value: *value });
        }
        batch
    }

    #[test]
    fn events_follow_the_objects_that_were_posted() {
        let mut signals = Signals::empty(10);
        let first = batch(&mut signals, &[("a\"", 1, 1.0), ("b", 1, 0.1), ("a\"", 2, 1e300)]);
        let second = batch(&mut signals, &[("b", 2, -0.0)]);
        let events = events(&[first, second], &signals);
        let head = r#"{"event":"telemetry_update","data":{"timestamp":"1970-01-01T00:00:00.0000"#;
        assert_eq!(
            events,
            [
                format!(r#"{head}01Z","signals":{{"a\"":1.0,"b":0.1}}}}}}"#),
                format!(r#"{head}02Z","signals":{{"a\"":1e+300}}}}}}"#),
                format!(r#"{head}02Z","signals":{{"b":-0.0}}}}}}"#),
            ]
        );
        for event in events {
            serde_json::from_str::<Event>(&event).unwrap();
        }
    }

    #[test]
    fn a_very_large_group_shows_only_the_newest_value_of_each_signal() {
        let mut signals = Signals::empty(10);
        let samples: Vec<_> = (0..5_000).map(|i| (["a", "b"][i as usize % 2], i, i as f64)).collect();
        let events = events(&[batch(&mut signals, &samples)], &signals);
        assert_eq!(events.len(), 2);
        assert!(events[1].contains(r#""signals":{"b":4999.0},"conflated":true"#), "{}", events[1]);
    }

    #[test]
    fn late_samples_do_not_replace_newer_ones() {
        let mut signals = Signals::empty(10);
        let mut newest = Newest::default();
        newest.add(&[batch(&mut signals, &[("a", 9, 9.0), ("a", 3, 3.0)])]);
        assert!(newest.events(&signals)[0].contains(r#""a":9.0"#));
    }
}
