//! A live client as `Broadcaster` sees it: a queue, and whether it keeps up.
//!
//! **Bound.** A queue has [`PLACES`]; beyond that, [`CLIENT_BYTES`] for a client, and [`ALL_BYTES`] in memory for all. **Overload.**
//! A client with nothing in its queue always gets what comes next: it keeps up, whatever the others do. One that has something
//! in it falls behind, and so does one of many that do not answer pings (`silent.rs`).

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use actix::prelude::*;
use afterglow_wire::close;
use tokio::sync::mpsc;

use super::pace::Step;
use super::silent::{Silence, Silent};
use crate::clock::Stopwatch;
use crate::live::Frames;
use crate::memory;
use crate::metrics::Metrics;

/// Pushes that may wait for one client: a second of a lively feed where others keep up, more where nobody does (`pace.rs`).
pub const PLACES: usize = 256;

/// Bytes that may wait for one client, unless a single step has more: a few seconds of a lively feed.
const CLIENT_BYTES: usize = 1 << 20;

/// Bytes of frames in memory, from which on only clients with empty queues get more.
const ALL_BYTES: usize = 128 << 20;

/// Frames in a client's queue.
#[derive(Debug)]
pub struct Queued {
    frames: Frames,
    bytes: Arc<AtomicUsize>,
    /// The step that they belong to, if it waits for this client.
    step: Option<Arc<Step>>,
}

impl Queued {
    fn new(frames: Frames, bytes: &Arc<AtomicUsize>, step: Option<Arc<Step>>) -> Self {
        bytes.fetch_add(frames.bytes(), Ordering::Relaxed);
        Self { frames, bytes: Arc::clone(bytes), step }
    }
}

impl Deref for Queued {
    type Target = Frames;

    fn deref(&self) -> &Frames {
        &self.frames
    }
}

impl Drop for Queued {
    fn drop(&mut self) {
        self.bytes.fetch_sub(self.frames.bytes(), Ordering::Relaxed);
        if let Some(step) = &self.step {
            step.taken();
        }
    }
}

/// Frames to write, in order.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Push {
    /// The number of the client that they are meant for: a session that has subscribed again is another one.
    pub client: u64,
    /// Shared with every other session.
    pub frames: Queued,
}

/// Ends the session.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Close {
    /// One of [`afterglow_wire::close`].
    pub code: u16,
    /// Why, for people.
    pub reason: &'static str,
}

/// The way to a client.
#[derive(Clone, Debug)]
pub enum Outlet {
    /// An actor.
    Actor {
        /// Takes frames.
        push: Recipient<Push>,
        /// Ends it.
        close: Recipient<Close>,
    },
    /// An event stream.
    Stream(mpsc::Sender<Queued>),
}

impl Outlet {
    /// The way to a client that an actor serves.
    pub fn actor<A>(actor: &Addr<A>) -> Self
    where
        A: Actor + Handler<Push> + Handler<Close>,
        A::Context: dev::ToEnvelope<A, Push> + dev::ToEnvelope<A, Close>,
    {
        Self::Actor { push: actor.clone().recipient(), close: actor.clone().recipient() }
    }
}

/// A live client: a queue, and whether it keeps up.
#[derive(Debug)]
pub struct Client {
    /// Its number; one that subscribes again has another one.
    pub number: u64,
    outlet: Outlet,
    /// Set when the client is given up: a session whose socket is full cannot receive messages, but reads this as
    /// soon as it runs again.
    evicted: Arc<AtomicBool>,
    /// Whether it is one of many that do not answer.
    silent: Silent,
    /// Bytes in its queue.
    queued: Arc<AtomicUsize>,
    /// Since it fell behind; of a silent one, since it got the newest values last.
    behind: Option<Stopwatch>,
    is_gone: bool,
}

impl Client {
    /// A number for a client.
    pub fn next_number() -> u64 {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        NEXT.fetch_add(1, Ordering::Relaxed)
    }

    /// A client that keeps up.
    pub fn new(number: u64, outlet: Outlet, evicted: Arc<AtomicBool>) -> Self {
        Self {
            number,
            outlet,
            evicted,
            silent: Silent::default(),
            queued: Arc::default(),
            behind: None,
            is_gone: false,
        }
    }

    /// The client, which does not answer while `silence` says so.
    pub fn silent_while(self, silence: &Silence) -> Self {
        Self { silent: silence.seen(), ..self }
    }

    /// Whether it is one of many that do not answer.
    pub(super) fn is_silent(&self) -> bool {
        self.silent.counts()
    }

    /// Whether it misses something.
    pub(super) fn is_behind(&self) -> bool {
        self.behind.is_some()
    }

    /// Whether it is behind, and is to be offered the newest values now.
    pub(super) fn is_due(&self) -> bool {
        self.behind.is_some_and(|since| !self.is_silent() || since.elapsed() >= self.silent.pause())
    }

    /// Whether it has taken everything that it was sent.
    pub(super) fn is_ready(&self) -> bool {
        !self.is_behind() && !self.is_silent() && self.queued.load(Ordering::Relaxed) == 0
    }

    /// Whether it has not been given up and is not gone.
    pub(super) fn stays(&self) -> bool {
        !self.is_gone
    }

    /// Sends it a part of the stream, which may be of a `step`, unless it is behind; `Some` when it has just fallen behind.
    pub(super) fn push(
        &mut self,
        frames: &Frames,
        step: Option<&Arc<Step>>,
        metrics: &Metrics,
    ) -> Option<()> {
        let step = step.filter(|_| self.is_ready());
        if frames.is_empty() || self.is_behind() {
            if let Some(step) = step {
                step.taken();
            }
            return None;
        }
        if !self.is_silent() && self.send(frames, step, metrics) {
            metrics.frames.inc_by(frames.len() as u64);
            return None;
        }
        self.behind = Some(Stopwatch::start());
        metrics.conflations.inc();
        Some(())
    }

    /// Sends it something that it can do without.
    pub(super) fn offer(&mut self, frames: &Frames, metrics: &Metrics) {
        if !self.is_behind() && !self.is_silent() {
            self.send(frames, None, metrics);
        }
    }

    /// Sends it the newest values of what it missed, if it is behind and has room again; gives it up when it has been
    /// behind for `slow_timeout`.
    pub(super) fn catch_up(&mut self, frames: &Frames, slow_timeout: Duration, metrics: &Metrics) {
        let Some(since) = self.behind.filter(|_| self.is_due()) else { return };
        if self.send(frames, None, metrics) {
            metrics.frames.inc_by(frames.len() as u64);
            self.behind = self.is_silent().then(Stopwatch::start);
        } else if since.elapsed() >= slow_timeout {
            log::info!("live client {} read too slowly and is closed", self.number);
            metrics.evictions.inc();
            self.evicted.store(true, Ordering::Relaxed);
            self.is_gone = true;
        }
    }

    fn send(&mut self, frames: &Frames, step: Option<&Arc<Step>>, metrics: &Metrics) -> bool {
        let queued = self.queued.load(Ordering::Relaxed);
        let in_all = usize::try_from(metrics.frame_bytes.get()).unwrap_or(0);
        let is_full = queued + frames.bytes() > CLIENT_BYTES || in_all > memory::bound(ALL_BYTES);
        if queued > 0 && is_full {
            return false;
        }
        let frames = Queued::new(frames.clone(), &self.queued, step.cloned());
        match &self.outlet {
            Outlet::Actor { push, .. } => match push.try_send(Push { client: self.number, frames }) {
                Ok(()) => return true,
                Err(SendError::Full(_)) => {}
                Err(SendError::Closed(_)) => self.is_gone = true,
            },
            Outlet::Stream(stream) => match stream.try_send(frames) {
                Ok(()) => return true,
                Err(mpsc::error::TrySendError::Full(_)) => {}
                Err(mpsc::error::TrySendError::Closed(_)) => self.is_gone = true,
            },
        }
        false
    }

    /// Ends it because the server has nothing more for it.
    pub(super) fn close(&self, reason: &'static str) {
        self.end(close::GOING_AWAY, reason);
    }

    /// Ends it. An event stream ends with its queue, when this is dropped.
    pub(super) fn end(&self, code: u16, reason: &'static str) {
        if let Outlet::Actor { close, .. } = &self.outlet {
            // A session too slow to take this is ended by its next ping, or together with the server's sockets.
            if close.try_send(Close { code, reason }).is_err() {
                self.evicted.store(true, Ordering::Relaxed);
            }
        }
    }
}
