//! Signals that cross the limits of their rules, one after the other.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use anyhow::{Result, bail};

use super::receiver::Receiver;

pub(super) const SIGNALS: usize = 500;

/// Two for each signal, with the limits 80 and 90.
pub(super) const RULES: usize = 1_000;

/// The value that each signal has now.
pub(super) struct Values(Vec<AtomicU64>);

impl Values {
    pub(super) fn new() -> Self {
        Self((0..SIGNALS).map(|_| AtomicU64::new(20)).collect())
    }

    /// Lets the signal of a rule cross its limit: the first 500 are 80, the others 90. Which signal that is, and its value.
    pub(super) fn cross(&self, rule: usize) -> (usize, u64) {
        let (signal, value) = (rule % SIGNALS, if rule < SIGNALS { 85 } else { 95 });
        self.0[signal].store(value, Ordering::Relaxed);
        (signal, value)
    }

    pub(super) fn get(&self, signal: usize) -> u64 {
        self.0[signal].load(Ordering::Relaxed)
    }
}

/// How long after each crossing its webhook came, in milliseconds, in order; 0 for one that came before the answer.
pub(super) fn delays(
    receiver: &Receiver,
    crossings: &[(usize, Instant)],
    name: impl Fn(usize) -> String,
) -> Result<Vec<f64>> {
    let mut delays = Vec::new();
    for (number, crossed) in crossings {
        let Some(named) = receiver.named(&name(*number)) else { bail!("{} was never sent", name(*number)) };
        delays.push(named.saturating_duration_since(*crossed).as_secs_f64() * 1e3);
    }
    delays.sort_by(f64::total_cmp);
    Ok(delays)
}
