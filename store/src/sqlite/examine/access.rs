//! Who may do what: keys, members with their sessions and links, and the chain of the audit log.

use afterglow_wire::access::Key;
use afterglow_wire::people::{Role, check_name};
use diesel::prelude::*;

use super::{Damage, Examiner, load_until_error};
use crate::audit::Verifier;
use crate::statements::schema::{access_key, identity, invitation, member, session};
use crate::tables::AccessRows as _;

/// Entries of the audit log that are read at once.
const PAGE: usize = 1_000;

/// Bytes of a hash.
const HASH: usize = 32;

impl Examiner {
    /// Verifies all keys, members, sessions and links, and the audit log. No damage quotes a secret or its hash.
    pub(super) fn access(&mut self) {
        let query = access_key::table.select((access_key::id, access_key::hash, access_key::document));
        let keys: Vec<(String, Vec<u8>, String)> =
            self.list("access_key", |connection| load_until_error(query, connection));
        for (id, hash, document) in keys {
            let read: Result<Key, _> = serde_json::from_str(&document);
            let checked = match read {
                Err(_) => Err("its document cannot be read".to_owned()),
                Ok(key) if key.id != id => Err("its id is not that of its document".to_owned()),
                Ok(_) => check_hash(&hash),
            };
            self.check("access_key", Some(id), checked);
        }
        let query = member::table.select((member::name, member::role, member::password, member::recovery));
        let members: Vec<(String, String, String, Vec<u8>)> =
            self.list("member", |connection| load_until_error(query, connection));
        for (name, role, password, recovery) in &members {
            let checked = check_name(name).map_err(|error| error.to_string()).and_then(|()| {
                if Role::named(role).is_none() {
                    Err(format!("there is no role {role:?}"))
                } else if !password.is_empty() && !password.starts_with("$argon2id$") {
                    Err("what is kept of its password is no hash".into())
                } else if recovery.len() % HASH != 0 {
                    Err("what is kept of its recovery codes are no hashes".into())
                } else {
                    Ok(())
                }
            });
            self.check("member", Some(name.clone()), checked);
        }
        let is_known = |name: &String| members.iter().any(|(known, ..)| known == name);
        let query = session::table.select((session::hash, session::member));
        let sessions: Vec<(Vec<u8>, String)> =
            self.list("session", |connection| load_until_error(query, connection));
        let query = invitation::table.select((invitation::hash, invitation::member));
        let links: Vec<(Vec<u8>, Option<String>)> =
            self.list("invitation", |connection| load_until_error(query, connection));
        let sessions = sessions.into_iter().map(|(hash, member)| ("session", hash, Some(member)));
        let links = links.into_iter().map(|(hash, member)| ("invitation", hash, member));
        for (place, hash, member) in sessions.chain(links) {
            let checked = match &member {
                Some(name) if !is_known(name) => Err(format!("there is no member {name:?}")),
                _ => check_hash(&hash),
            };
            self.check(place, member, checked);
        }
        let query = identity::table.select((identity::issuer, identity::member));
        let identities: Vec<(String, String)> =
            self.list("identity", |connection| load_until_error(query, connection));
        for (_, member) in identities {
            let checked =
                if is_known(&member) { Ok(()) } else { Err(format!("there is no member {member:?}")) };
            self.check("identity", Some(member), checked);
        }
        self.audit();
    }

    /// Compares each entry of the audit log with the one before.
    fn audit(&mut self) {
        let (mut verifier, mut after) = (Verifier::default(), 0);
        loop {
            let rows = match self.connection.entries(after, (i64::MIN, i64::MAX), None, None, PAGE) {
                Ok(rows) => rows,
                Err(error) => {
                    return self.check("audit", None, Err(format!("after entry {after}: {error}")));
                }
            };
            let Some(last) = rows.last() else { return };
            after = last.id;
            if let Some(broken) = rows.iter().find_map(|row| verifier.next(row).err()) {
                return self.check("audit", Some(broken.entry.to_string()), Err(broken.why.to_owned()));
            }
        }
    }

    fn check(&mut self, place: &'static str, id: Option<String>, checked: Result<(), String>) {
        if let Err(reason) = checked {
            self.damaged(Damage { place, id, signal: None, span: None, reason });
        }
    }
}

fn check_hash(hash: &[u8]) -> Result<(), String> {
    if hash.len() == HASH {
        Ok(())
    } else {
        Err(format!("its hash has {} bytes; {HASH} are expected", hash.len()))
    }
}
