//! Many requests at once, and what they cost the server.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::figures::{float, micros};
use crate::http::{self, Connection};
use crate::lab::Lab;
use crate::samples::{Shape, Source};
use crate::server::Server;
use crate::systems::System;

/// Requests are made this many samples at a time, before the clock runs: a bound on the client's memory.
const SAMPLES_AT_ONCE: u64 = 5_000_000;

/// What a load came to.
#[derive(Default)]
pub(crate) struct Outcome {
    /// That were taken.
    pub(crate) requests: u64,
    /// Of those requests.
    pub(crate) samples: u64,
    /// Requests that were answered 429 or 503.
    pub(crate) refused: u64,
    /// While requests were under way.
    pub(crate) wall: Duration,
    /// Of the server, until the last answer.
    pub(crate) cpu: Duration,
    /// Also what it put off until later.
    pub(crate) cpu_until_idle: Duration,
}

impl Outcome {
    /// Adds what sending `requests` came to.
    pub(crate) fn send(&mut self, server: &Server, requests: &[Vec<u8>], plan: Plan) -> Result<()> {
        let (start, cpu) = (Instant::now(), server.cpu()?);
        let refused = send(&server.address, requests, plan.connections)?;
        self.wall += start.elapsed();
        self.cpu += server.cpu()?.saturating_sub(cpu);
        let taken = requests.len() as u64 - refused;
        self.requests += taken;
        self.samples += taken * plan.instants * plan.signals;
        self.refused += refused;
        Ok(())
    }

    pub(crate) fn requests_per_second(&self) -> f64 {
        float(self.requests) / self.wall.as_secs_f64()
    }

    pub(crate) fn samples_per_second(&self) -> f64 {
        float(self.samples) / self.wall.as_secs_f64()
    }

    pub(crate) fn cpu_per_sample(&self) -> f64 {
        micros(self.cpu) / float(self.samples)
    }

    pub(crate) fn cpu_until_idle_per_sample(&self) -> f64 {
        micros(self.cpu_until_idle) / float(self.samples)
    }
}

/// Which bodies, and how many at once.
#[derive(Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) signals: u64,
    /// In one body.
    pub(crate) instants: u64,
    pub(crate) requests: u64,
    pub(crate) connections: usize,
}

impl Plan {
    /// At least `samples` of `signals` signals, in bodies of 5,000.
    pub(crate) fn bulk(signals: u64, samples: u64) -> Self {
        let instants = 5_000 / signals;
        Self { signals, instants, requests: samples.div_ceil(signals * instants), connections: 4 }
    }

    pub(crate) fn samples(&self) -> u64 {
        self.requests * self.instants * self.signals
    }

    /// How much of each signal.
    pub(crate) fn instants_in_all(&self) -> u64 {
        self.requests * self.instants
    }
}

/// Fills a fresh server with what `plan` says, and fails unless all of it was stored.
pub(crate) fn store(
    lab: &Lab,
    system: &dyn System,
    server: &Server,
    shape: Shape,
    plan: Plan,
) -> Result<Outcome> {
    lab.note(&format!("{}: POST {}", system.name(), system.write_path()));
    let outcome = run(system, server, &mut Source::new(shape, plan.signals), plan)?;
    let stored = system.stored(server)?;
    if stored != plan.samples() {
        bail!("{} was sent {} samples and stored {stored}", system.name(), plan.samples());
    }
    Ok(outcome)
}

/// Sends what `plan` says from `source`, and waits until the server has digested it.
pub(crate) fn run(system: &dyn System, server: &Server, source: &mut Source, plan: Plan) -> Result<Outcome> {
    let at_once = SAMPLES_AT_ONCE.div_ceil(plan.signals * plan.instants);
    let mut outcome = Outcome::default();
    let cpu = server.cpu()?;
    loop {
        let count = at_once.min(plan.requests - outcome.requests - outcome.refused);
        if count == 0 {
            break;
        }
        let mut request = || {
            let mut body = Vec::new();
            system.encode(&source.batch(plan.instants), &mut body);
            http::post(system.write_path(), &body)
        };
        let requests: Vec<_> = (0..count).map(|_| request()).collect();
        outcome.send(server, &requests, plan)?;
    }
    server.wait_until_idle()?;
    outcome.cpu_until_idle = server.cpu()?.saturating_sub(cpu);
    Ok(outcome)
}

/// Each connection takes the next request as soon as its last one is answered; how many were refused.
fn send(address: &str, requests: &[Vec<u8>], connections: usize) -> Result<u64> {
    let (next, refused) = (AtomicUsize::new(0), AtomicU64::new(0));
    let work = || -> Result<()> {
        let mut connection = Connection::open(address)?;
        while let Some(request) = requests.get(next.fetch_add(1, Ordering::Relaxed)) {
            if !connection.offer(request)? {
                refused.fetch_add(1, Ordering::Relaxed);
            }
        }
        Ok(())
    };
    thread::scope(|scope| {
        let clients: Vec<_> = (0..connections).map(|_| scope.spawn(work)).collect();
        clients.into_iter().try_for_each(|client| client.join().unwrap_or_else(|_| bail!("a client broke")))
    })?;
    Ok(refused.into_inner())
}
