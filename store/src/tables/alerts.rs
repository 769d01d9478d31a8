//! Rows of alerts: saved documents, secrets, and the fold of the journal.

use crate::alerts::StateRow;
use crate::{Span, StoreError};

/// Rules, channels, silences, and what the evaluation of the journal has found. Limits and rules are the engine's.
pub(crate) trait AlertRows {
    /// All documents of a kind, by their names.
    fn saved(&mut self, kind: &str) -> Result<Vec<SavedRow>, StoreError>;

    /// The next `limit` documents of a kind behind the name `after`, by their names.
    fn saved_behind(&mut self, kind: &str, after: &str, limit: i64) -> Result<Vec<SavedRow>, StoreError>;

    /// The names of all documents of a kind.
    fn saved_ids(&mut self, kind: &str) -> Result<Vec<String>, StoreError>;

    /// Bytes of all documents of a kind.
    fn saved_bytes(&mut self, kind: &str) -> Result<i64, StoreError>;

    /// The document of a kind and name.
    fn saved_one(&mut self, kind: &str, id: &str) -> Result<Option<SavedRow>, StoreError>;

    /// Adds a document, or replaces the one of its kind and name.
    fn put_saved(&mut self, kind: &str, row: &SavedRow, now: i64) -> Result<(), StoreError>;

    /// Removes a document; whether there was one.
    fn delete_saved(&mut self, kind: &str, id: &str) -> Result<bool, StoreError>;

    /// The secrets of a channel.
    fn secrets(&mut self, channel: &str) -> Result<Vec<SecretRow>, StoreError>;

    /// Adds or replaces a secret of a channel; `None` removes it.
    fn put_secret(
        &mut self,
        channel: &str,
        name: &str,
        value: Option<&str>,
        now: i64,
    ) -> Result<(), StoreError>;

    /// The last evaluated commit, and when it was made.
    fn alert_cursor(&mut self) -> Result<Option<(i64, i64)>, StoreError>;

    /// Moves the cursor.
    fn put_alert_cursor(&mut self, sequence: i64, at: i64) -> Result<(), StoreError>;

    /// All states: rule, scope, document.
    fn alert_states(&mut self) -> Result<Vec<(String, String, String)>, StoreError>;

    /// The next `limit` of them behind that of a rule and scope, in the order of both.
    fn alert_states_behind(
        &mut self,
        rule: &str,
        scope: &str,
        limit: i64,
    ) -> Result<Vec<(String, String, String)>, StoreError>;

    /// Adds or replaces the states of rules and scopes, each once; those without a document are removed.
    fn put_alert_states(&mut self, states: &[&StateRow]) -> Result<(), StoreError>;

    /// Until when samples could come, as far as that is known.
    fn heard(&mut self) -> Result<Option<i64>, StoreError>;

    /// Notes that samples could come until `at`, beside the cursor.
    fn put_heard(&mut self, at: i64) -> Result<(), StoreError>;

    /// Adds a time in which no samples could come, or makes it as long as this.
    fn put_unheard(&mut self, span: Span) -> Result<(), StoreError>;

    /// The times in which no samples could come that touch `span`, in order.
    fn unheard(&mut self, span: Span) -> Result<Vec<Span>, StoreError>;

    /// Removes times in which no samples could come that ended before `before`.
    fn expire_unheard(&mut self, before: i64) -> Result<(), StoreError>;

    /// Adds episodes, each once, or replaces all of them but their acknowledgements.
    fn put_episodes(&mut self, rows: &[EpisodeRow]) -> Result<(), StoreError>;

    /// How many episodes have not ended, of a rule or in all.
    fn count_open(&mut self, rule: Option<&str>) -> Result<i64, StoreError>;

    /// The next `limit` episodes that have not ended behind those of a rule and scope, in the order of both. A rule has one for a scope.
    fn open_behind(&mut self, rule: &str, scope: &str, limit: i64) -> Result<Vec<EpisodeRow>, StoreError>;

    /// The episodes that have not ended.
    fn open_episodes(&mut self) -> Result<Vec<EpisodeRow>, StoreError>;

    /// How many episodes touch `span`, and the newest `limit` of them, the newest first.
    fn episodes(&mut self, span: Span, limit: usize) -> Result<(usize, Vec<EpisodeRow>), StoreError>;

    /// The episode with this number.
    fn episode(&mut self, id: &str) -> Result<Option<EpisodeRow>, StoreError>;

    /// Replaces the acknowledgement of an episode; whether there is such an episode.
    fn acknowledge(&mut self, id: &str, ack: Option<&str>) -> Result<bool, StoreError>;

    /// Removes the acknowledgements of these episodes, as they are in this transaction.
    fn void_acknowledgements(&mut self, ids: &[String]) -> Result<(), StoreError>;

    /// Removes episodes that ended before `before`, and the oldest of those that ended beyond `most`.
    fn expire_episodes(&mut self, before: i64, most: usize) -> Result<usize, StoreError>;
}

/// A rule, channel or silence as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SavedRow {
    pub(crate) id: String,
    pub(crate) version: i32,
    pub(crate) document: String,
    pub(crate) created_at: i64,
}

/// A secret as it is stored.
pub(crate) struct SecretRow {
    pub(crate) name: String,
    pub(crate) value: String,
    pub(crate) set_at: i64,
}

/// An episode as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EpisodeRow {
    pub(crate) id: String,
    pub(crate) rule: String,
    pub(crate) scope: String,
    pub(crate) fired_at: i64,
    pub(crate) resolved_at: Option<i64>,
    pub(crate) document: String,
    pub(crate) ack: Option<String>,
}
