//! The screen that wires the actors: generators -> uplink -> courier.
//!
//! | edge | bound | overload |
//! |---|---|---|
//! | generator -> uplink | the uplink's mailbox | shed the tick (clocked), wait (streamed) |
//! | source's thread -> generator | [`crate::source::AHEAD`] items | wait |
//! | uplink: memory -> spool | samples, then bytes | shed the oldest |
//! | uplink -> courier | one batch on its way | wait |

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use actix::prelude::*;
use afterglow_wire::Timestamp;
use futures_util::future::{Either, select};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};

use crate::actors::generator::{Clocked, Feed, Generator, Stop};
use crate::actors::uplink::{Drain, Drained, Record, Uplink};
use crate::config::{Config, Input};
use crate::post::{Departure, Post};
use crate::signal::seed_for;
use crate::source::losses::Counts;
use crate::source::{csv, exec, host::Host};
use crate::status::{self, Refused, Status};
use crate::ticks::Ticks;
use afterglow_client::clock;
use afterglow_client::publish::courier::Courier;
use afterglow_client::publish::outbox::Outbox;
use afterglow_client::publish::spool::{Spool, SpoolError};

/// How much longer than its own deadline the uplink may take to spool the rest.
const DRAIN_GRACE: Duration = Duration::from_secs(10);

/// Why a producer stops although nobody asked.
#[derive(Debug, thiserror::Error)]
pub enum FleetError {
    /// The spool cannot be used.
    #[error(transparent)]
    Spool(#[from] SpoolError),
    /// The system gives no thread or no signals.
    #[error("the producer cannot start: {0}")]
    Start(#[from] std::io::Error),
    /// A source cannot be opened.
    #[error("{label}: {problem}")]
    Source {
        /// The source.
        label: String,
        /// What is wrong.
        problem: String,
    },
    /// A source has ended, and nothing of it could be used.
    #[error("nothing in {0} can be used; the log says why")]
    Unusable(String),
    /// An actor is gone that should not be.
    #[error("{0} is lost; the log says why")]
    Lost(String),
}

/// Runs until SIGINT or SIGTERM, or until every source has ended; then flushes.
///
/// # Errors
/// When it cannot start, or an actor is lost.
pub async fn run(config: Config) -> Result<(), FleetError> {
    // First of all, so that from here on no signal ends the process without a flush.
    let stop = stop_signal()?;
    let start = clock::now();
    let (spool, found) = Spool::open(&config.spool, config.spool_bytes)?;
    if found.torn_bytes > 0 {
        log::warn!("the spool has {} bytes that are no whole record; they are cut off", found.torn_bytes);
    }
    log::info!("sending to {}; the spool has {} samples of before", config.backend, found.samples);
    let courier = Courier::start(&config.backend, config.timeout, config.access.clone())?;
    let outbox = Outbox::new(config.limits.clone(), spool);

    let (news, mut departures) = mpsc::channel(config.inputs.len() + 1);
    let post = |label: String| Post::new(label, news.clone());
    let (sender, backlog) = watch::channel(0);
    let uplink_post = post("the uplink".to_owned());
    let count = config.inputs.len();
    let origin = config.origin.unwrap_or(start);
    let mut feeds = Vec::new();
    for input in &config.inputs {
        feeds.push(feed(input, start, origin, config.seed)?);
    }
    let counts: Vec<_> = feeds
        .iter()
        .zip(&config.inputs)
        .filter_map(|(feed, input)| {
            if let Feed::Streamed(Some(stream)) = feed {
                Some((input.label(), stream.counts.clone()))
            } else {
                None
            }
        })
        .collect();
    let refused = Refused(counts.iter().map(|(_, counts)| counts.clone()).collect());
    let shown = refused.clone();
    let uplink = Uplink::start_in_arbiter(&Arbiter::new().handle(), move |_| {
        Uplink::new(count, outbox, courier, sender, (Status::detect(), shown), uplink_post)
    });

    // It has its own bound, rather than the small default one, once it has answered.
    if uplink.send(Record(Vec::new())).await.is_err() {
        return Err(FleetError::Lost("the uplink".to_owned()));
    }

    log::info!("simulated signals start at {origin} with seed {}", config.seed);
    let mut generators = Vec::new();
    for (input, feed) in config.inputs.iter().zip(feeds) {
        let generator =
            Generator::new(input.label(), feed, uplink.clone(), backlog.clone(), post(input.label()));
        generators.push(launch(generator, input));
    }

    let outcome = watch_over(stop, &mut departures, generators.len()).await;
    for generator in &generators {
        // One that has ended has stopped already.
        let _ = generator.send(Stop).await;
    }
    if !matches!(&outcome, Err(FleetError::Lost(label)) if label == "the uplink") {
        report(flush(&uplink, config.drain).await, &refused);
    }
    outcome?;
    usable(&counts)
}

/// Whether something of every source could be used.
fn usable(counts: &[(String, Arc<Counts>)]) -> Result<(), FleetError> {
    if let Some((label, _)) = counts.iter().find(|(_, counts)| counts.used() == 0 && counts.refused() > 0) {
        return Err(FleetError::Unusable(label.clone()));
    }
    Ok(())
}

fn feed(input: &Input, start: Timestamp, origin: Timestamp, seed: u64) -> Result<Feed, FleetError> {
    let failed = |problem| FleetError::Source { label: input.label(), problem };
    Ok(match input {
        Input::Simulated(signal) => Feed::Clocked {
            source: Clocked::Simulated {
                name: signal.name.clone(),
                shape: signal.shape,
                seed: seed_for(seed, &signal.name),
                origin,
            },
            ticks: Ticks::new(signal.period, start),
            start,
        },
        Input::Host(host) => Feed::Clocked {
            source: Clocked::Host(Box::new(Host::new(&host.prefix, clock::uptime()))),
            ticks: Ticks::new(host.period, start),
            start,
        },
        Input::Csv(config) => Feed::Streamed(Some(csv::stream(config, start).map_err(failed)?)),
        Input::Exec(config) => Feed::Streamed(Some(exec::stream(config, &input.label()).map_err(failed)?)),
    })
}

/// Reading a machine's values may block (a disk that hangs), so it gets a thread to itself.
fn launch(generator: Generator, input: &Input) -> Addr<Generator> {
    match input {
        Input::Host(_) => Generator::start_in_arbiter(&Arbiter::new().handle(), move |_| generator),
        _ => generator.start(),
    }
}

/// Waits until there is a reason to end: a signal, all generators done, or an actor lost.
async fn watch_over(
    stop: impl Future<Output = &'static str>,
    departures: &mut mpsc::Receiver<Departure>,
    generators: usize,
) -> Result<(), FleetError> {
    let mut stop = pin!(stop);
    for _ in 0..generators {
        match select(stop.as_mut(), pin!(departures.recv())).await {
            Either::Left((name, _)) => {
                log::info!("{name}: flushing");
                return Ok(());
            }
            Either::Right((Some(departure), _)) if departure.lost => {
                return Err(FleetError::Lost(departure.label));
            }
            Either::Right(_) => {}
        }
    }
    log::info!("every source has ended: flushing");
    Ok(())
}

/// Registers for the signals that end the process, and gives the one that comes.
fn stop_signal() -> std::io::Result<impl Future<Output = &'static str>> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(poll_fn(move |context| {
        if interrupt.poll_recv(context).is_ready() {
            Poll::Ready("SIGINT")
        } else {
            terminate.poll_recv(context).map(|_| "SIGTERM")
        }
    }))
}

async fn flush(uplink: &Addr<Uplink>, deadline: Duration) -> Option<Drained> {
    let drained = uplink.send(Drain(deadline));
    actix_rt::time::timeout(deadline + DRAIN_GRACE, drained).await.ok()?.ok()?
}

fn report(drained: Option<Drained>, refused: &Refused) {
    let Some(drained) = drained else {
        return log::error!("the uplink did not flush in time; what was in memory may be lost");
    };
    let waiting = usize::try_from(drained.spooled).unwrap_or(usize::MAX);
    log::info!("{}{refused}; what waits is in the spool", status::line(&drained.tally, waiting));
    if drained.lost > 0 {
        log::error!("{} samples are lost: the spool cannot be written", drained.lost);
    }
}
