//! Groups samples: those of one instant into one object, objects into batches.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use afterglow_wire::Timestamp;
use afterglow_wire::telemetry::Reading;

/// Samples encoded once: JSON objects separated by commas. Cheap to clone.
#[derive(Clone, PartialEq, Eq)]
pub struct Batch {
    objects: Arc<[u8]>,
    samples: usize,
}

impl Batch {
    /// Encodes `readings`, which must not be empty.
    ///
    /// # Errors
    /// When JSON cannot say one of them; readings with text names and numbers always can be said.
    pub fn encode(readings: &[Reading]) -> Result<Self, serde_json::Error> {
        let array = serde_json::to_vec(readings)?;
        let objects = array.get(1..array.len().saturating_sub(1)).unwrap_or_default();
        Ok(Self { objects: objects.into(), samples: readings.iter().map(|r| r.signals.len()).sum() })
    }

    /// A batch as [`Self::objects`] and [`Self::samples`] once described it.
    pub fn from_parts(objects: &[u8], samples: usize) -> Self {
        Self { objects: objects.into(), samples }
    }

    /// The encoded objects, separated by commas, without the array's brackets.
    pub fn objects(&self) -> &[u8] {
        &self.objects
    }

    /// How many samples it holds.
    pub const fn samples(&self) -> usize {
        self.samples
    }

    /// The request body: the objects as a JSON array.
    pub fn body(&self) -> Vec<u8> {
        [b"[", &*self.objects, b"]"].concat()
    }

    /// All of `batches` as one, in their order.
    pub fn join(batches: &[Self]) -> Self {
        let objects: Vec<&[u8]> = batches.iter().map(Self::objects).collect();
        Self { objects: objects.join(&b","[..]).into(), samples: batches.iter().map(Self::samples).sum() }
    }

    /// Two halves, or none when it is a single sample.
    pub fn split(&self) -> Option<(Self, Self)> {
        let mut first: Vec<Reading> = serde_json::from_slice(&self.body()).ok()?;
        let second = match &mut first[..] {
            [] => return None,
            [only] => {
                let middle = only.signals.keys().nth(only.signals.len() / 2)?.clone();
                vec![Reading { timestamp: only.timestamp, signals: only.signals.split_off(&middle) }]
            }
            many => {
                let middle = many.len() / 2;
                first.split_off(middle)
            }
        };
        let halves = (Self::encode(&first).ok()?, Self::encode(&second).ok()?);
        (halves.0.samples > 0 && halves.1.samples > 0).then_some(halves)
    }
}

impl fmt::Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Batch of {} samples in {} bytes", self.samples, self.objects.len())
    }
}

/// Collects samples until their batch is full or old enough.
#[derive(Debug)]
pub struct Batcher {
    readings: BTreeMap<Timestamp, BTreeMap<String, f64>>,
    samples: usize,
    since: Option<Duration>,
    max_samples: usize,
    max_age: Duration,
}

impl Batcher {
    /// Batches of at most `max_samples` samples, closed at the latest `max_age` after their first.
    pub const fn new(max_samples: usize, max_age: Duration) -> Self {
        Self { readings: BTreeMap::new(), samples: 0, since: None, max_samples, max_age }
    }

    /// Adds a sample at `now`. The same signal and instant again replaces the value, as the backend would.
    /// Gives the batch that became full by it.
    pub fn push(&mut self, timestamp: Timestamp, signal: String, value: f64, now: Duration) -> Option<Batch> {
        match self.readings.entry(timestamp).or_default().entry(signal) {
            Entry::Occupied(mut held) => *held.get_mut() = value,
            Entry::Vacant(place) => {
                place.insert(value);
                self.samples += 1;
            }
        }
        self.since.get_or_insert(now);
        if self.samples >= self.max_samples { self.close() } else { None }
    }

    /// When the open batch is old enough to be closed; none when it is empty.
    pub fn due(&self) -> Option<Duration> {
        self.since.map(|since| since + self.max_age)
    }

    /// How many samples the open batch holds.
    pub const fn samples(&self) -> usize {
        self.samples
    }

    /// Closes the open batch, oldest instant first; none when it is empty.
    pub fn close(&mut self) -> Option<Batch> {
        self.since.take()?;
        self.samples = 0;
        let readings: Vec<_> = std::mem::take(&mut self.readings)
            .into_iter()
            .map(|(timestamp, signals)| Reading { timestamp: Some(timestamp), signals })
            .collect();
        match Batch::encode(&readings) {
            Ok(batch) => Some(batch),
            Err(error) => {
                log::error!("a batch cannot be encoded and is lost: {error}");
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AGE: Duration = Duration::from_millis(50);

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    fn text(batch: &Batch) -> String {
        String::from_utf8(batch.body()).unwrap()
    }

    #[test]
    fn samples_of_one_instant_share_an_object() {
        let mut batcher = Batcher::new(10, AGE);
        assert_eq!(batcher.push(at(1), "b".into(), 2.0, Duration::ZERO), None);
        assert_eq!(batcher.push(at(0), "a".into(), 0.5, Duration::ZERO), None);
        assert_eq!(batcher.push(at(1), "a".into(), 1.0, Duration::ZERO), None);
        assert_eq!(
            text(&batcher.close().unwrap()),
            r#"[{"timestamp":"1970-01-01T00:00:00.000000Z","signals":{"a":0.5}},"#.to_owned()
                + r#"{"timestamp":"1970-01-01T00:00:01.000000Z","signals":{"a":1.0,"b":2.0}}]"#
        );
        assert_eq!(batcher.close(), None);
    }

    #[test]
    fn a_batch_closes_by_count_and_is_due_by_age() {
        let mut batcher = Batcher::new(2, AGE);
        assert_eq!(batcher.due(), None);
        batcher.push(at(0), "a".into(), 1.0, Duration::from_secs(5));
        assert_eq!(batcher.push(at(0), "a".into(), 9.0, Duration::from_secs(6)), None, "a replaced value");
        assert_eq!(batcher.due(), Some(Duration::from_millis(5_050)));
        let full = batcher.push(at(0), "b".into(), 2.0, Duration::from_secs(6)).unwrap();
        assert_eq!(full.samples(), 2);
        assert!(text(&full).contains(r#"{"a":9.0,"b":2.0}"#));
        assert_eq!((batcher.due(), batcher.samples()), (None, 0));
    }

    fn of(instants: i64, signals: usize) -> Batch {
        let readings: Vec<_> = (0..instants)
            .map(|second| Reading {
                timestamp: Some(at(second)),
                signals: (0..signals).map(|i| (format!("s{i}"), 0.5)).collect(),
            })
            .collect();
        Batch::encode(&readings).unwrap()
    }

    #[test]
    fn halves_hold_together_what_the_whole_held() {
        for whole in [of(5, 3), of(2, 1), of(1, 5), of(1, 2)] {
            let (first, second) = whole.split().unwrap();
            assert_eq!(first.samples() + second.samples(), whole.samples());
            let joined: Vec<Reading> = serde_json::from_slice(&Batch::join(&[first, second]).body()).unwrap();
            assert_eq!(joined.iter().map(|r| r.signals.len()).sum::<usize>(), whole.samples());
        }
        assert_eq!(of(1, 1).split(), None);
    }

    #[test]
    fn joining_keeps_order() {
        let (a, b) = (of(1, 1), of(2, 1));
        assert_eq!(Batch::join(&[a.clone(), b.clone()]).samples(), 3);
        assert_eq!(
            text(&Batch::join(&[a.clone(), b.clone()])),
            format!("[{},{}]", String::from_utf8_lossy(a.objects()), String::from_utf8_lossy(b.objects()))
        );
    }
}
