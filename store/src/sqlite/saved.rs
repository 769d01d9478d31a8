//! What the tables of saved things share.

use diesel::prelude::*;
use serde::Serialize;

use super::super::StoreError;
use super::super::saved::SaveError;
use super::Sqlite;

impl Sqlite {
    /// Does `work` in one transaction, which is undone when it refuses.
    pub(super) fn save<T>(
        &self,
        work: impl FnOnce(&mut SqliteConnection) -> Result<T, SaveError>,
    ) -> Result<T, SaveError> {
        let mut refused = None;
        let saved = self.write(|writer| {
            work(writer).map_err(|error| match error {
                SaveError::Store(error) => error,
                other => {
                    refused = Some(other);
                    StoreError::Cancelled
                }
            })
        });
        saved.map_err(|error| refused.unwrap_or(SaveError::Store(error)))
    }
}

/// As the column of a table has it.
pub(super) fn json(value: &(impl Serialize + ?Sized)) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::Down(error.to_string()))
}
