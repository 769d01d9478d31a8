//! Who may log in.

use super::Engine;
use crate::StoreError;
use crate::audit::{Author, Event};
use crate::people::{People, PeopleChange};

impl Engine {
    pub(crate) fn people(&self) -> Result<People, StoreError> {
        self.tables.in_documents(|reader| {
            Ok(People {
                members: reader.members()?,
                sessions: reader.sessions()?,
                invitations: reader.invitations()?,
                identities: reader.identities()?,
            })
        })
    }

    pub(crate) fn change_people(
        &self,
        changes: &[PeopleChange],
        done: Option<(&Author, Event)>,
    ) -> Result<(), StoreError> {
        self.tables.writing(|writer| {
            changes.iter().try_for_each(|change| writer.change_people(change))?;
            done.map_or(Ok(()), |(author, event)| self.note(writer, Some(author), event))
        })
    }
}
