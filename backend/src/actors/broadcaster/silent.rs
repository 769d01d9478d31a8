//! Which clients do not answer, and when that counts.
//!
//! A client whose socket takes frames need not read them: the system keeps some megabytes of them. Thousands of such clients would have
//! each commit written thousands of times for nobody. A few of them are clients that do something else for a moment, and cost little.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// As many silent clients get everything nevertheless.
const FEW: usize = 64;

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
        self.is_silent.load(Ordering::Relaxed) && self.all.0.load(Ordering::Relaxed) > FEW
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
        clients[1].set(false);
        assert_eq!(counting(), 0);
        drop(clients);
        assert_eq!(all.0.load(Ordering::Relaxed), 0);
    }
}
