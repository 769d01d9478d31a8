//! The one way for samples into the server, whatever protocol brought them: counts, stores, reports.
//!
//! A protocol reads its bytes, gives a parser, and writes its own reply to the outcome. What is counted here balances:
//! received = committed + rejected + refused + in flight.

use std::net::SocketAddr;
use std::sync::Arc;

use afterglow_wire::limits::REQUEST_SAMPLES;
use afterglow_wire::telemetry::Receipt;
use afterglow_wire::{Code, Timestamp};
use serde_json::json;

use crate::access::WriteQuota;
use crate::actors::committer::Handle;
use crate::clock::{Clock, Stopwatch};
use crate::decode::{Collector, Decoded, WriteScope};
use crate::ingest_report::{Recorder, Request, Timing};
use crate::metrics::{Metrics, Stage};
use crate::refusal::Refusal;
use crate::signals::Signals;

/// Where samples come from.
#[derive(Clone, Copy, Debug)]
pub struct Source {
    /// The sender; unknown when the connection is gone.
    pub address: Option<SocketAddr>,
    /// Bytes of the body.
    pub bytes: usize,
}

/// [`Intake`] for one sender.
#[derive(Clone, Copy)]
pub struct Limited<'a> {
    intake: &'a Intake,
    scope: Option<&'a WriteScope>,
}

impl Limited<'_> {
    /// Lets `parse` collect samples and waits until the usable ones are durable.
    ///
    /// # Errors
    /// Nothing was stored: `parse` could not read anything, no sample was usable (the details list them), or the commit was
    /// refused or failed and may be tried again.
    pub async fn take(
        self,
        source: Source,
        parse: impl AsyncFnOnce(Box<Collector>) -> Result<Box<Collector>, Refusal>,
    ) -> Result<Receipt, Refusal> {
        self.intake.take(source, self.scope, parse).await
    }

    /// Notes a request whose body could not be had.
    pub fn refuse(self, source: Source, refusal: &Refusal) {
        self.intake.refuse(source, refusal);
    }
}

/// Takes samples for all protocols. Cloning is cheap.
#[derive(Clone)]
pub struct Intake {
    signals: Signals,
    committer: Handle,
    report: Recorder,
    metrics: Metrics,
    clock: Clock,
    not_before: Timestamp,
    /// How much may be written by all senders together; any number when absent.
    quota: Option<Arc<WriteQuota>>,
}

impl Intake {
    /// Samples go to `committer`; what becomes of them is noted in `report` and `metrics`. Those from before `not_before`
    /// are refused.
    pub fn new(
        signals: Signals,
        committer: Handle,
        report: Recorder,
        metrics: Metrics,
        clock: Clock,
        not_before: Timestamp,
    ) -> Self {
        Self { signals, committer, report, metrics, clock, not_before, quota: None }
    }

    /// The same where all senders together may write at most what `quota` says.
    pub fn at_most(self, quota: Arc<WriteQuota>) -> Self {
        Self { quota: Some(quota), ..self }
    }

    /// For a sender that may write what `scope` allows; everything when absent.
    pub fn within<'a>(&'a self, scope: Option<&'a WriteScope>) -> Limited<'a> {
        Limited { intake: self, scope }
    }

    async fn take(
        &self,
        source: Source,
        scope: Option<&WriteScope>,
        parse: impl AsyncFnOnce(Box<Collector>) -> Result<Box<Collector>, Refusal>,
    ) -> Result<Receipt, Refusal> {
        let mut note = Request { bytes: source.bytes, ..Request::from(source.address) };
        let outcome = self.store(&mut note, scope, parse).await;
        self.note(note, outcome.as_ref().err());
        outcome
    }

    fn refuse(&self, source: Source, refusal: &Refusal) {
        let note = Request { bytes: source.bytes, ..Request::from(source.address) };
        self.note(note, Some(refusal));
    }

    async fn store(
        &self,
        note: &mut Request,
        scope: Option<&WriteScope>,
        parse: impl AsyncFnOnce(Box<Collector>) -> Result<Box<Collector>, Refusal>,
    ) -> Result<Receipt, Refusal> {
        let (stopwatch, now) = (Stopwatch::start(), self.clock.now());
        let collector = Collector::new(self.signals.clone(), now)
            .at_most(REQUEST_SAMPLES)
            .not_before(self.not_before)
            .of_all(self.quota.clone())
            .within(scope.cloned());
        // In a box, since futures and threads pass it on.
        let mut collector = parse(Box::new(collector)).await?;
        self.metrics.observe(Stage::Decode, stopwatch.elapsed());
        let decoded = collector.take();
        let replaced = decoded.repeated();
        let Decoded { batch, rejected_count, rejected, warnings } = decoded;
        let accepted = batch.len() - replaced;
        self.metrics.received.inc_by((batch.len() + rejected_count) as u64);
        self.metrics.rejected.inc_by(rejected_count as u64);
        note.reject(rejected_count, &rejected);
        note.warning = warnings.first().cloned();
        if batch.is_empty() {
            let first = rejected.first();
            let code = first.and_then(|first| Code::named(&first.code)).unwrap_or(Code::EmptySignals);
            let message = first.map_or("nothing was sent", |first| &*first.message);
            return Err(Refusal {
                details: Some(json!({ "rejected_count": rejected_count, "rejected": rejected })),
                ..Refusal::new(code, format!("nothing was usable: {message}"))
            });
        }
        let (timing, samples) = (Timing::of(&batch, now), batch.len());
        let of_key = scope.and_then(|scope| scope.quota.as_deref());
        if let Err(refusal) = take(of_key, self.quota.as_deref(), samples) {
            self.metrics.refused.inc_by(samples as u64);
            return Err(refusal);
        }
        if let Err(refusal) = self.committer.record(note.source.map(|source| source.ip()), batch).await {
            [of_key, self.quota.as_deref()].into_iter().flatten().for_each(|quota| quota.give_back(samples));
            return Err(refusal);
        }
        (note.accepted, note.timing) = (accepted, timing);
        note.took_micros = u64::try_from(stopwatch.elapsed().as_micros()).unwrap_or(u64::MAX);
        Ok(Receipt { status: "success".into(), accepted, replaced, rejected_count, rejected, warnings })
    }

    fn note(&self, mut note: Request, refusal: Option<&Refusal>) {
        if let Some(refusal) = refusal {
            note.fail(refusal.code, &refusal.message);
        }
        note.at = self.clock.now();
        self.report.record(note);
    }
}

/// Counts samples towards both quotas, or towards none.
fn take(of_key: Option<&WriteQuota>, of_all: Option<&WriteQuota>, samples: usize) -> Result<(), Refusal> {
    of_key.map_or(Ok(()), |quota| quota.take(samples))?;
    let taken = of_all.map_or(Ok(()), |quota| quota.take(samples));
    if let (Err(_), Some(quota)) = (&taken, of_key) {
        quota.give_back(samples);
    }
    taken
}
