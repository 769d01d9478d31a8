//! The statements of those who may log in.

use diesel::prelude::*;

use super::Connection;
use crate::StoreError;
use crate::people::{Hash, Identity, Invitation, Member, PeopleChange, Session};
use crate::statements::schema::{identity, invitation, member, session};
use crate::tables::PeopleRows;

/// Name, role, password, secret and last period of one-time codes, recovery codes, when it was made.
type MemberRow = (String, String, String, Option<Vec<u8>>, i64, Vec<u8>, i64);

/// Hash, member, begin, last use, address, browser.
type SessionRow = (Vec<u8>, String, i64, i64, String, String);

impl PeopleRows for Connection {
    fn members(&mut self) -> Result<Vec<Member>, StoreError> {
        let rows: Vec<MemberRow> = member::table.order(member::name).load(self)?;
        let member = |(name, role, password, totp, totp_used, recovery, created_at): MemberRow| Member {
            name,
            role,
            password,
            totp,
            totp_used,
            recovery: recovery.as_chunks().0.to_vec(),
            created_at,
        };
        Ok(rows.into_iter().map(member).collect())
    }

    fn sessions(&mut self) -> Result<Vec<Session>, StoreError> {
        let rows: Vec<SessionRow> = session::table.load(self)?;
        rows.into_iter()
            .map(|(hash, member, created_at, seen_at, address, agent)| {
                Ok(Session { hash: read_hash(&hash)?, member, created_at, seen_at, address, agent })
            })
            .collect()
    }

    fn invitations(&mut self) -> Result<Vec<Invitation>, StoreError> {
        let rows: Vec<(Vec<u8>, Option<String>, i64)> = invitation::table.load(self)?;
        rows.into_iter()
            .map(|(hash, member, expires_at)| Ok(Invitation { hash: read_hash(&hash)?, member, expires_at }))
            .collect()
    }

    fn identities(&mut self) -> Result<Vec<Identity>, StoreError> {
        let rows: Vec<(String, String, String)> = identity::table.load(self)?;
        Ok(rows.into_iter().map(|(issuer, subject, member)| Identity { issuer, subject, member }).collect())
    }

    fn change_people(&mut self, change: &PeopleChange) -> Result<(), StoreError> {
        match change {
            PeopleChange::PutMember(new) => {
                let values = (
                    member::name.eq(&new.name),
                    member::role.eq(&new.role),
                    member::password.eq(&new.password),
                    member::totp.eq(&new.totp),
                    member::totp_used.eq(new.totp_used),
                    member::recovery.eq(new.recovery.concat()),
                    member::created_at.eq(new.created_at),
                );
                // Not replaced: that would remove the row to which sessions belong.
                diesel::insert_into(member::table)
                    .values(values.clone())
                    .on_conflict(member::name)
                    .do_update()
                    .set(values)
                    .execute(self)?;
            }
            PeopleChange::RemoveMember(name) => {
                diesel::delete(session::table.filter(session::member.eq(name))).execute(self)?;
                diesel::delete(invitation::table.filter(invitation::member.eq(name))).execute(self)?;
                diesel::delete(identity::table.filter(identity::member.eq(name))).execute(self)?;
                diesel::delete(member::table.find(name)).execute(self)?;
            }
            PeopleChange::PutSession(new) => {
                let content = (
                    session::member.eq(&new.member),
                    session::created_at.eq(new.created_at),
                    session::seen_at.eq(new.seen_at),
                    session::address.eq(&new.address),
                    session::agent.eq(&new.agent),
                );
                diesel::insert_into(session::table)
                    .values((session::hash.eq(&new.hash[..]), content))
                    .on_conflict(session::hash)
                    .do_update()
                    .set(content)
                    .execute(self)?;
            }
            PeopleChange::SeeSession { hash, seen_at } => {
                diesel::update(session::table.find(&hash[..]).filter(session::seen_at.lt(seen_at)))
                    .set(session::seen_at.eq(seen_at))
                    .execute(self)?;
            }
            PeopleChange::RemoveSession(hash) => {
                diesel::delete(session::table.find(&hash[..])).execute(self)?;
            }
            PeopleChange::PutInvitation(new) => {
                let content = (invitation::member.eq(&new.member), invitation::expires_at.eq(new.expires_at));
                diesel::insert_into(invitation::table)
                    .values((invitation::hash.eq(&new.hash[..]), content))
                    .on_conflict(invitation::hash)
                    .do_update()
                    .set(content)
                    .execute(self)?;
            }
            PeopleChange::RemoveInvitation(hash) => {
                diesel::delete(invitation::table.find(&hash[..])).execute(self)?;
            }
            PeopleChange::RemoveIdentity { issuer, subject } => {
                diesel::delete(identity::table.find((issuer, subject))).execute(self)?;
            }
            PeopleChange::PutIdentity(new) => {
                diesel::insert_into(identity::table)
                    .values((
                        identity::issuer.eq(&new.issuer),
                        identity::subject.eq(&new.subject),
                        identity::member.eq(&new.member),
                    ))
                    .on_conflict((identity::issuer, identity::subject))
                    .do_update()
                    .set(identity::member.eq(&new.member))
                    .execute(self)?;
            }
        }
        Ok(())
    }
}

fn read_hash(bytes: &[u8]) -> Result<Hash, StoreError> {
    bytes.try_into().map_err(|_| StoreError::Down("a hash in the database has not 32 bytes".to_owned()))
}
