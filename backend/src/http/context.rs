//! What the routes are made of.

use crate::activity::Activity;
use crate::actors::ingest;
use crate::actors::session::Sessions;
use crate::admission::Admission;
use crate::clock::Clock;
use crate::config::Config;
use crate::metrics::Metrics;
use crate::saved::Saved;
use crate::store::Store;

/// What the routes need. Cloned into every worker.
#[derive(Clone)]
pub struct Context {
    /// Makes samples durable.
    pub ingest: ingest::Handle,
    /// Answers questions.
    pub store: Store,
    /// Keeps boards, annotations and what is said about signals.
    pub saved: Saved,
    /// Remembers what arrived lately.
    pub activity: Activity,
    /// What a live session is made of.
    pub sessions: Sessions,
    /// How many live clients there may be.
    pub admission: Admission,
    /// Stamps samples that have no time of their own.
    pub clock: Clock,
    /// What `/metrics` shows.
    pub metrics: Metrics,
    /// The validated configuration.
    pub config: Config,
}
