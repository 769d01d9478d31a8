//! Which clients do not answer, and when that counts.
//!
//! A client whose socket takes frames need not read them: the system keeps some megabytes of them. Thousands of such clients would have
//! each commit written thousands of times for nobody. A few of them are clients that do something else for a moment, and cost little.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use super::CATCH_UP;

/// As many silent clients get everything nevertheless, and as many get the newest values at once: a few writes more in a moment are
/// not noticed by others.
pub(super) const FEW: usize = 64;

/// How often a silent client gets the newest values at most.
const PAUSE: Duration = Duration::from_secs(1);

/// How many clients do not answer. Cloning shares it.
#[derive(Clone, Debug, Default)]
pub struct SilentClients(Arc<AtomicUsize>);

/// Whether a client answers, and whether it is one of many that do not. Dropping it ends its silence.
#[derive(Debug)]
pub struct Silence {
    seen: Silent,
}

/// What others see of a [`Silence`].
#[derive(Clone, Debug, Default)]
pub(super) struct Silent {
    is_silent: Arc<AtomicBool>,
    all: SilentClients,
}

impl SilentClients {
    /// That of a client that answers.
    pub fn client(&self) -> Silence {
        Silence { seen: Silent { is_silent: Arc::default(), all: self.clone() } }
    }
}

impl Silence {
    /// The client is silent from now on, or has answered.
    pub fn set(&self, is_silent: bool) {
        let Silent { is_silent: before, all } = &self.seen;
        match (before.swap(is_silent, Ordering::Relaxed), is_silent) {
            (false, true) => _ = all.0.fetch_add(1, Ordering::Relaxed),
            (true, false) => _ = all.0.fetch_sub(1, Ordering::Relaxed),
            _ => {}
        }
    }

    pub(super) fn seen(&self) -> Silent {
        self.seen.clone()
    }
}

impl Drop for Silence {
    fn drop(&mut self) {
        self.set(false);
    }
}

impl Silent {
    /// Whether it is one of many that do not answer.
    pub(super) fn counts(&self) -> bool {
        self.is_silent.load(Ordering::Relaxed) && self.count() > FEW
    }

    /// From one time that it gets the newest values to the next: with [`FEW`] in each round, all of them get their turn.
    pub(super) fn pause(&self) -> Duration {
        let rounds = u32::try_from(self.count().div_ceil(FEW)).unwrap_or(u32::MAX);
        PAUSE.max(CATCH_UP.saturating_mul(rounds))
    }

    fn count(&self) -> usize {
        self.all.0.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_counts_only_where_many_are_silent() {
        let all = SilentClients::default();
        let clients: Vec<_> = (0..=FEW).map(|_| all.client()).collect();
        let counting = || clients.iter().filter(|client| client.seen().counts()).count();
        clients[1..].iter().for_each(|client| client.set(true));
        clients[1].set(true);
        assert_eq!(counting(), 0);
        clients[0].set(true);
        assert_eq!(counting(), FEW + 1);
        assert_eq!(clients[0].seen().pause(), PAUSE);
        clients[1].set(false);
        assert_eq!(counting(), 0);
        let more: Vec<_> = (0..2_000 - FEW).map(|_| all.client()).collect();
        more.iter().for_each(|client| client.set(true));
        assert_eq!(clients[0].seen().pause(), CATCH_UP * 32, "64 in a round: 2,000 need 32 of them");
        drop(more);
        drop(clients);
        assert_eq!(all.0.load(Ordering::Relaxed), 0);
    }
}
