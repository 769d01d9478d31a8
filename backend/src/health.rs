//! Whether samples can be stored: how the last commit and the last sealings ended. What `/health` reports and `/ready`
//! decides by.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use afterglow_wire::Code;
use afterglow_wire::health::{self, LastCommit};

use crate::clock::Stopwatch;

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
}

impl Health {
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
        let failed = state.last_commit.and_then(|(outcome, since)| Some((outcome.err()?, since.elapsed())));
        problem(state.commit.map(Stopwatch::elapsed), failed, state.sealing_failures)
    }

    /// Whether commits hang, or the last one failed a moment ago.
    pub fn refuses_samples(&self) -> bool {
        let state = self.lock();
        let failed = state.last_commit.and_then(|(outcome, since)| Some((outcome.err()?, since.elapsed())));
        problem(state.commit.map(Stopwatch::elapsed), failed, 0).is_some()
    }

    /// What `GET /health` answers.
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
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `running` is how long the commit under way has taken, `failed` how and how long ago the last commit failed, if it did.
fn problem(
    running: Option<Duration>,
    failed: Option<(Code, Duration)>,
    sealing_failures: u32,
) -> Option<(Code, String)> {
    if let Some(running) = running.filter(|running| *running > HANGING) {
        return Some((Code::StoreDown, format!("a commit has been running for {} s", running.as_secs())));
    }
    if let Some((code, age)) = failed.filter(|(_, age)| *age < FAILURE_COUNTS) {
        let message =
            format!("the last commit failed {} s ago ({}); the log says why", age.as_secs(), code.name());
        return Some((code, message));
    }
    (sealing_failures >= SEALING_FAILURES).then(|| {
        let message = format!("sealing has failed {sealing_failures} times in a row; the log says why");
        (Code::StoreDown, message)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hanging_failing_and_unsealed_is_not_ready() {
        let code = |running: Option<u64>, failed: Option<(Code, u64)>, sealing| {
            let failed = failed.map(|(code, age)| (code, Duration::from_secs(age)));
            problem(running.map(Duration::from_secs), failed, sealing).map(|(code, _)| code)
        };
        assert_eq!(code(None, None, 0), None);
        assert_eq!(code(Some(10), None, 4), None);
        assert_eq!(code(Some(11), None, 0), Some(Code::StoreDown));
        assert_eq!(code(None, Some((Code::DiskFull, 29)), 0), Some(Code::DiskFull));
        assert_eq!(code(None, Some((Code::DiskFull, 30)), 0), None, "it is worth another attempt");
        assert_eq!(code(None, None, 5), Some(Code::StoreDown));
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
