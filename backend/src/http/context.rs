//! What the routes are made of.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::body::Bodies;
use crate::access::oidc::Logins;
use crate::access::people::People;
use crate::access::{Access, ReadQuota, WriteQuota};
use crate::actors::alerts::Alerts;
use crate::actors::committer;
use crate::actors::follower::Others;
use crate::actors::notifier::Notifier;
use crate::actors::session::Sessions;
use crate::admission::Admission;
use crate::clock::Clock;
use crate::config::Config;
use crate::deletions::Deletions;
use crate::documents::Documents;
use crate::ingest_report::Recorder;
use crate::intake::Intake;
use crate::metrics::Metrics;
use crate::store::Store;

/// What the routes need. Cloned into every worker.
#[derive(Clone)]
pub struct Context {
    /// Who may do what.
    pub access: Access,
    /// Those who may log in.
    pub people: People,
    /// How they log in with accounts of others.
    pub logins: Logins,
    /// Makes samples durable.
    pub committer: committer::Handle,
    /// Reads request bodies.
    pub bodies: Bodies,
    /// Takes samples.
    pub intake: Intake,
    /// How much all senders together may write; any number when absent.
    pub writing: Option<Arc<WriteQuota>>,
    /// For how long all readers together may read; for any time when absent.
    pub reading: Option<Arc<ReadQuota>>,
    /// Answers questions.
    pub store: Store,
    /// Boards, annotations and signal metadata.
    pub documents: Documents,
    /// Deletes samples.
    pub deletions: Deletions,
    /// Evaluates rules.
    pub alerts: Alerts,
    /// Tells people.
    pub notifier: Notifier,
    /// Remembers what arrived lately.
    pub ingest_report: Recorder,
    /// The other servers of the database, where there may be some.
    pub others: Option<Others>,
    /// What a live session is made of.
    pub sessions: Sessions,
    /// Within what time all must have left, once the server is about to stop.
    pub leaving: watch::Receiver<Option<Duration>>,
    /// How many live clients there may be.
    pub admission: Admission,
    /// Stamps samples that have no time of their own.
    pub clock: Clock,
    /// What `/metrics` shows.
    pub metrics: Metrics,
    /// The validated configuration.
    pub config: Config,
}
