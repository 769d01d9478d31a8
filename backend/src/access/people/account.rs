//! What a member does with an account: its sessions, its password, its one-time codes.

use std::net::IpAddr;
use std::sync::atomic::Ordering;

use afterglow_wire::people::{NewPassword, Role, SessionInfo};
use afterglow_wire::{Invalid, Timestamp};

use super::state::{Live, role};
use super::{People, PeopleError, themselves};
use crate::access::{Grant, password};
use crate::store::Event;
use crate::store::people::{Hash, Member, PeopleChange};

impl People {
    /// The role of a member, and whether it shows codes to log in.
    pub fn role_of(&self, name: &str) -> Option<(Role, bool)> {
        self.read(|state| state.members.get(name).map(|member| (role(member), member.totp.is_some())))
    }

    /// Whether a member must set one-time codes up before anything else.
    pub fn needs_codes(&self, name: &str) -> bool {
        self.read(|state| state.members.get(name).is_some_and(|member| state.lacks_codes(member)))
    }

    /// The sessions of a member, the newest first; `grant` is of the one that asks.
    pub fn sessions(&self, name: &str, grant: &Grant) -> Vec<SessionInfo> {
        let now = self.now();
        let info = |live: &Live| SessionInfo {
            id: id(&live.row.hash),
            is_this: live.is_of(grant),
            created: Timestamp::from_micros(live.row.created_at),
            seen: Timestamp::from_micros(live.seen.load(Ordering::Relaxed)),
            address: live.row.address.clone(),
            agent: live.row.agent.clone(),
        };
        let mut sessions: Vec<_> = self.read(|state| {
            let theirs = state.sessions.values().filter(|live| live.row.member == name && !live.is_over(now));
            theirs.map(info).collect()
        });
        sessions.sort_by_key(|session| std::cmp::Reverse(session.created));
        sessions
    }

    /// Ends the session that asks.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn logout(&self, address: IpAddr, name: String, grant: Grant) -> Result<(), PeopleError> {
        self.run(address, move |people| {
            let _turn = people.take_turn()?;
            let hash = people.read(|state| this(state, &grant));
            let event = Event::done("session.end", &*name).with("log out");
            let changes = hash.into_iter().map(PeopleChange::RemoveSession).collect();
            Ok(people.change(changes, &themselves(&name, address), event)?)
        })
        .await
    }

    /// Ends the session of this number, which must be the member's own.
    ///
    /// # Errors
    /// When there is none, or the database does not answer.
    pub async fn end_session(
        &self,
        address: IpAddr,
        name: String,
        number: String,
    ) -> Result<(), PeopleError> {
        self.run(address, move |people| {
            let _turn = people.take_turn()?;
            let is_meant = |live: &&Live| live.row.member == name && id(&live.row.hash) == number;
            let hash = people.read(|state| state.sessions.values().find(is_meant).map(|live| live.row.hash));
            let hash =
                hash.ok_or_else(|| PeopleError::NotFound(format!("there is no session {number:?}")))?;
            let event = Event::done("session.end", &*name).with(&*number);
            Ok(people.change(vec![PeopleChange::RemoveSession(hash)], &themselves(&name, address), event)?)
        })
        .await
    }

    /// Ends all sessions of the member but the one that asks.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn end_others(&self, address: IpAddr, name: String, grant: Grant) -> Result<(), PeopleError> {
        self.run(address, move |people| {
            let _turn = people.take_turn()?;
            let changes = people.other_sessions(&name, &grant);
            let event = Event::done("session.end", &*name).with("all others");
            Ok(people.change(changes, &themselves(&name, address), event)?)
        })
        .await
    }

    /// Changes the password of the member, who knows the old one; ends all sessions but the one that asks.
    ///
    /// # Errors
    /// When the old one is wrong, or the new one is not allowed.
    pub async fn change_password(
        &self,
        address: IpAddr,
        name: String,
        grant: Grant,
        new: NewPassword,
    ) -> Result<(), PeopleError> {
        self.run(address, move |people| {
            people
                .check_password(&new.new, &name)
                .map_err(|error| Invalid { field: "new".to_owned(), ..error })?;
            let member = people.confirm(address, &name, "old", &new.old)?;
            let hashed = password::hash(&new.new).ok_or(PeopleError::Broken)?;
            let _turn = people.take_turn()?;
            let mut changes = people.other_sessions(&name, &grant);
            let current = people.read(|state| state.members.get(&name).cloned());
            let current = current.filter(|current| current.password == member.password);
            let current = current.ok_or_else(|| wrong("old"))?;
            changes.push(PeopleChange::PutMember(Member { password: hashed, ..current }));
            let event = Event::done("password.change", &*name);
            Ok(people.change(changes, &themselves(&name, address), event)?)
        })
        .await
    }

    /// What ends the sessions of a member but the one with this grant.
    pub(super) fn other_sessions(&self, name: &str, grant: &Grant) -> Vec<PeopleChange> {
        self.read(|state| state.others(name, this(state, grant).as_ref()))
    }

    /// The member, whose password is the text in `field`. Wrong ones count as they do at the login.
    pub(super) fn confirm(
        &self,
        address: IpAddr,
        name: &str,
        field: &str,
        given: &str,
    ) -> Result<Member, PeopleError> {
        let now = self.0.running.elapsed();
        let wait = self.throttle().wait(name, address, now);
        if !wait.is_zero() {
            return Err(PeopleError::Wait(wait));
        }
        let member = self.read(|state| state.members.get(name).cloned());
        if !password::matches(given, member.as_ref().map(|member| member.password.as_str())) {
            self.throttle().failed(name, address, now);
            return Err(wrong(field));
        }
        self.throttle().succeeded(name, address);
        member.ok_or_else(|| wrong(field))
    }
}

/// Not 401: the session is good.
fn wrong(field: &str) -> PeopleError {
    Invalid::new(field, "this is not the password").into()
}

/// The session whose holder has `grant`.
fn this(state: &super::State, grant: &Grant) -> Option<Hash> {
    state.sessions.values().find(|live| live.is_of(grant)).map(|live| live.row.hash)
}

/// The number by which a session is called; says nothing of its cookie.
fn id(hash: &Hash) -> String {
    hash[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}
