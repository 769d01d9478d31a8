//! Who may log in: members, their sessions, and the invitations that let them choose a password. Rules are the backend's, which
//! keeps all of them in memory; here they are durable.

use super::{Author, Event, Store, StoreError};
use crate::tables::Rows;

/// SHA-256 of a secret.
pub type Hash = [u8; 32];

/// Somebody who may log in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The name, which never changes.
    pub name: String,
    /// What it may do, as its name on the wire.
    pub role: String,
    /// The hash of the password; empty until there is one.
    pub password: String,
    /// The secret of one-time codes.
    pub totp: Option<Vec<u8>>,
    /// The period of the last code that was used.
    pub totp_used: i64,
    /// What stands for a lost device, each once.
    pub recovery: Vec<Hash>,
    /// Microseconds since 1970.
    pub created_at: i64,
}

/// A browser that is logged in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Of the cookie.
    pub hash: Hash,
    /// Whose it is.
    pub member: String,
    /// When it began, microseconds since 1970.
    pub created_at: i64,
    /// When it was used last, as far as that was written.
    pub seen_at: i64,
    /// Where it began.
    pub address: String,
    /// What the browser calls itself.
    pub agent: String,
}

/// A link with which somebody chooses a password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invitation {
    /// Of the link's secret.
    pub hash: Hash,
    /// Whose password; none for the first admin.
    pub member: Option<String>,
    /// Microseconds since 1970.
    pub expires_at: i64,
}

/// An account of an identity provider with which a member logs in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The provider's address.
    pub issuer: String,
    /// What it calls the account.
    pub subject: String,
    /// Whose it is.
    pub member: String,
}

/// Everyone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct People {
    /// By name.
    pub members: Vec<Member>,
    /// In no order.
    pub sessions: Vec<Session>,
    /// In no order.
    pub invitations: Vec<Invitation>,
    /// In no order.
    pub identities: Vec<Identity>,
    /// How often they, or keys, had changed; 0 in a database that has one process.
    pub revision: i64,
}

impl People {
    /// What [`Store::people`] reads.
    pub(crate) fn read(reader: &mut dyn Rows) -> Result<Self, StoreError> {
        Ok(Self {
            members: reader.members()?,
            sessions: reader.sessions()?,
            invitations: reader.invitations()?,
            identities: reader.identities()?,
            revision: revision(reader)?,
        })
    }
}

/// How often people and keys have changed; 0 where no other process changes them.
pub(crate) fn revision(rows: &mut dyn Rows) -> Result<i64, StoreError> {
    let kinds = rows.revisions()?;
    Ok(kinds.into_iter().find(|(kind, _)| kind == "access").map_or(0, |(_, number)| number))
}

/// A step of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PeopleChange {
    /// Adds a member, or replaces the one of this name.
    PutMember(Member),
    /// Removes a member, with the sessions, invitations and identities.
    RemoveMember(String),
    /// Adds a session, or replaces it.
    PutSession(Session),
    /// Ends a session.
    RemoveSession(Hash),
    /// Notes when a session was used last, unless it is over.
    SeeSession {
        /// Which one.
        hash: Hash,
        /// When, microseconds since 1970.
        seen_at: i64,
    },
    /// Adds an invitation.
    PutInvitation(Invitation),
    /// Removes an invitation.
    RemoveInvitation(Hash),
    /// Adds an identity, or gives it to another member.
    PutIdentity(Identity),
    /// Removes an identity.
    RemoveIdentity {
        /// The provider's address.
        issuer: String,
        /// What it calls the account.
        subject: String,
    },
}

impl Store {
    /// Everyone who may log in. Blocks.
    ///
    /// # Errors
    /// When all readers are busy or the database does not answer.
    pub fn people(&self) -> Result<People, StoreError> {
        self.engine.people()
    }

    /// Makes all of `changes`, in their order, and the entry `done` of the audit log, or none; they follow from everyone as of
    /// `revision`. Gives the number that [`People::revision`] has then. Blocks until they are on the disk.
    ///
    /// # Errors
    /// [`StoreError::Stale`] when another process has changed somebody since; when the disk is full or the database does not answer.
    pub fn change_people(
        &self,
        changes: &[PeopleChange],
        revision: i64,
        done: Option<(&Author, Event)>,
    ) -> Result<i64, StoreError> {
        self.engine.change_people(changes, revision, done)
    }
}
