//! Who may log in.

use super::Engine;
use crate::StoreError;
use crate::audit::{Author, Event};
use crate::people::{People, PeopleChange, revision};

impl Engine {
    pub(crate) fn people(&self) -> Result<People, StoreError> {
        self.tables.in_documents(|reader| People::read(reader))
    }

    pub(crate) fn change_people(
        &self,
        changes: &[PeopleChange],
        known: i64,
        done: Option<(&Author, Event)>,
    ) -> Result<i64, StoreError> {
        self.tables.writing(|writer| {
            if revision(writer)? != known {
                return Err(StoreError::Stale);
            }
            changes.iter().try_for_each(|change| writer.change_people(change))?;
            done.map_or(Ok(()), |(author, event)| self.note(writer, Some(author), event))?;
            revision(writer)
        })
    }
}
