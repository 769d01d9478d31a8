//! The outbox and the courier with a thread that drives them.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use afterglow_wire::telemetry::Reading;

use super::courier::Courier;
use super::delivery::Delivery;
use super::outbox::{Limits, Outbox, Tally};
use super::spool::{Spool, SpoolError};
use crate::access::Access;
use crate::clock;

/// Calls of [`Publisher::record`] that may wait while the thread writes its spool.
const WAITING: usize = 1_024;

/// How long the thread sleeps at most while nothing is due.
const LONGEST_REST: Duration = Duration::from_secs(3_600);

/// Why samples cannot be published.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// The spool cannot be used.
    #[error(transparent)]
    Spool(#[from] SpoolError),
    /// The system gives no thread.
    #[error("the publisher cannot start: {0}")]
    Start(#[from] std::io::Error),
}

/// How a publisher ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closed {
    /// What was sent and lost since the start.
    pub tally: Tally,
    /// Samples in the spool, which the next publisher on that folder sends.
    pub spooled: u64,
    /// Samples lost at the end because the spool could not be written.
    pub lost: u64,
}

enum Event {
    Record(Vec<Reading>),
    Answer(Delivery),
    Close(Duration),
    Finish(Duration),
}

/// Sends samples on a thread of its own.
///
/// ```no_run
/// use std::time::Duration;
/// use afterglow_client::access::Access;
/// use afterglow_client::publish::Publisher;
/// use afterglow_client::publish::outbox::Limits;
/// use afterglow_wire::{Timestamp, telemetry::Reading};
///
/// let publisher = Publisher::start("http://127.0.0.1:5001", "./spool".into(), Limits::default(), Access::default())?;
/// let signals = [("room.temperature".to_owned(), 21.5)].into();
/// publisher.record(vec![Reading { timestamp: Some(Timestamp::from_micros(1_700_000_000_000_000)), signals }]);
/// publisher.close(Duration::from_secs(5));
/// # Ok::<(), afterglow_client::publish::PublishError>(())
/// ```
#[derive(Debug)]
pub struct Publisher {
    events: SyncSender<Event>,
    thread: JoinHandle<Closed>,
}

/// The spool's bound: days of a few signals.
const SPOOL_BYTES: u64 = 256 * 1024 * 1024;
/// The longest that one request may take.
const TIMEOUT: Duration = Duration::from_secs(10);

impl Publisher {
    /// Starts the thread. `backend` is an `http` or `https` address without a path below it; `spool` is a folder that no
    /// other program uses. What an earlier publisher left there is sent first.
    ///
    /// # Errors
    /// When the spool cannot be used or the system gives no thread.
    pub fn start(
        backend: &str,
        spool: PathBuf,
        limits: Limits,
        access: Access,
    ) -> Result<Self, PublishError> {
        let (spool, _) = Spool::open(&spool, SPOOL_BYTES)?;
        let courier = Courier::start(backend, TIMEOUT, access)?;
        let (events, inbox) = sync_channel(WAITING);
        // The one answer that can be on its way always has room: it waits for this thread like any record.
        let answers = events.clone();
        let publishing = move || run(Outbox::new(limits, spool), &courier, &inbox, &answers);
        let thread = std::thread::Builder::new().name("publisher".into()).spawn(publishing)?;
        Ok(Self { events, thread })
    }

    /// Takes readings, each with a timestamp; those without one are skipped. Waits while the spool is being written.
    pub fn record(&self, readings: Vec<Reading>) {
        // Fails only when the thread is gone, which `close` tells.
        let _ = self.events.send(Event::Record(readings));
    }

    /// As [`Self::record`], without waiting: gives the readings back when there is no room.
    ///
    /// # Errors
    /// The readings, when too many wait already.
    pub fn try_record(&self, readings: Vec<Reading>) -> Result<(), Vec<Reading>> {
        match self.events.try_send(Event::Record(readings)) {
            Err(TrySendError::Full(Event::Record(readings))) => Err(readings),
            _ => Ok(()),
        }
    }

    /// Sends until nothing is left, trying again for up to `patience` while the backend fails, and ends as [`Self::close`] does.
    pub fn finish(self, patience: Duration) -> Option<Closed> {
        let _ = self.events.send(Event::Finish(patience));
        self.thread.join().ok()
    }

    /// Sends what it can within `deadline`, spools the rest, and ends; `None` when the thread had broken. A backend that fails is not
    /// tried again.
    pub fn close(self, deadline: Duration) -> Option<Closed> {
        let _ = self.events.send(Event::Close(deadline));
        self.thread.join().ok()
    }
}

fn run(
    mut outbox: Outbox,
    courier: &Courier,
    inbox: &Receiver<Event>,
    answers: &SyncSender<Event>,
) -> Closed {
    let (mut deadline, mut patience) = (None, None);
    loop {
        let now = clock::uptime();
        if patience.is_some_and(|until| outbox.waiting() == 0 || until <= now) {
            deadline = Some(now);
        }
        if let Some(batch) = outbox.turn(now) {
            let answers = answers.clone();
            courier.send_then(batch, move |delivery| drop(answers.send(Event::Answer(delivery))));
        }
        if deadline.is_some_and(|deadline| outbox.is_drained() || deadline <= now) {
            let (spooled, lost) = outbox.finish(now);
            return Closed { tally: outbox.tally(), spooled, lost };
        }
        let wake = outbox.wake().into_iter().chain(deadline).chain(patience).min();
        let rest = wake.map_or(LONGEST_REST, |wake| wake.saturating_sub(now));
        match inbox.recv_timeout(rest) {
            Ok(Event::Record(readings)) => outbox.record(readings, clock::uptime()),
            Ok(Event::Answer(delivery)) => outbox.settle(&delivery, clock::uptime(), rand::random()),
            Ok(Event::Close(within)) => {
                deadline = Some(clock::uptime() + within);
                outbox.drain(clock::uptime());
            }
            Ok(Event::Finish(within)) => patience = Some(clock::uptime() + within),
            Err(RecvTimeoutError::Timeout) => {}
            // Cannot be: this thread has a sender.
            Err(RecvTimeoutError::Disconnected) => deadline = Some(now),
        }
    }
}
