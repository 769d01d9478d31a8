//! What an admin does with the members.

use std::net::IpAddr;
use std::sync::Arc;

use afterglow_wire::people::{self as wire, MEMBERS, NewMember, Role, check_name};
use afterglow_wire::{Invalid, Timestamp};

use super::state::role;
use super::{People, PeopleError, State, secret_hash};
use crate::store::people::{Invitation, Member, PeopleChange};
use crate::store::{Author, Event};

/// How long a member has to choose a password.
const INVITATION: i64 = 3 * 86_400_000_000;

impl People {
    /// All members, by name.
    pub fn members(&self) -> Vec<wire::Member> {
        let shown = |state: &State, member: &Member| wire::Member {
            name: member.name.clone(),
            role: role(member),
            is_active: state.can_log_in(member),
            has_codes: member.totp.is_some(),
        };
        self.read(|state| state.members.values().map(|member| shown(state, member)).collect())
    }

    /// Adds a member, who gets a link to choose a password with; may do nothing before.
    ///
    /// # Errors
    /// When the name is not allowed or taken, or there are too many.
    pub async fn add(
        &self,
        address: IpAddr,
        by: Arc<Author>,
        new: NewMember,
    ) -> Result<wire::Invitation, PeopleError> {
        self.run(address, move |people| {
            check_name(&new.name)?;
            let _turn = people.take_turn()?;
            let (is_taken, count) =
                people.read(|state| (state.members.contains_key(&new.name), state.members.len()));
            if is_taken {
                return Err(Invalid::new("name", "there is a member of this name").into());
            }
            if count >= MEMBERS {
                return Err(
                    Invalid::new("name", format!("there are {MEMBERS} members, as many as may be")).into()
                );
            }
            if new.role != Role::Admin && people.read(|state| state.admins().next().is_none()) {
                return Err(Invalid::new("role", "the first member must be an admin").into());
            }
            let member = people.new_member(&new.name, new.role);
            let event = Event::done("member.create", &*new.name).with(new.role.name());
            people.invite(member, &by, event)
        })
        .await
    }

    /// Makes a link for a member who has lost the password; the password stays until the link is used.
    ///
    /// # Errors
    /// When there is no such member.
    pub async fn reset(
        &self,
        address: IpAddr,
        by: Arc<Author>,
        name: String,
    ) -> Result<wire::Invitation, PeopleError> {
        self.run(address, move |people| {
            let _turn = people.take_turn()?;
            let member = people.member(&name)?;
            people.invite(member, &by, Event::done("member.link", &*name))
        })
        .await
    }

    /// Changes a member's role; ends the member's sessions.
    ///
    /// # Errors
    /// When there is no such member, or no other admin.
    pub async fn set_role(
        &self,
        address: IpAddr,
        by: Arc<Author>,
        name: String,
        role: Role,
    ) -> Result<(), PeopleError> {
        self.run(address, move |people| {
            let _turn = people.take_turn()?;
            let member = people.member(&name)?;
            if role != Role::Admin {
                people.read(|state| check_not_last(state, &name, "role"))?;
            }
            let mut changes = people.read(|state| state.others(&name, None));
            changes.push(PeopleChange::PutMember(Member { role: role.name().to_owned(), ..member }));
            Ok(people.change(changes, &by, Event::done("member.role", &*name).with(role.name()))?)
        })
        .await
    }

    /// Removes a member; ends the member's sessions.
    ///
    /// # Errors
    /// When there is no such member, or no other admin.
    pub async fn remove(&self, address: IpAddr, by: Arc<Author>, name: String) -> Result<(), PeopleError> {
        self.run(address, move |people| {
            let _turn = people.take_turn()?;
            people.member(&name)?;
            people.read(|state| check_not_last(state, &name, "name"))?;
            let event = Event::done("member.remove", &*name);
            Ok(people.change(vec![PeopleChange::RemoveMember(name.clone())], &by, event)?)
        })
        .await
    }

    pub(super) fn member(&self, name: &str) -> Result<Member, PeopleError> {
        let member = self.read(|state| state.members.get(name).cloned());
        member.ok_or_else(|| PeopleError::NotFound(format!("there is no member {name:?}")))
    }

    /// Writes a member and a new link, which is the only one. The caller has the turn.
    fn invite(&self, member: Member, by: &Author, event: Event) -> Result<wire::Invitation, PeopleError> {
        let (token, name) = (self.secret(), member.name.clone());
        let expires_at = self.now() + INVITATION;
        let mut changes: Vec<_> = self.read(|state| {
            let theirs = state.invitations.values().filter(|one| one.member.as_ref() == Some(&name));
            theirs.map(|one| PeopleChange::RemoveInvitation(one.hash)).collect()
        });
        changes.push(PeopleChange::PutMember(member));
        let hash = secret_hash(&token);
        changes.push(PeopleChange::PutInvitation(Invitation {
            hash,
            member: Some(name.clone()),
            expires_at,
        }));
        self.change(changes, by, event)?;
        let link = format!("/setup#{token}:{name}");
        Ok(wire::Invitation { name, link, expires: Timestamp::from_micros(expires_at) })
    }
}

/// Somebody must be able to manage the others.
pub(super) fn check_not_last(state: &State, name: &str, field: &str) -> Result<(), Invalid> {
    let mut admins = state.admins();
    if admins.next() == Some(name) && admins.next().is_none() {
        return Err(Invalid::new(field, format!("{name} is the only admin; make another one first")));
    }
    Ok(())
}
