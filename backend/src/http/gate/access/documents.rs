//! Which permission reads and changes which documents.

use std::hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher};
use std::sync::Arc;

use afterglow_wire::revision::Revision;

use super::super::super::permission::{
    DeleteSamples, Permission, ReadAlerts, ReadAnnotations, ReadBoards, ReadChannels, ReadRules,
    ReadSilences, WriteAlerts, WriteAnnotations, WriteBoards, WriteChannels, WriteMetadata, WriteRules,
    WriteSilences,
};
use super::super::super::problem::Problem;
use super::super::Allowed;
use crate::actors::alerts::Alerts;
use crate::actors::notifier::Notifier;
use crate::documents::{Extent, Failure, Kind};
use crate::store::{Author, Event, SaveError, Store};

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

macro_rules! alert_documents {
    ($($reads:ident $changes:ident $kind:ident;)+) => {$(
        impl Reads for $reads {
            const KIND: Kind = Kind::$kind;
        }

        impl Changes for $changes {
            const KIND: Kind = Kind::$kind;
        }

        impl Allowed<$changes> {
            /// Where changed rules, silences and channels, and what people have seen, are heard of.
            pub(in crate::http) fn alerts(&self) -> &Alerts {
                &self.context().alerts
            }
        }
    )+};
}

alert_documents! {
    ReadRules WriteRules Rules;
    ReadAlerts WriteAlerts Alerts;
    ReadSilences WriteSilences Silences;
    ReadChannels WriteChannels Channels;
}

impl Allowed<WriteChannels> {
    pub(in crate::http) fn notifier(&self) -> &Notifier {
        &self.context().notifier
    }
}

impl<P: Reads> Allowed<P> {
    /// The newest revision's number of this kind.
    pub(in crate::http) fn number(&self) -> u64 {
        // One for each principal that sees other documents.
        let salt = self
            .scoped
            .as_ref()
            .map_or(0, |_| BuildHasherDefault::<DefaultHasher>::default().hash_one(self.who().to_string()));
        self.context().documents.number(P::KIND) ^ salt
    }

    /// Does `work`, which blocks and changes nothing.
    pub(in crate::http) async fn read<T: Send + 'static, E: Send + 'static>(
        &self,
        extent: Extent,
        work: impl FnOnce(&Store) -> Result<T, E> + Send + 'static,
    ) -> Result<T, Failure<E>> {
        let visible = self.visible().clone();
        self.context().documents.read(self.address(), extent, move |_| work(&visible)).await
    }
}

impl Allowed<ReadBoards> {
    /// The only board that exists for who asks; all when absent.
    pub(in crate::http) fn board(&self) -> Option<Arc<str>> {
        self.principal.board().cloned()
    }

    /// The newest revision of every kind.
    pub(in crate::http) fn revision(&self) -> Revision {
        self.context().documents.revision()
    }
}

impl<P: Changes> Allowed<P> {
    /// Writes into the audit log what is about to be done, where no single transaction does it.
    pub(in crate::http) async fn record(&self, event: Event) -> Result<(), Problem> {
        let author = self.author();
        let record = move |store: &Store| Ok(store.access().record(vec![(Author::clone(&author), event)])?);
        Ok(self.context().documents.in_turn(self.address(), record).await?)
    }

    /// Does `work`, which blocks and changes documents of this kind, when its turn comes.
    pub(in crate::http) async fn change<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Store) -> Result<T, SaveError> + Send + 'static,
    ) -> Result<T, Failure<SaveError>> {
        let store = self.visible().by(self.author());
        self.context().documents.change(self.address(), P::KIND, move |_| work(&store)).await
    }
}
