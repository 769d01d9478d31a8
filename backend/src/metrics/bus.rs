//! What `/metrics` shows of the bus between servers of one database, and `/health` with it.

use std::borrow::Cow;
use std::collections::BTreeMap;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// What becomes of a commit on the bus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BusFrame {
    /// A commit of this server was handed to the bus.
    Sent,
    /// Something came.
    Received,
    /// It was taken over: it was the next commit.
    Taken,
    /// It was known already.
    Known,
    /// No server of this database has made it.
    Refused,
    /// There was no room for it, or no connection.
    Dropped,
    /// It was read from the database although something of it came: it was too long, of a new signal, or one before it was missing.
    Filled,
}

impl BusFrame {
    const ALL: [(Self, &'static str); 7] = [
        (Self::Sent, "sent"),
        (Self::Received, "received"),
        (Self::Taken, "taken"),
        (Self::Known, "known"),
        (Self::Refused, "refused"),
        (Self::Dropped, "dropped"),
        (Self::Filled, "filled"),
    ];
}

/// The numbers of the bus. Cloning shares them.
#[derive(Clone)]
pub struct BusMetrics {
    connected: Gauge,
    relied_on: Gauge,
    frames: [Counter; BusFrame::ALL.len()],
}

impl BusMetrics {
    pub(super) fn new(registry: &mut Registry) -> Self {
        let gauge = |registry: &mut Registry, name: &str, help: &str| {
            let gauge = Gauge::default();
            registry.register(name, help, gauge.clone());
            gauge
        };
        let connected = gauge(registry, "bus_connected", "1 while the bus between servers is connected");
        let relied_on = gauge(
            registry,
            "bus_relied_on",
            "1 while the bus brings what others commit, so that the database is asked rarely",
        );
        let family = Family::<[(&'static str, &'static str); 1], Counter>::default();
        let frames = BusFrame::ALL.map(|(_, name)| family.get_or_create(&[("outcome", name)]).clone());
        registry.register("bus_frames", "Commits on the bus between servers, by what became of them", family);
        Self { connected, relied_on, frames }
    }

    /// Counts a frame.
    pub fn count(&self, frame: BusFrame) {
        self.frames[frame as usize].inc();
    }

    /// How many frames there were since the start, by what became of them.
    pub fn frames(&self) -> BTreeMap<Cow<'static, str>, u64> {
        BusFrame::ALL.iter().map(|&(frame, name)| (name.into(), self.frames[frame as usize].get())).collect()
    }

    /// Whether the database is asked rarely.
    pub fn is_relied_on(&self) -> bool {
        self.relied_on.get() > 0
    }

    /// Whether the bus is connected.
    pub fn connected(&self, is_connected: bool) {
        self.connected.set(i64::from(is_connected));
    }

    /// Whether the database is asked rarely.
    pub fn relied_on(&self, is_relied_on: bool) {
        self.relied_on.set(i64::from(is_relied_on));
    }
}
