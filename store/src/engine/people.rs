//! Who may log in.

use super::Engine;
use crate::StoreError;
use crate::audit::{Author, Event};
use crate::people::{People, PeopleChange};
use crate::tables::Rows;

impl Engine {
    pub(crate) fn people(&self) -> Result<People, StoreError> {
        self.tables.in_documents(|reader| {
            Ok(People {
                members: reader.members()?,
                sessions: reader.sessions()?,
                invitations: reader.invitations()?,
                identities: reader.identities()?,
                revision: revision(reader)?,
            })
        })
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

/// How often people and keys have changed; 0 where no other process changes them.
fn revision(rows: &mut dyn Rows) -> Result<i64, StoreError> {
    let kinds = rows.revisions()?;
    Ok(kinds.into_iter().find(|(kind, _)| kind == "access").map_or(0, |(_, number)| number))
}
