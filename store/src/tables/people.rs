//! Rows of those who may log in.

use crate::StoreError;
use crate::people::{Identity, Invitation, Member, PeopleChange, Session};

/// Members, sessions, invitations and identities.
pub(crate) trait PeopleRows {
    /// All members, by name.
    fn members(&mut self) -> Result<Vec<Member>, StoreError>;

    /// All sessions.
    fn sessions(&mut self) -> Result<Vec<Session>, StoreError>;

    /// All invitations.
    fn invitations(&mut self) -> Result<Vec<Invitation>, StoreError>;

    /// All identities.
    fn identities(&mut self) -> Result<Vec<Identity>, StoreError>;

    /// Makes one change.
    fn change_people(&mut self, change: &PeopleChange) -> Result<(), StoreError>;
}
