//! Accounts of identity providers with which members log in.

use std::net::IpAddr;

use afterglow_wire::Invalid;

use super::{People, PeopleError, themselves};
use crate::access::Grant;
use crate::access::account::Account;
use crate::store::people::{Identity, PeopleChange};
use crate::store::{Author, Event};

impl People {
    /// Lets a member log in with an account from now on.
    ///
    /// # Errors
    /// When it is another member's.
    pub async fn connect(
        &self,
        account: Account,
        member: String,
        address: IpAddr,
    ) -> Result<(), PeopleError> {
        self.run(address, move |people| {
            let _turn = people.take_turn()?;
            people.member(&member)?;
            let Account { issuer, subject, .. } = account.clone();
            let key = (issuer.clone(), subject.clone());
            if people.read(|state| state.identities.get(&key).is_some_and(|other| *other != member)) {
                let message = "this account is another member's";
                return Err(PeopleError::Denied { message, needs_code: false });
            }
            let event = Event::done("identity.connect", &*member).with(&*issuer);
            let identity = Identity { issuer, subject, member: member.clone() };
            Ok(people.change(
                vec![PeopleChange::PutIdentity(identity)],
                &themselves(&member, address),
                event,
            )?)
        })
        .await
    }

    /// The providers with whose accounts a member logs in, by their addresses.
    pub fn providers_of(&self, member: &str) -> Vec<String> {
        self.read(|state| {
            let theirs = state.identities.iter().filter(|(_, of)| *of == member);
            theirs.map(|((issuer, _), _)| issuer.clone()).collect()
        })
    }

    /// Lets a member log in no longer with accounts of the provider at this address; ends all sessions but the one that asks.
    ///
    /// # Errors
    /// When the member has none there, or would have no other way in.
    pub async fn disconnect(
        &self,
        address: IpAddr,
        name: String,
        grant: Grant,
        provider: String,
    ) -> Result<(), PeopleError> {
        self.run(address, move |people| {
            let _turn = people.take_turn()?;
            let member = people.member(&name)?;
            let (theirs, others): (Vec<_>, Vec<_>) = people.read(|state| {
                let all = state.identities.iter().filter(|(_, of)| **of == name);
                all.map(|(key, _)| key.clone()).partition(|(issuer, _)| *issuer == provider)
            });
            if theirs.is_empty() {
                return Err(PeopleError::NotFound("no account of this provider is connected".to_owned()));
            }
            if member.password.is_empty() && others.is_empty() {
                let message =
                    "it is the only way to log in; ask an admin for a link and choose a password first";
                return Err(Invalid::new("issuer", message).into());
            }
            let mut changes = people.other_sessions(&name, &grant);
            let remove = |(issuer, subject)| PeopleChange::RemoveIdentity { issuer, subject };
            changes.extend(theirs.into_iter().map(remove));
            let event = Event::done("identity.disconnect", &*name).with(&*provider);
            Ok(people.change(changes, &themselves(&name, address), event)?)
        })
        .await
    }

    /// Ends all sessions of the member with this account, who has logged out there.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn logged_out_elsewhere(
        &self,
        address: IpAddr,
        issuer: String,
        subject: String,
    ) -> Result<(), PeopleError> {
        self.run(address, move |people| {
            let _turn = people.take_turn()?;
            let key = (issuer.clone(), subject.clone());
            let found = people.read(|state| {
                let member = state.identities.get(&key)?;
                Some((member.clone(), state.others(member, None)))
            });
            // Whether there is such a member is nobody's business.
            let Some((member, changes)) = found.filter(|(_, sessions)| !sessions.is_empty()) else {
                return Ok(());
            };
            let author = Author { who: format!("issuer:{}", key.0), address: address.to_string() };
            Ok(people.change(
                changes,
                &author,
                Event::done("session.end", member).with("logged out at the provider"),
            )?)
        })
        .await
    }
}
