//! Whether samples can be stored: how the last commit and the last sealings ended, and whether a database on a server answers. What
//! `/health` reports and `/ready` decides by.

mod peer;

use std::borrow::Cow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use afterglow_wire::Code;
use afterglow_wire::health::{self, LastCommit};

use crate::clock::Stopwatch;
use peer::Peer;

/// A commit that takes longer hangs: an ordinary one takes milliseconds.
const HANGING: Duration = Duration::from_secs(10);

/// How long a commit that failed counts. A server that gets no requests while it is not ready could never show that its
/// disk is well again.
const FAILURE_COUNTS: Duration = Duration::from_secs(30);

/// Failures of sealing in a row that are no accident; it is tried again every two seconds.
const SEALING_FAILURES: u32 = 5;

/// How commits and sealings end, shared by those who do them and those who report. Cloning is cheap.
#[derive(Clone, Debug, Default)]
pub struct Health(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// The commit under way.
    commit: Option<Stopwatch>,
    /// How the last commit ended, and since then.
    last_commit: Option<(Result<(), Code>, Stopwatch)>,
    /// In a row.
    sealing_failures: u32,
    /// Whether the certificate's files cannot be used.
    certificate_outdated: bool,
    /// The database, where it is on a server.
    database: Option<Peer>,
    /// The bus between servers, where there is one.
    bus: Option<Peer>,
}

impl Health {
    /// Notes that the database is on a server, which is asked all the time from now on.
    pub fn asks_database(&self, address: String) {
        self.lock().database = Some(Peer::new(address, true));
    }

    /// Notes that the database is asked something which it answers at once, without waiting for a lock, where it is well.
    pub fn database_asked(&self) {
        self.lock().database.iter_mut().for_each(Peer::is_asked);
    }

    /// Notes whether the database has answered.
    pub fn database_answered(&self, outcome: Result<(), &str>) {
        note(&mut self.lock().database, outcome);
    }

    /// Notes that there is a bus, which is not connected yet.
    pub fn has_bus(&self, address: String) {
        self.lock().bus = Some(Peer::new(address, false));
    }

    /// Notes that the bus is connected, or why it is not.
    pub fn bus_connected(&self, outcome: Result<(), &str>) {
        note(&mut self.lock().bus, outcome);
    }

    /// Why this server seems to be cut off: its database, which other servers may still reach, has not answered for too long.
    pub fn cut_off(&self) -> Option<String> {
        self.lock().database.as_ref().and_then(Peer::silence).map(no_answer)
    }

    /// How the database and the bus are, as far as there are any; where they are and what was wrong with them is for operators.
    pub fn peers(&self, is_for_operator: bool) -> [Option<health::Peer>; 2] {
        let state = self.lock();
        [&state.database, &state.bus].map(|peer| peer.as_ref().map(|peer| peer.report(is_for_operator)))
    }

    /// Notes that a commit begins.
    pub fn commit_began(&self) {
        self.lock().commit = Some(Stopwatch::start());
    }

    /// Notes how the commit ended that began last.
    pub fn commit_ended(&self, outcome: Result<(), Code>) {
        let mut state = self.lock();
        state.commit = None;
        state.last_commit = Some((outcome, Stopwatch::start()));
    }

    /// Notes whether a sealing succeeded.
    pub fn sealing_ended(&self, succeeded: bool) {
        let mut state = self.lock();
        state.sealing_failures = if succeeded { 0 } else { state.sealing_failures.saturating_add(1) };
    }

    /// Notes whether the certificate could be read again.
    pub fn certificate_read(&self, succeeded: bool) {
        self.lock().certificate_outdated = !succeeded;
    }

    /// Why samples cannot be stored now; `None` when they can.
    pub fn problem(&self) -> Option<(Code, String)> {
        let state = self.lock();
        state.refusal().or_else(|| {
            let failures = state.sealing_failures;
            let message = format!("sealing has failed {failures} times in a row; the log says why");
            (failures >= SEALING_FAILURES).then_some((Code::StoreDown, message))
        })
    }

    /// Whether commits hang, the last one failed a moment ago, or the database does not answer.
    pub fn refuses_samples(&self) -> bool {
        self.lock().refusal().is_some()
    }

    /// What `GET /health` answers, without [`Health::peers`].
    pub fn report(&self) -> health::Health {
        let problem = self.problem();
        let state = self.lock();
        health::Health {
            status: if problem.is_some() { "degraded" } else { "healthy" }.into(),
            problem: problem.map(|(_, message)| message),
            last_commit: state.last_commit.map(|(outcome, since)| LastCommit {
                outcome: Cow::Borrowed(outcome.map_or_else(Code::name, |()| "committed")),
                age_seconds: since.elapsed().as_secs_f64(),
            }),
            commit_running_seconds: state.commit.map(|since| since.elapsed().as_secs_f64()),
            certificate_outdated: state.certificate_outdated,
            sealing_failures: state.sealing_failures,
            peers: health::Peers::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Why samples are refused, or would be.
    fn refusal(&self) -> Option<(Code, String)> {
        let failed = self.last_commit.and_then(|(outcome, since)| Some((outcome.err()?, since.elapsed())));
        let silence = self.database.as_ref().and_then(Peer::silence);
        refusal(self.commit.map(Stopwatch::elapsed), failed, silence)
    }
}

fn note(peer: &mut Option<Peer>, outcome: Result<(), &str>) {
    match (peer, outcome) {
        (Some(peer), Ok(())) => peer.is_well(),
        (Some(peer), Err(why)) => peer.fails(why),
        (None, _) => {}
    }
}

/// `running` is how long the commit under way has taken, `failed` how and how long ago the last commit failed, if it did, and `silence`
/// for how long the database has not answered, if that is too long.
fn refusal(
    running: Option<Duration>,
    failed: Option<(Code, Duration)>,
    silence: Option<Duration>,
) -> Option<(Code, String)> {
    if let Some(running) = running.filter(|running| *running > HANGING) {
        return Some((Code::StoreDown, format!("a commit has been running for {} s", running.as_secs())));
    }
    if let Some((code, age)) = failed.filter(|(_, age)| *age < FAILURE_COUNTS) {
        let message =
            format!("the last commit failed {} s ago ({}); the log says why", age.as_secs(), code.name());
        return Some((code, message));
    }
    silence.map(|silence| (Code::StoreDown, no_answer(silence)))
}

fn no_answer(silence: Duration) -> String {
    format!("the database has not answered for {} s; the log says why", silence.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hanging_failing_silent_and_unsealed_is_not_ready() {
        let code = |running: Option<u64>, failed: Option<(Code, u64)>, silence: Option<u64>| {
            let failed = failed.map(|(code, age)| (code, Duration::from_secs(age)));
            let [running, silence] = [running, silence].map(|seconds| seconds.map(Duration::from_secs));
            refusal(running, failed, silence).map(|(code, _)| code)
        };
        assert_eq!(code(None, None, None), None);
        assert_eq!(code(Some(10), None, None), None);
        assert_eq!(code(Some(11), None, None), Some(Code::StoreDown));
        assert_eq!(code(None, Some((Code::DiskFull, 29)), None), Some(Code::DiskFull));
        assert_eq!(code(None, Some((Code::DiskFull, 30)), None), None, "it is worth another attempt");
        assert_eq!(code(None, None, Some(8)), Some(Code::StoreDown));
        let health = Health::default();
        (0..5).for_each(|_| health.sealing_ended(false));
        assert!(health.problem().is_some() && !health.refuses_samples());
    }

    #[test]
    fn a_bus_that_is_not_there_makes_nothing_unready() {
        let health = Health::default();
        assert_eq!(health.peers(true), [None, None]);
        health.bus_connected(Err("nobody has one"));
        assert_eq!(health.peers(true), [None, None]);
        health.asks_database("postgres://a:5432/b".into());
        health.has_bus("nats://a:4222".into());
        health.bus_connected(Err("connection refused"));
        let [database, bus] = health.peers(true).map(Option::unwrap);
        assert!(database.connected && !bus.connected && health.problem().is_none());
        health.database_answered(Err("it restarts"));
        assert!(!health.peers(false)[0].as_ref().unwrap().connected);
        assert!(health.problem().is_none(), "it may be a moment");
        health.database_answered(Ok(()));
        assert!(health.peers(false)[0].as_ref().unwrap().connected);
    }

    #[test]
    fn the_report_tells_the_last_outcomes() {
        let health = Health::default();
        assert_eq!((&*health.report().status, health.report().last_commit), ("healthy", None));
        health.commit_began();
        assert!(health.report().commit_running_seconds.is_some());
        health.commit_ended(Err(Code::DiskFull));
        let report = health.report();
        assert_eq!((&*report.status, &*report.last_commit.unwrap().outcome), ("degraded", "disk_full"));
        assert!(report.problem.unwrap().contains("disk_full") && report.commit_running_seconds.is_none());
        health.commit_began();
        health.commit_ended(Ok(()));
        for _ in 0..5 {
            health.sealing_ended(false);
        }
        assert_eq!((&*health.report().status, health.report().sealing_failures), ("degraded", 5));
        health.sealing_ended(true);
        assert_eq!((&*health.report().status, health.problem()), ("healthy", None));
    }
}
