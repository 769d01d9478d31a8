//! Rows of keys and of the audit log.

use crate::StoreError;

/// Keys and the audit log. What is in them is decided by [`crate::access`].
pub(crate) trait AccessRows {
    /// All keys.
    fn keys(&mut self) -> Result<Vec<KeyRow>, StoreError>;

    /// One key.
    fn key(&mut self, id: &str) -> Result<Option<KeyRow>, StoreError>;

    /// How many keys there are.
    fn count_keys(&mut self) -> Result<usize, StoreError>;

    /// Bytes of all keys' documents.
    fn key_bytes(&mut self) -> Result<i64, StoreError>;

    /// Adds a key.
    fn insert_key(&mut self, id: &str, hash: &[u8], document: &str) -> Result<(), StoreError>;

    /// Replaces the document of a key.
    fn update_key(&mut self, id: &str, document: &str) -> Result<(), StoreError>;

    /// Removes a key; whether there was one.
    fn delete_key(&mut self, id: &str) -> Result<bool, StoreError>;

    /// Notes when and from where a key was used last.
    fn key_used(&mut self, id: &str, at: i64, from: &str) -> Result<(), StoreError>;

    /// The number and the hash of the last entry.
    fn last_entry(&mut self) -> Result<Option<(i64, Vec<u8>)>, StoreError>;

    /// Adds an entry.
    fn insert_entry(&mut self, entry: &EntryRow) -> Result<(), StoreError>;

    /// At most `limit` entries with numbers above `after`, in their order, between two instants, both inclusive.
    fn entries(
        &mut self,
        after: i64,
        span: (i64, i64),
        who: Option<&str>,
        action: Option<&str>,
        limit: usize,
    ) -> Result<Vec<EntryRow>, StoreError>;

    /// Removes the entries from the first on that are all before `instant`; how many they were.
    fn expire_entries(&mut self, instant: i64) -> Result<usize, StoreError>;
}

/// A key as it is stored.
#[derive(Clone, Debug)]
pub(crate) struct KeyRow {
    pub(crate) id: String,
    pub(crate) hash: Vec<u8>,
    pub(crate) document: String,
    pub(crate) used_at: Option<i64>,
    pub(crate) used_from: Option<String>,
}

/// An entry of the audit log as it is stored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct EntryRow {
    pub(crate) id: i64,
    pub(crate) tenant: i32,
    pub(crate) at: i64,
    pub(crate) who: String,
    pub(crate) address: String,
    pub(crate) action: String,
    pub(crate) object: String,
    pub(crate) outcome: String,
    pub(crate) detail: String,
    pub(crate) previous: Vec<u8>,
    pub(crate) hash: Vec<u8>,
}
