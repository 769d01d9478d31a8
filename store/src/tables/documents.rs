//! Rows of boards, annotations and metadata.

use afterglow_wire::annotation::Annotation;
use afterglow_wire::board::{Board, BoardSummary};

use crate::{Span, StoreError};

/// Boards, annotations and the metadata of signals. Documents are the JSON of `wire`; limits and rules are the engine's.
pub(crate) trait DocumentRows {
    /// All boards without their panels, by title.
    fn boards(&mut self) -> Result<Vec<BoardSummary>, StoreError>;

    /// The addresses of all boards.
    fn board_ids(&mut self) -> Result<Vec<String>, StoreError>;

    /// The document of a board.
    fn board(&mut self, id: &str) -> Result<Option<String>, StoreError>;

    /// Adds a board, or replaces the one at its address.
    fn put_board(&mut self, board: &Board, document: &str, now: i64) -> Result<(), StoreError>;

    /// Removes a board; whether there was one.
    fn delete_board(&mut self, id: &str) -> Result<bool, StoreError>;

    /// How many annotations touch `span` and have all of `tags`, and the newest `limit` of them, the newest first.
    fn annotations(
        &mut self,
        span: Span,
        tags: &[String],
        limit: usize,
    ) -> Result<(usize, Vec<AnnotationRow>), StoreError>;

    /// Of the annotations numbered below `before` that touch `span` and have all of `tags`, the last `limit`, the last first.
    fn annotations_before(
        &mut self,
        before: i64,
        span: Span,
        tags: &[String],
        limit: usize,
    ) -> Result<Vec<AnnotationRow>, StoreError>;

    /// One annotation.
    fn annotation(&mut self, id: i64) -> Result<Option<AnnotationRow>, StoreError>;

    /// How many annotations there are.
    fn count_annotations(&mut self) -> Result<usize, StoreError>;

    /// Adds an annotation; its number, which never comes back.
    fn insert_annotation(
        &mut self,
        annotation: &Annotation,
        tags: &str,
        signals: &str,
    ) -> Result<i64, StoreError>;

    /// Removes an annotation; whether there was one.
    fn delete_annotation(&mut self, id: i64) -> Result<bool, StoreError>;

    /// The metadata of the signals behind `name` in order that have some, of at most `limit` of them: number, name, document.
    fn metadata_behind(&mut self, name: &str, limit: usize)
    -> Result<Vec<(i32, String, String)>, StoreError>;

    /// The number of a stored signal.
    fn signal_id(&mut self, name: &str) -> Result<Option<i32>, StoreError>;

    /// The metadata of one signal.
    fn metadata(&mut self, signal: i32) -> Result<Option<String>, StoreError>;

    /// Replaces the metadata of one signal; `None` removes it.
    fn put_metadata(&mut self, signal: i32, document: Option<&str>) -> Result<(), StoreError>;
}

/// An annotation as it is stored.
#[derive(Clone, Debug)]
pub(crate) struct AnnotationRow {
    pub(crate) id: i64,
    pub(crate) first: i64,
    pub(crate) last: i64,
    pub(crate) text: String,
    /// A JSON array.
    pub(crate) tags: String,
    /// A JSON array.
    pub(crate) signals: String,
}
