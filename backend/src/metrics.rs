//! What `/metrics` shows, in Prometheus' text format.
//!
//! The book-keeping of samples always balances: received = committed + rejected + refused + in flight.

mod alerts;
mod bus;

use std::sync::Arc;
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

use crate::health::Health;
pub use alerts::AlertMetrics;
pub use bus::{BusFrame, BusMetrics};

/// The numbers, shared by all who count. Cloning is cheap.
#[derive(Clone)]
pub struct Metrics {
    registry: Arc<Registry>,
    /// Samples read from bodies, whatever became of them.
    pub received: Counter,
    /// Samples that are durably stored.
    pub committed: Counter,
    /// Samples (or whole objects) that were unusable.
    pub rejected: Counter,
    /// Samples whose request was answered with 503: they may be sent again.
    pub refused: Counter,
    /// Samples between reading and commit.
    pub in_flight: Gauge,
    /// Samples handed to the broadcaster.
    pub broadcast: Counter,
    /// Samples that no live client saw because the broadcaster was behind.
    pub broadcast_shed: Counter,
    /// Live clients connected.
    pub sessions: Gauge,
    /// Sets of signals, by protocol, that live clients watch.
    pub groups: Gauge,
    /// Bytes of frames that wait for live clients, or are written to them; shared ones once.
    pub frame_bytes: Gauge,
    /// Frames handed to live clients.
    pub frames: Counter,
    /// Times a live client fell behind and got only the newest values.
    pub conflations: Counter,
    /// Live clients closed because they stayed behind.
    pub evictions: Counter,
    /// Samples in the journal that are not in a block yet.
    pub unsealed: Gauge,
    /// Blocks that could not be read since the start.
    pub damaged_blocks: Gauge,
    /// Whether samples can be stored: what `/health` reports.
    pub health: Health,
    stages: [Histogram; Stage::ALL.len()],
    queues: [Gauge; Queue::ALL.len()],
    /// What becomes of alerts.
    pub alerts: AlertMetrics,
    /// What becomes of commits between servers.
    pub bus: BusMetrics,
}

/// One label and its value.
type Label = [(&'static str, &'static str); 1];

/// A step of a sample's way that is timed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Body bytes into columns.
    Decode,
    /// One group commit, until it is on the disk.
    Commit,
    /// From handing a batch to `Committer` until it is on the disk.
    Record,
    /// Encoding and handing one group to all live clients.
    Broadcast,
    /// Answering one query.
    Query,
    /// One sealing.
    Seal,
    /// Merging what sealings have left, until there is nothing more to merge.
    Merge,
}

/// A queue whose depth is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Queue {
    /// Requests waiting for the next commit.
    Ingest,
}

impl Stage {
    const ALL: [Self; 7] =
        [Self::Decode, Self::Commit, Self::Record, Self::Broadcast, Self::Query, Self::Seal, Self::Merge];

    fn name(self) -> &'static str {
        match self {
            Self::Decode => "decode",
            Self::Commit => "commit",
            Self::Record => "record",
            Self::Broadcast => "broadcast",
            Self::Query => "query",
            Self::Seal => "seal",
            Self::Merge => "merge",
        }
    }
}

impl Queue {
    const ALL: [Self; 1] = [Self::Ingest];

    fn name(self) -> &'static str {
        match self {
            Self::Ingest => "ingest",
        }
    }
}

impl Metrics {
    /// Registers every number, all at nought.
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("afterglow");
        let mut counter = |name: &str, help: &str| {
            let counter = Counter::default();
            registry.register(name, help, counter.clone());
            counter
        };
        let received = counter("samples_received", "Samples read from request bodies");
        let committed = counter("samples_committed", "Samples durably stored");
        let rejected = counter("samples_rejected", "Samples that were unusable");
        let refused = counter(
            "samples_refused",
            "Samples answered with 503, or with 429 beyond a key's quota, to be sent again",
        );
        let broadcast = counter("samples_broadcast", "Committed samples handed to the broadcaster");
        let broadcast_shed = counter(
            "samples_broadcast_shed",
            "Committed samples not shown live because the broadcaster was behind",
        );
        let frames = counter("live_frames", "Frames handed to live clients");
        let conflations = counter("live_conflations", "Times a live client fell behind");
        let evictions = counter("live_evictions", "Live clients closed because they stayed behind");
        let mut gauge = |name: &str, help: &str| {
            let gauge = Gauge::default();
            registry.register(name, help, gauge.clone());
            gauge
        };
        let in_flight = gauge("samples_in_flight", "Samples between reading and commit");
        let sessions = gauge("live_sessions", "Live clients connected");
        let groups = gauge("live_groups", "Sets of signals that live clients watch, by protocol");
        let frame_bytes = gauge("live_frame_bytes", "Bytes of frames on their way to live clients");
        let unsealed = gauge("samples_unsealed", "Samples in the journal that are not in a block yet");
        let damaged_blocks = gauge("damaged_blocks", "Blocks that could not be read since the start");
        let stage = Family::<Label, _>::new_with_constructor(stage_histogram as fn() -> Histogram);
        let stages = Stage::ALL.map(|one| stage.get_or_create(&[("stage", one.name())]).clone());
        registry.register_with_unit("stage", "Time spent in a step of the pipeline", Unit::Seconds, stage);
        let queue = Family::<Label, Gauge>::default();
        let queues = Queue::ALL.map(|one| queue.get_or_create(&[("queue", one.name())]).clone());
        registry.register("queue_depth", "Entries waiting in a queue", queue);
        let alerts = AlertMetrics::new(&mut registry);
        let bus = BusMetrics::new(&mut registry);
        Self {
            registry: Arc::new(registry),
            received,
            committed,
            rejected,
            refused,
            in_flight,
            broadcast,
            broadcast_shed,
            sessions,
            groups,
            frame_bytes,
            frames,
            conflations,
            evictions,
            unsealed,
            damaged_blocks,
            health: Health::default(),
            stages,
            queues,
            alerts,
            bus,
        }
    }

    /// Adds one measurement of `stage`.
    pub fn observe(&self, stage: Stage, took: Duration) {
        self.stages[stage as usize].observe(took.as_secs_f64());
    }

    /// Sets the depth of `queue`.
    pub fn depth(&self, queue: Queue, entries: usize) {
        self.queues[queue as usize].set(i64::try_from(entries).unwrap_or(i64::MAX));
    }

    /// All numbers in Prometheus' text format.
    pub fn render(&self) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = prometheus_client::encoding::text::encode(&mut text, &self.registry);
        text
    }
}

/// 10 us to 10 s.
fn stage_histogram() -> Histogram {
    Histogram::new(exponential_buckets(0.000_01, 2.0, 21))
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}
