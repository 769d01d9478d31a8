//! Documents: boards, annotations, and the metadata of signals.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use afterglow_wire::annotation::{Annotation, Annotations};
use afterglow_wire::board::{Board, BoardSummary};
use afterglow_wire::limits::{KIND_BYTES, SLUG_BYTES};
use afterglow_wire::metadata::{Metadata, MetadataPatch};
use afterglow_wire::{Code, Invalid};
use serde::Serialize;

use super::signals::Selector;
use super::tables::WorkError;
use super::{Span, Store, StoreError};

/// Why something was not saved. Nothing has changed then.
#[derive(Debug, thiserror::Error)]
pub enum SaveError {
    /// The database did not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A field is not allowed.
    #[error("{0}")]
    Invalid(#[from] Invalid),
    /// There is nothing of this name.
    #[error("{0}")]
    NotFound(String),
    /// The document was changed meanwhile; this is its current version.
    #[error("the {} {} is at version {} by now", .0.kind, .0.id, .0.version)]
    Conflict(Box<Current>),
    /// Who asks may not change it.
    #[error("{0}")]
    Forbidden(String),
    /// The limit is reached.
    #[error("there are {limit} {kind} already, which is as many as are kept; delete one first")]
    LimitReached {
        /// The kind of document.
        kind: &'static str,
        /// How many are kept.
        limit: usize,
    },
    /// The limit of bytes is reached.
    #[error("all of kind {kind} would have {bytes} bytes; at most {KIND_BYTES} are kept: delete some first")]
    BytesReached {
        /// The kind of document.
        kind: &'static str,
        /// How many they would have.
        bytes: u64,
    },
}

/// A document that has another version than the one that was to be replaced.
#[derive(Clone, Debug, PartialEq)]
pub struct Current {
    /// What it is: a board, a rule.
    pub kind: &'static str,
    /// Its name.
    pub id: String,
    /// Its version.
    pub version: i32,
    /// All of it, as it is shown.
    pub document: serde_json::Value,
}

impl Current {
    pub(super) fn new(kind: &'static str, id: &str, version: i32, document: &impl Serialize) -> Self {
        let document = serde_json::to_value(document).unwrap_or_default();
        Self { kind, id: id.to_owned(), version, document }
    }
}

impl SaveError {
    /// The code of the error in an answer.
    pub fn code(&self) -> Code {
        match self {
            Self::Store(error) => error.code(),
            Self::Invalid(_) => Code::Invalid,
            Self::NotFound(_) => Code::NotFound,
            Self::Forbidden(_) => Code::ForbiddenSignal,
            Self::Conflict(_) => Code::Conflict,
            Self::LimitReached { .. } | Self::BytesReached { .. } => Code::LimitReached,
        }
    }

    pub(super) fn no_signal(name: &str) -> Self {
        Self::NotFound(format!("there is no signal {name:?}"))
    }

    /// There is no board at this address.
    pub fn no_board(id: &str) -> Self {
        Self::NotFound(format!("there is no board {id:?}; /api/boards lists those there are"))
    }
}

impl WorkError for SaveError {
    fn map_store(self, change: impl FnOnce(StoreError) -> StoreError) -> Self {
        match self {
            Self::Store(error) => Self::Store(change(error)),
            other => other,
        }
    }
}

/// The addresses of one kind of documents that are taken.
pub(crate) struct Addresses {
    taken: HashSet<String>,
    /// The first number that may be free for an address.
    numbers: HashMap<String, u32>,
}

impl Addresses {
    pub(crate) fn new(taken: impl IntoIterator<Item = String>) -> Self {
        Self { taken: taken.into_iter().collect(), numbers: HashMap::new() }
    }

    pub(crate) fn len(&self) -> usize {
        self.taken.len()
    }

    /// Takes an address; whether it was free.
    pub(crate) fn take(&mut self, address: &str) -> bool {
        self.taken.insert(address.to_owned())
    }

    /// Takes `wanted`, or the first of `wanted-2`, `wanted-3`, ... that is free.
    pub(crate) fn take_free(&mut self, wanted: &str) -> String {
        let number = self.numbers.entry(wanted.to_owned()).or_insert(1);
        loop {
            let ending = if *number == 1 { String::new() } else { format!("-{number}") };
            let candidate = format!("{}{ending}", &wanted[..wanted.len().min(SLUG_BYTES - ending.len())]);
            *number += 1;
            if self.taken.insert(candidate.clone()) {
                return candidate;
            }
        }
    }
}

/// A document as it is stored.
pub(crate) fn json(value: &(impl Serialize + ?Sized)) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::Down(error.to_string()))
}

/// Documents. Every call blocks, and what is saved is on the disk when the call returns.
impl Store {
    /// All boards, by title.
    ///
    /// # Errors
    /// When all readers are busy or the database does not answer.
    pub fn boards(&self) -> Result<Vec<BoardSummary>, StoreError> {
        self.limited(|| self.engine.boards())
    }

    /// The board at this address.
    ///
    /// # Errors
    /// When there is none or the database does not answer.
    pub fn board(&self, id: &str) -> Result<Board, SaveError> {
        self.limited(|| self.engine.board(id))
    }

    /// Adds a board as version 1, at the address that it brings, or at a free one that its title suggests.
    ///
    /// # Errors
    /// When it is not allowed, its address is taken, or the database does not answer.
    pub fn add_board(&self, mut board: Board) -> Result<Board, SaveError> {
        board.check()?;
        board.number_panels();
        self.engine.add_board(self.author(), board)
    }

    /// Replaces the board at the address of `board`, which must bring the version that it replaces.
    ///
    /// # Errors
    /// When it is not allowed, there is none, it has another version, or the database does not answer.
    pub fn replace_board(&self, mut board: Board) -> Result<Board, SaveError> {
        board.check()?;
        board.number_panels();
        self.engine.replace_board(self.author(), board)
    }

    /// Deletes the board at this address.
    ///
    /// # Errors
    /// When there is none or the database does not answer.
    pub fn delete_board(&self, id: &str) -> Result<(), SaveError> {
        self.engine.delete_board(self.author(), id)
    }

    /// The annotations that touch `span` and have all of `tags`; when they are very many, the newest.
    ///
    /// # Errors
    /// When all readers are busy or the database does not answer.
    pub fn annotations(&self, span: Span, tags: &[String]) -> Result<Annotations, StoreError> {
        self.limited(|| self.engine.annotations(span, tags, self.scope().map(Arc::as_ref)))
    }

    /// Adds an annotation, whose number is ignored; gives it back with its own.
    ///
    /// # Errors
    /// When too many are kept or the database does not answer.
    pub fn add_annotation(&self, annotation: Annotation) -> Result<Annotation, SaveError> {
        if let Some(scope) = self.scope() {
            let outside = annotation.signals.iter().find(|signal| !scope.has(signal));
            if let Some(signal) = outside {
                return Err(SaveError::Forbidden(format!(
                    "{signal:?} is not a signal that this key may change"
                )));
            }
            if annotation.signals.is_empty() {
                let message =
                    "it is empty, for all signals; this key may change only some: name those".to_owned();
                return Err(SaveError::Forbidden(format!("signals: {message}")));
            }
        }
        self.engine.add_annotation(self.author(), annotation)
    }

    /// Deletes the annotation with this number.
    ///
    /// # Errors
    /// When there is none or the database does not answer.
    pub fn delete_annotation(&self, id: i64) -> Result<(), SaveError> {
        self.engine.delete_annotation(self.author(), id, self.scope().map(Arc::as_ref))
    }

    /// The metadata of signals, in the order of their names; only of those that have some. It is read in pages, a change in
    /// between may be in the later ones.
    ///
    /// # Errors
    /// When all readers are busy or the database does not answer; the iterator ends with that.
    pub fn metadata(&self) -> impl Iterator<Item = Result<(String, Metadata), StoreError>> {
        let (mut page, mut last) = (Vec::new().into_iter(), Some(String::new()));
        let rows = std::iter::from_fn(move || {
            if let Some(row) = page.next() {
                return Some(Ok(row));
            }
            let behind = last.take()?;
            match self.limited(|| self.engine.metadata_behind(&behind)) {
                Ok(read) => {
                    last = read.last().map(|(name, _)| name.clone());
                    page = read.into_iter();
                    page.next().map(Ok)
                }
                Err(error) => Some(Err(error)),
            }
        });
        let all = rows.filter_map(|read| match read {
            Ok((name, metadata)) => metadata.map(|metadata| Ok((name, metadata))),
            Err(error) => Some(Err(error)),
        });
        let scope = self.scope();
        all.filter(move |read| {
            read.as_ref().map_or(true, |(name, _)| scope.is_none_or(|scope| scope.has(name)))
        })
    }

    /// Removes the metadata of the signals that `selector` means.
    ///
    /// # Errors
    /// When the disk is full or the database does not answer.
    pub fn delete_metadata(&self, selector: &Selector) -> Result<(), StoreError> {
        self.engine.delete_metadata(&self.numbers(selector))
    }

    /// Changes the metadata of the signal called `name`; returns all of it.
    ///
    /// # Errors
    /// When it is not allowed, there is no such signal, or the database does not answer.
    pub fn patch_metadata(&self, name: &str, patch: MetadataPatch) -> Result<Metadata, SaveError> {
        if self.scope().is_some_and(|scope| !scope.has(name)) {
            return Err(SaveError::no_signal(name));
        }
        self.engine.patch_metadata(self.author(), name, patch)
    }
}
