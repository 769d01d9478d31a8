//! The ingest report: the latest requests, the latest senders, and sums. Kept in memory and bounded. A request costs one short lock and, unless something of it was refused, no allocation.

use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use afterglow_wire::ingest_report::{self as wire, IngestReport, Totals};
use afterglow_wire::limits::{INGEST_REFUSED, INGEST_REQUESTS, INGEST_SOURCES, LATE_MICROS};
use afterglow_wire::telemetry::Rejection;
use afterglow_wire::{Code, Timestamp};

use crate::batch::Batch;

/// Whole seconds that rates are taken over.
const RATE_SECONDS: i64 = 10;

/// Seconds that are counted apart: those of the rate and the one that is not over yet.
const SECONDS: usize = 11;

/// Characters of a reason that are kept.
const REASON_CHARS: usize = 300;

/// One request and what became of it.
#[derive(Clone, Debug)]
pub struct Request {
    /// When it was answered.
    pub at: Timestamp,
    /// Whom it came from; unknown when the connection is gone.
    pub source: Option<SocketAddr>,
    /// Bytes of its body.
    pub bytes: usize,
    /// Why nothing of it was stored; `None` when something was.
    pub failure: Option<Code>,
    /// How many samples were stored.
    pub accepted: usize,
    /// How many samples, or whole objects, were refused.
    pub rejected: usize,
    /// What the stored samples' timestamps tell.
    pub timing: Timing,
    /// Which codes refused how many; empty when none did.
    pub codes: Vec<(Code, u64)>,
    /// The signal of the first refusal.
    pub signal: Option<String>,
    /// The first refusal in words.
    pub reason: Option<String>,
    /// The first warning about what was stored.
    pub warning: Option<String>,
    /// From the whole body to the answer, in microseconds.
    pub took_micros: u64,
}

impl From<Option<SocketAddr>> for Request {
    /// A request of which nothing is known yet.
    fn from(source: Option<SocketAddr>) -> Self {
        Self {
            at: Timestamp::default(),
            source,
            bytes: 0,
            failure: None,
            accepted: 0,
            rejected: 0,
            timing: Timing::default(),
            codes: Vec::new(),
            signal: None,
            reason: None,
            warning: None,
            took_micros: 0,
        }
    }
}

impl Request {
    /// Notes that `count` samples were refused; `listed` are the first of them.
    pub fn reject(&mut self, count: usize, listed: &[Rejection]) {
        self.rejected = count;
        for code in listed.iter().filter_map(|rejection| Code::named(&rejection.code)) {
            match self.codes.iter_mut().find(|(known, _)| *known == code) {
                Some((_, count)) => *count += 1,
                None => self.codes.push((code, 1)),
            }
        }
        self.signal = listed.first().and_then(|first| first.signal.clone());
        self.reason = listed.first().map(|first| match &first.signal {
            Some(signal) if !signal.is_empty() => format!("{signal}: {}", first.message),
            _ => first.message.clone(),
        });
    }

    /// Notes that nothing was stored.
    pub fn fail(&mut self, code: Code, message: &str) {
        self.failure = Some(code);
        if self.codes.is_empty() || code.may_retry() {
            self.codes.push((code, 1));
        }
        self.reason = Some(message.to_owned());
    }
}

/// How a batch's timestamps stand to the time of its arrival.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timing {
    /// Samples older than a minute.
    pub late: usize,
    /// The newest timestamp minus the time of arrival, in microseconds; `None` when the server gave them their time.
    pub skew_micros: Option<i64>,
}

impl Timing {
    /// Of `batch`, which arrived at `now`.
    pub fn of(batch: &Batch, now: Timestamp) -> Self {
        let limit = now.micros().saturating_sub(LATE_MICROS);
        let mut newest = None;
        let mut late = 0;
        for sample in batch.samples() {
            late += usize::from(sample.timestamp.micros() < limit);
            newest = newest.max(Some(sample.timestamp.micros()));
        }
        let skew_micros = newest.map(|newest| newest - now.micros()).filter(|skew| *skew != 0);
        Self { late, skew_micros }
    }
}

/// The memory of what arrived, shared by all who add to it. Cloning is cheap.
#[derive(Clone, Debug)]
pub struct Recorder(Arc<Mutex<Memory>>);

#[derive(Debug)]
struct Memory {
    since: Timestamp,
    totals: Totals,
    by_code: [u64; Code::ALL.len()],
    /// The latest last.
    requests: VecDeque<Request>,
    /// Those of which something was refused, the latest last.
    refused: VecDeque<Request>,
    /// The latest of those for each code.
    examples: HashMap<Code, Request>,
    sources: Vec<Source>,
    seconds: [Second; SECONDS],
}

#[derive(Clone, Copy, Debug)]
struct Source {
    address: IpAddr,
    last: Timestamp,
    requests: u64,
    accepted: u64,
    rejected: u64,
    skew_micros: Option<i64>,
}

/// What one second, counted from 1970, came to.
#[derive(Clone, Copy, Debug, Default)]
struct Second {
    number: i64,
    requests: u64,
    accepted: u64,
}

impl Recorder {
    /// Nothing yet; `since` is the start.
    pub fn new(since: Timestamp) -> Self {
        Self(Arc::new(Mutex::new(Memory {
            since,
            totals: Totals::default(),
            by_code: [0; Code::ALL.len()],
            requests: VecDeque::with_capacity(INGEST_REQUESTS),
            refused: VecDeque::new(),
            examples: HashMap::new(),
            sources: Vec::with_capacity(INGEST_SOURCES),
            seconds: [Second::default(); SECONDS],
        })))
    }

    /// Adds a request; the oldest beyond the bound is forgotten.
    pub fn record(&self, mut request: Request) {
        for text in [&mut request.reason, &mut request.warning].into_iter().flatten() {
            if let Some((cut, _)) = text.char_indices().nth(REASON_CHARS) {
                text.truncate(cut);
                text.push('…');
            }
        }
        let forgotten = self.lock().add(request);
        // Outside of the lock.
        drop(forgotten);
    }

    /// What is known at `now`.
    pub fn report(&self, now: Timestamp) -> IngestReport {
        let memory = self.lock();
        let (since, totals, by_code, seconds) = (memory.since, memory.totals, memory.by_code, memory.seconds);
        let (requests, mut sources) = (memory.requests.clone(), memory.sources.clone());
        let (refused, examples) = (memory.refused.clone(), memory.examples.clone());
        drop(memory);
        sources.sort_by_key(|source| std::cmp::Reverse(source.last));
        let rejected = Code::ALL.iter().zip(by_code).filter(|(_, count)| *count > 0);
        IngestReport {
            since,
            now,
            totals,
            requests_per_second: rate(&seconds, now, |second| second.requests),
            samples_per_second: rate(&seconds, now, |second| second.accepted),
            rejected_by_code: rejected.map(|(code, count)| (code.name().into(), count)).collect(),
            sources: sources.into_iter().map(wire::Source::from).collect(),
            requests: requests.into_iter().rev().map(wire::Request::from).collect(),
            refused: refused.into_iter().rev().map(wire::Request::from).collect(),
            examples: examples.into_iter().map(|(code, last)| (code.name().into(), last.into())).collect(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Memory> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Memory {
    /// Adds a request and gives back the one that it pushes out.
    fn add(&mut self, request: Request) -> Option<Request> {
        let (accepted, rejected) = (request.accepted as u64, request.rejected as u64);
        self.totals.requests += 1;
        self.totals.failed += u64::from(request.failure.is_some());
        self.totals.bytes += request.bytes as u64;
        self.totals.accepted += accepted;
        self.totals.rejected += rejected;
        self.totals.late += request.timing.late as u64;
        for (code, count) in &request.codes {
            self.by_code[*code as usize] += count;
        }
        let number = request.at.micros().div_euclid(1_000_000);
        // A place for each second in turn; the remainder is below their number.
        let second =
            &mut self.seconds[usize::try_from(number.rem_euclid(SECONDS as i64)).unwrap_or_default()];
        if second.number != number {
            *second = Second { number, ..Second::default() };
        }
        second.requests += 1;
        second.accepted += accepted;
        if let Some(source) = self.source(&request) {
            source.last = request.at;
            source.requests += 1;
            source.accepted += accepted;
            source.rejected += rejected;
            if request.accepted > 0 {
                source.skew_micros = request.timing.skew_micros;
            }
        }
        if !request.codes.is_empty() {
            self.keep_refused(&request);
        }
        let full = self.requests.len() >= INGEST_REQUESTS;
        let forgotten = if full { self.requests.pop_front() } else { None };
        self.requests.push_back(request);
        forgotten
    }

    fn keep_refused(&mut self, request: &Request) {
        for (code, _) in &request.codes {
            self.examples.insert(*code, request.clone());
        }
        if self.refused.len() >= INGEST_REFUSED {
            self.refused.pop_front();
        }
        self.refused.push_back(request.clone());
    }

    fn source(&mut self, request: &Request) -> Option<&mut Source> {
        let address = request.source?.ip();
        let known = self.sources.iter().position(|source| source.address == address);
        let place = known.unwrap_or_else(|| {
            let (last, none) = (request.at, 0);
            let new =
                Source { address, last, requests: none, accepted: none, rejected: none, skew_micros: None };
            let silent = self.sources.iter().enumerate().min_by_key(|(_, source)| source.last);
            match silent.map(|(place, _)| place).filter(|_| self.sources.len() >= INGEST_SOURCES) {
                Some(place) => {
                    self.sources[place] = new;
                    place
                }
                None => {
                    self.sources.push(new);
                    self.sources.len() - 1
                }
            }
        });
        self.sources.get_mut(place)
    }
}

fn rate(seconds: &[Second], now: Timestamp, count: impl Fn(&Second) -> u64) -> f64 {
    let current = now.micros().div_euclid(1_000_000);
    let whole = seconds.iter().filter(|second| (current - RATE_SECONDS..current).contains(&second.number));
    whole.map(count).sum::<u64>() as f64 / RATE_SECONDS as f64
}

impl From<Source> for wire::Source {
    fn from(source: Source) -> Self {
        Self {
            address: source.address.to_string(),
            last: source.last,
            requests: source.requests,
            accepted: source.accepted,
            rejected: source.rejected,
            skew_micros: source.skew_micros,
        }
    }
}

impl From<Request> for wire::Request {
    fn from(request: Request) -> Self {
        Self {
            at: request.at,
            source: request.source.map(|source| source.to_string()).unwrap_or_default(),
            bytes: request.bytes as u64,
            status: request.failure.map_or(200, Code::status),
            code: request.failure.map(|code| code.name().into()),
            accepted: request.accepted as u64,
            rejected: request.rejected as u64,
            late: request.timing.late as u64,
            signal: request.signal,
            reason: request.reason,
            warning: request.warning,
            took_micros: request.took_micros,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::{Sample, SignalId};

    const NOW: Timestamp = Timestamp::from_micros(1_700_000_000_500_000);

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(NOW.micros() + seconds * 1_000_000)
    }

    fn request(from: u8, when: Timestamp) -> Request {
        Request {
            at: when,
            bytes: 100,
            accepted: 2,
            timing: Timing { late: 1, skew_micros: Some(-5) },
            ..Request::from(Some(SocketAddr::from(([10, 0, 0, from], 9))))
        }
    }

    #[test]
    fn sums_rates_and_codes() {
        let activity = Recorder::new(at(-100));
        for second in [-11, -10, -9, -9, -1] {
            activity.record(request(1, at(second)));
        }
        // The second that is not over yet is in no rate.
        activity.record(Request {
            failure: Some(Code::NotFinite),
            accepted: 0,
            rejected: 3,
            timing: Timing::default(),
            codes: vec![(Code::NotFinite, 2), (Code::NotANumber, 1)],
            reason: Some("x".repeat(1_000)),
            ..request(1, NOW)
        });
        let report = activity.report(NOW);
        let totals = Totals { requests: 6, failed: 1, bytes: 600, accepted: 10, rejected: 3, late: 5 };
        assert_eq!(report.totals, totals);
        assert_eq!((report.requests_per_second, report.samples_per_second), (0.4, 0.8));
        let codes: Vec<_> = report.rejected_by_code.iter().map(|(code, count)| (&**code, *count)).collect();
        assert_eq!(codes, [("not_a_number", 1), ("not_finite", 2)]);
        let latest = &report.requests[0];
        assert_eq!((latest.status, latest.code.as_deref()), (400, Some("not_finite")));
        assert_eq!(latest.reason.as_ref().map(|reason| reason.chars().count()), Some(REASON_CHARS + 1));
        assert_eq!(report.sources[0].skew_micros, Some(-5), "what failed has no timestamps");
    }

    #[test]
    fn only_the_latest_requests_and_senders_are_kept() {
        let activity = Recorder::new(NOW);
        for round in 0..=255 {
            activity.record(request(round, at(i64::from(round))));
            activity.record(request(0, at(i64::from(round))));
        }
        let report = activity.report(at(255));
        assert_eq!((report.requests.len(), report.sources.len()), (INGEST_REQUESTS, INGEST_SOURCES));
        assert_eq!(report.requests[1].source, "10.0.0.255:9");
        let busy = report.sources.iter().find(|source| source.address == "10.0.0.0");
        assert_eq!(busy.map(|source| source.requests), Some(257), "who is not silent is not forgotten");
        assert!(report.sources.iter().all(|source| source.last >= at(192)));
    }

    #[test]
    fn refused_requests_are_not_pushed_out_by_good_ones() {
        let activity = Recorder::new(NOW);
        let mut bad = request(1, NOW);
        let rejection = Rejection::new(3, Some("a".into()), Code::NotFinite, "the value nan is not finite");
        bad.reject(1, &[rejection]);
        activity.record(bad);
        for round in 0..500 {
            activity.record(request(2, at(round)));
        }
        let report = activity.report(at(500));
        assert!(report.requests.iter().all(|request| request.rejected == 0));
        let [refused] = &report.refused[..] else { panic!("{:?}", report.refused) };
        assert_eq!((refused.source.as_str(), refused.signal.as_deref()), ("10.0.0.1:9", Some("a")));
        assert_eq!(report.examples["not_finite"], *refused);
    }

    #[test]
    fn timestamps_tell_lateness_and_skew() {
        let timing = |times: &[i64]| {
            let mut batch = Batch::default();
            for time in times {
                let timestamp = Timestamp::from_micros(NOW.micros() + time);
                batch.push(Sample { signal: SignalId(0), timestamp, value: 0.0 });
            }
            let timing = Timing::of(&batch, NOW);
            (timing.late, timing.skew_micros)
        };
        assert_eq!(timing(&[]), (0, None));
        assert_eq!(timing(&[0, 0]), (0, None));
        assert_eq!(timing(&[-LATE_MICROS, -LATE_MICROS - 1, 250]), (1, Some(250)));
        assert_eq!(timing(&[-3_000_000, -2_000_000]), (0, Some(-2_000_000)));
    }
}
