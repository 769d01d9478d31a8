//! Rows of those who may log in.

use crate::StoreError;
use crate::people::{Invitation, Member, PeopleChange, Session};

/// Members, sessions and invitations.
pub(crate) trait PeopleRows {
    /// All members, by name.
    fn members(&mut self) -> Result<Vec<Member>, StoreError>;

    /// All sessions.
    fn sessions(&mut self) -> Result<Vec<Session>, StoreError>;

    /// All invitations.
    fn invitations(&mut self) -> Result<Vec<Invitation>, StoreError>;

    /// Makes one change.
    fn change_people(&mut self, change: &PeopleChange) -> Result<(), StoreError>;
}
