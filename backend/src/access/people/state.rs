//! Everyone, in memory.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use afterglow_wire::access::{Scope, Scopes};
use afterglow_wire::people::{Role, SecondFactor};

use crate::access::{Grant, Granted, Who};
use crate::decode::WriteScope;
use crate::store::people::{Hash, Identity, Invitation, Member, People as Stored, PeopleChange, Session};

const HOUR: i64 = 3_600_000_000;
/// A session that nobody uses for this long is over.
const IDLE: i64 = 12 * HOUR;
/// And every one after this.
const LONGEST: i64 = 30 * 24 * HOUR;

#[derive(Default)]
pub(super) struct State {
    pub(super) members: BTreeMap<String, Member>,
    pub(super) sessions: HashMap<Hash, Live>,
    pub(super) invitations: HashMap<Hash, Invitation>,
    /// Who logs in with which account of a provider: its address, and its name for the account.
    pub(super) identities: HashMap<(String, String), String>,
    /// Whether admins are operators, too.
    has_operators: bool,
    /// Who must have one-time codes.
    required: SecondFactor,
    /// How often they had changed in the database.
    pub(super) revision: i64,
}

/// A session and what its holder may do.
pub(super) struct Live {
    pub(super) row: Session,
    /// When it was used last; the row's is older.
    pub(super) seen: AtomicI64,
    granted: Arc<Granted>,
}

/// What a role may do.
pub fn scopes(role: Role) -> Scopes {
    let all: &[Scope] = match role {
        Role::Viewer => &[Scope::Read],
        Role::Editor => &[Scope::Read, Scope::Write, Scope::Edit],
        Role::Admin => &Scope::ALL,
    };
    all.iter().copied().collect()
}

/// The role of a member; one that this version does not know may see only.
pub(super) fn role(member: &Member) -> Role {
    Role::named(&member.role).unwrap_or(Role::Viewer)
}

impl State {
    pub(super) fn new(stored: Stored, has_operators: bool, required: SecondFactor) -> Self {
        let mut state = Self { has_operators, required, revision: stored.revision, ..Self::default() };
        state.members.extend(stored.members.into_iter().map(|member| (member.name.clone(), member)));
        stored.sessions.into_iter().for_each(|session| state.apply(PeopleChange::PutSession(session)));
        let invitations = stored.invitations.into_iter().map(|invitation| (invitation.hash, invitation));
        state.invitations.extend(invitations);
        stored.identities.into_iter().for_each(|identity| state.apply(PeopleChange::PutIdentity(identity)));
        state
    }

    /// Replaces all by what is `stored`. Who holds a session that is still there has what it had; the others' end.
    pub(super) fn replace(&mut self, stored: Stored) {
        let mut new = Self::new(stored, self.has_operators, self.required);
        for (hash, before) in self.sessions.drain() {
            match new.sessions.get_mut(&hash) {
                Some(live) if live.granted.scopes == before.granted.scopes => {
                    live.seen.fetch_max(before.seen.load(Ordering::Relaxed), Ordering::Relaxed);
                    live.granted = before.granted;
                }
                _ => before.granted.grant.end(),
            }
        }
        *self = new;
    }

    /// What a member may do here: nothing but set up one-time codes while they are lacking.
    pub(super) fn scopes(&self, member: &Member) -> Scopes {
        if self.lacks_codes(member) {
            return Scopes::default();
        }
        let scopes = scopes(role(member)).iter();
        scopes.filter(|scope| self.has_operators || *scope != Scope::Operator).collect()
    }

    /// Whether a member must have one-time codes and has none. Who has no password logs in with an account of a provider, whose
    /// business a second factor is then.
    pub(super) fn lacks_codes(&self, member: &Member) -> bool {
        let is_required = match self.required {
            SecondFactor::Nobody => false,
            SecondFactor::Admins => role(member) == Role::Admin,
            SecondFactor::Everyone => true,
        };
        is_required && member.totp.is_none() && !member.password.is_empty()
    }

    fn granted(&self, member: &Member) -> Arc<Granted> {
        Arc::new(Granted {
            who: Who::Member(member.name.as_str().into()),
            scopes: self.scopes(member),
            signals: None,
            board: None,
            writing: WriteScope::EVERYTHING,
            reading: None,
            since: None,
            viewers: None,
            grant: Grant::new(),
        })
    }

    /// Adds or replaces a member. Where what it may do has changed, what is connected with its sessions ends.
    fn put_member(&mut self, member: Member) {
        let scopes = self.scopes(&member);
        let mut sessions = std::mem::take(&mut self.sessions);
        for live in sessions.values_mut().filter(|live| live.row.member == member.name) {
            if live.granted.scopes != scopes {
                live.granted.grant.end();
                live.granted = self.granted(&member);
            }
        }
        self.sessions = sessions;
        self.members.insert(member.name.clone(), member);
    }

    /// Has others than before need one-time codes.
    pub(super) fn require(&mut self, required: SecondFactor) {
        if self.required != required {
            self.required = required;
            let members: Vec<_> = self.members.values().cloned().collect();
            members.into_iter().for_each(|member| self.put_member(member));
        }
    }

    /// Ends all sessions and links.
    pub(super) fn end(&mut self) {
        self.invitations.clear();
        self.sessions.drain().for_each(|(_, live)| live.granted.grant.end());
    }

    pub(super) fn is_anybody(&self) -> bool {
        self.members.values().any(|member| self.can_log_in(member))
    }

    /// Whether a member has a password, or an account of a provider.
    pub(super) fn can_log_in(&self, member: &Member) -> bool {
        !member.password.is_empty() || self.identities.values().any(|of| *of == member.name)
    }

    /// What the holder of a session may do, unless it is over; notes that it is used.
    pub(super) fn session(&self, hash: &Hash, now: i64) -> Option<Arc<Granted>> {
        let live = self.sessions.get(hash).filter(|live| !live.is_over(now))?;
        live.seen.fetch_max(now, Ordering::Relaxed);
        Some(Arc::clone(&live.granted))
    }

    /// What says when sessions were used, of those of which an hour or more is not written.
    pub(super) fn unwritten(&self) -> Vec<PeopleChange> {
        let seen = self.sessions.values().map(|live| (&live.row, live.seen.load(Ordering::Relaxed)));
        let late = seen.filter(|(row, seen)| seen - row.seen_at >= HOUR);
        late.map(|(row, seen_at)| PeopleChange::SeeSession { hash: row.hash, seen_at }).collect()
    }

    /// Lets a change count. Sessions that end end what belongs to them.
    pub(super) fn apply(&mut self, change: PeopleChange) {
        match change {
            PeopleChange::PutMember(member) => self.put_member(member),
            PeopleChange::RemoveMember(name) => {
                self.members.remove(&name);
                self.invitations.retain(|_, invitation| invitation.member.as_ref() != Some(&name));
                self.identities.retain(|_, member| *member != name);
                self.sessions.retain(|_, live| {
                    let stays = live.row.member != name;
                    if !stays {
                        live.granted.grant.end();
                    }
                    stays
                });
            }
            PeopleChange::PutSession(row) => {
                // One without a member cannot be stored; it would have no role.
                let Some(member) = self.members.get(&row.member) else { return };
                let known = self.sessions.get(&row.hash).map(|live| Arc::clone(&live.granted));
                let granted = known.unwrap_or_else(|| self.granted(member));
                let seen = AtomicI64::new(row.seen_at);
                self.sessions.insert(row.hash, Live { row, seen, granted });
            }
            PeopleChange::SeeSession { hash, seen_at } => {
                if let Some(live) = self.sessions.get_mut(&hash) {
                    live.row.seen_at = live.row.seen_at.max(seen_at);
                }
            }
            PeopleChange::RemoveSession(hash) => {
                if let Some(live) = self.sessions.remove(&hash) {
                    live.granted.grant.end();
                }
            }
            PeopleChange::PutInvitation(invitation) => {
                self.invitations.insert(invitation.hash, invitation);
            }
            PeopleChange::RemoveInvitation(hash) => drop(self.invitations.remove(&hash)),
            PeopleChange::RemoveIdentity { issuer, subject } => {
                self.identities.remove(&(issuer, subject));
            }
            PeopleChange::PutIdentity(Identity { issuer, subject, member }) => {
                self.identities.insert((issuer, subject), member);
            }
        }
    }

    /// The sessions of a member, but for one.
    pub(super) fn others(&self, member: &str, but: Option<&Hash>) -> Vec<PeopleChange> {
        let theirs = |live: &&Live| live.row.member == member && Some(&live.row.hash) != but;
        let sessions = self.sessions.values().filter(theirs);
        sessions.map(|live| PeopleChange::RemoveSession(live.row.hash)).collect()
    }

    /// Ends the live clients of sessions that are over at `now`; one that has live clients is used.
    pub(super) fn expire(&self, now: i64) {
        for live in self.sessions.values() {
            let grant = &live.granted.grant;
            if live.is_over(now) {
                grant.end();
            } else if grant.is_shared() {
                live.seen.fetch_max(now, Ordering::Relaxed);
            }
        }
    }

    /// Sessions and invitations that are over.
    pub(super) fn expired(&self, now: i64) -> Vec<PeopleChange> {
        let sessions = self.sessions.values().filter(|live| live.is_over(now));
        let sessions = sessions.map(|live| PeopleChange::RemoveSession(live.row.hash));
        let invitations = self.invitations.values().filter(|invitation| invitation.expires_at <= now);
        sessions.chain(invitations.map(|one| PeopleChange::RemoveInvitation(one.hash))).collect()
    }

    /// The names of those who may manage the others and can log in.
    pub(super) fn admins(&self) -> impl Iterator<Item = &str> {
        let admins = self.members.values().filter(|member| role(member) == Role::Admin);
        admins.filter(|member| self.can_log_in(member)).map(|member| member.name.as_str())
    }
}

impl Live {
    pub(super) fn is_over(&self, now: i64) -> bool {
        now - self.seen.load(Ordering::Relaxed) > IDLE || now - self.row.created_at > LONGEST
    }

    /// Whether the holder of `grant` is the one of this session.
    pub(super) fn is_of(&self, grant: &Grant) -> bool {
        self.granted.grant.is_same(grant)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: Hash = [7; 32];

    /// A session of a viewer that began at 0.
    fn begun() -> State {
        let member = Member {
            name: "ada".to_owned(),
            role: Role::Viewer.name().to_owned(),
            password: "x".to_owned(),
            totp: None,
            totp_used: 0,
            recovery: Vec::new(),
            created_at: 0,
        };
        let session = Session {
            hash: HASH,
            member: "ada".to_owned(),
            created_at: 0,
            seen_at: 0,
            address: String::new(),
            agent: String::new(),
        };
        let mut state = State::default();
        state.apply(PeopleChange::PutMember(member));
        state.apply(PeopleChange::PutSession(session));
        state
    }

    #[test]
    fn sessions_end_by_themselves() {
        let state = begun();
        assert!(state.session(&HASH, IDLE).is_some());
        assert!(state.session(&HASH, 2 * IDLE).is_some(), "it was used");
        assert!(state.session(&HASH, 3 * IDLE + 1).is_none(), "it was not used");
        assert!(state.session(&HASH, IDLE).is_some_and(|granted| !granted.grant.is_over()));
        // However much it is used.
        let state = begun();
        assert!((0..=60).all(|half_day| state.session(&HASH, half_day * IDLE).is_some()));
        assert!(state.session(&HASH, 60 * IDLE + 1).is_none());
        assert_eq!(state.expired(60 * IDLE + 1), [PeopleChange::RemoveSession(HASH)]);
    }

    #[test]
    fn who_lacks_codes_that_are_required_may_do_nothing_else() {
        let ada = Member { totp: None, ..begun().members["ada"].clone() };
        let with_codes = Member { totp: Some(vec![1]), ..ada.clone() };
        let of_a_provider = Member { password: String::new(), ..ada.clone() };
        let admin = Member { role: Role::Admin.name().to_owned(), ..ada.clone() };
        for (required, lack) in [
            (SecondFactor::Nobody, [false; 4]),
            (SecondFactor::Admins, [false, false, false, true]),
            (SecondFactor::Everyone, [true, false, false, true]),
        ] {
            let state = State { required, ..State::default() };
            let members = [&ada, &with_codes, &of_a_provider, &admin];
            assert_eq!(members.map(|member| state.scopes(member) == Scopes::default()), lack, "{required:?}");
        }
        // Codes open what a session that is there may do, and without them it is closed again.
        let mut state = State { required: SecondFactor::Everyone, ..begun() };
        state.apply(PeopleChange::PutMember(ada.clone()));
        let granted = state.session(&HASH, 0).unwrap();
        assert_eq!(granted.scopes, Scopes::default());
        state.apply(PeopleChange::PutMember(with_codes.clone()));
        assert!(granted.grant.is_over());
        let granted = state.session(&HASH, 0).unwrap();
        assert_eq!(granted.scopes, scopes(Role::Viewer));
        state.apply(PeopleChange::PutMember(Member { totp_used: 7, ..with_codes }));
        assert!(!granted.grant.is_over(), "what it may do has not changed");
        state.apply(PeopleChange::PutMember(ada));
        assert!(granted.grant.is_over());
        // Whom it concerns may change meanwhile.
        let closed = state.session(&HASH, 0).unwrap();
        state.require(SecondFactor::Everyone);
        assert!(!closed.grant.is_over(), "nothing has changed");
        state.require(SecondFactor::Admins);
        assert!(closed.grant.is_over());
        let open = state.session(&HASH, 0).unwrap();
        assert_eq!(open.scopes, scopes(Role::Viewer));
        state.require(SecondFactor::Everyone);
        assert!(open.grant.is_over() && state.session(&HASH, 0).unwrap().scopes == Scopes::default());
    }

    #[test]
    fn live_clients_use_their_session_and_end_with_it() {
        let state = begun();
        let client = state.session(&HASH, 0).unwrap().grant.clone();
        (1..=60).for_each(|half_day| state.expire(half_day * IDLE));
        assert!(!client.is_over(), "a wall that nobody touches is watched");
        state.expire(60 * IDLE + 1);
        assert!(client.is_over());
        let state = begun();
        state.expire(IDLE + 1);
        assert!(state.session(&HASH, IDLE + 1).is_none(), "no live client, no use");
    }
}
