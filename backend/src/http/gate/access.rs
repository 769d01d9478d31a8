//! Which permission opens what of the context.

use std::time::Duration;

use afterglow_wire::revision::Revision;

use super::super::body::Bodies;
use super::super::permission::{
    DeleteSamples, Enter, KnowOneself, ManageMembers, OwnAccount, Permission, Public, ReadAnnotations,
    ReadBoards, ReadIngestReport, ReadLive, ReadLiveSocketIo, ReadSamples, ReadSignals, WriteAnnotations,
    WriteBoards, WriteMetadata, WriteSamples,
};
use super::Allowed;
use crate::access::people::People;
use crate::actors::session::Sessions;
use crate::admission::Admission;
use crate::clock::Clock;
use crate::deletions::Deletions;
use crate::documents::{Failure, Kind};
use crate::health::Health;
use crate::ingest_report::Recorder;
use crate::intake::Intake;
use crate::metrics::Metrics;
use crate::store::{SaveError, Store};

impl<P: Permission> Allowed<P> {
    pub(in crate::http) fn clock(&self) -> &Clock {
        &self.gate.context.clock
    }

    /// Reads the request's body.
    pub(in crate::http) fn bodies(&self) -> &Bodies {
        &self.gate.context.bodies
    }

    pub(in crate::http) fn metrics(&self) -> &Metrics {
        &self.gate.context.metrics
    }
}

impl Allowed<Public> {
    pub(in crate::http) fn is_draining(&self) -> bool {
        self.gate.context.committer.is_draining()
    }

    pub(in crate::http) fn health(&self) -> &Health {
        &self.gate.context.metrics.health
    }
}

impl Allowed<WriteSamples> {
    pub(in crate::http) fn intake(&self) -> &Intake {
        &self.gate.context.intake
    }
}

/// A permission to read samples or signals: answers that may be long.
pub(in crate::http) trait Queries: Permission {}

impl Queries for ReadSamples {}

impl Queries for ReadSignals {}

impl<P: Queries> Allowed<P> {
    pub(in crate::http) fn store(&self) -> &Store {
        &self.gate.context.store
    }

    /// How long a query may go on without a piece of its answer being made and taken.
    pub(in crate::http) fn query_timeout(&self) -> Duration {
        self.gate.context.config.store.query_seconds.duration()
    }
}

impl Allowed<DeleteSamples> {
    pub(in crate::http) fn deletions(&self) -> &Deletions {
        &self.gate.context.deletions
    }

    /// Whether there is a signal called `name`.
    pub(in crate::http) fn has_signal(&self, name: &str) -> bool {
        self.gate.context.store.signals().find(name).is_some()
    }
}

impl Allowed<ReadLive> {
    pub(in crate::http) fn sessions(&self) -> &Sessions {
        &self.gate.context.sessions
    }

    pub(in crate::http) fn admission(&self) -> &Admission {
        &self.gate.context.admission
    }

    pub(in crate::http) fn store(&self) -> &Store {
        &self.gate.context.store
    }
}

impl Allowed<ReadLiveSocketIo> {
    pub(in crate::http) fn sessions(&self) -> &Sessions {
        &self.gate.context.sessions
    }

    pub(in crate::http) fn admission(&self) -> &Admission {
        &self.gate.context.admission
    }
}

impl Allowed<ReadIngestReport> {
    pub(in crate::http) fn ingest_report(&self) -> &Recorder {
        &self.gate.context.ingest_report
    }
}

/// A permission that has to do with those who may log in.
pub(in crate::http) trait OfPeople: Permission {}

impl OfPeople for Enter {}
impl OfPeople for KnowOneself {}
impl OfPeople for OwnAccount {}
impl OfPeople for ManageMembers {}

impl<P: OfPeople> Allowed<P> {
    pub(in crate::http) fn people(&self) -> &People {
        &self.gate.context.people
    }
}

/// A permission to read one kind of documents.
pub(in crate::http) trait Reads: Permission {
    const KIND: Kind;
}

/// A permission to change one kind of documents.
pub(in crate::http) trait Changes: Permission {
    const KIND: Kind;
}

impl Reads for ReadBoards {
    const KIND: Kind = Kind::Boards;
}

impl Reads for ReadAnnotations {
    const KIND: Kind = Kind::Annotations;
}

impl Changes for WriteBoards {
    const KIND: Kind = Kind::Boards;
}

impl Changes for WriteAnnotations {
    const KIND: Kind = Kind::Annotations;
}

/// The metadata goes with the signal.
impl Changes for DeleteSamples {
    const KIND: Kind = Kind::Metadata;
}

impl Changes for WriteMetadata {
    const KIND: Kind = Kind::Metadata;
}

impl<P: Reads> Allowed<P> {
    /// The newest revision's number of this kind.
    pub(in crate::http) fn number(&self) -> u64 {
        self.gate.context.documents.number(P::KIND)
    }

    /// Does `work`, which blocks and changes nothing.
    pub(in crate::http) async fn read<T: Send + 'static, E: Send + 'static>(
        &self,
        work: impl FnOnce(&Store) -> Result<T, E> + Send + 'static,
    ) -> Result<T, Failure<E>> {
        self.gate.context.documents.read(work).await
    }
}

impl Allowed<ReadBoards> {
    /// The newest revision of every kind.
    pub(in crate::http) fn revision(&self) -> Revision {
        self.gate.context.documents.revision()
    }
}

impl<P: Changes> Allowed<P> {
    /// Does `work`, which blocks and changes documents of this kind, when its turn comes.
    pub(in crate::http) async fn change<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Store) -> Result<T, SaveError> + Send + 'static,
    ) -> Result<T, Failure<SaveError>> {
        self.gate.context.documents.change(P::KIND, work).await
    }
}
