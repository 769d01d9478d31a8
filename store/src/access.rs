//! Keys and the audit log: what the rows mean. Every change is written down in the transaction that makes it.

use std::sync::Arc;
use std::time::Duration;

use afterglow_wire::Timestamp;
use afterglow_wire::access::{AuditEntry, Key};
use afterglow_wire::limits::{KEYS, KIND_BYTES};

use crate::audit::{self, Author, Broken, Chain, Event, Verifier};
use crate::clock::Clock;
use crate::documents::{SaveError, json};
use crate::keys::{BoardSignals, SecretHash, keys_and_boards, sound};
use crate::people::{Hash, Invitation, PeopleChange};
use crate::tables::{EntryRow, Rows, Tables};
use crate::{Location, OpenError, Span, Store, StoreConfig, StoreError, budget, postgres, sqlite};

/// Entries that are read at once.
const PAGE: usize = 1_000;

/// How long entries of the audit log are kept.
const AUDIT_MICROS: i64 = 400 * 86_400_000_000;

/// Keys and the audit log of a database. Cloning is cheap. Every call blocks.
#[derive(Clone)]
pub struct Access {
    tables: Arc<dyn Tables>,
    clock: Clock,
    /// How long a read may take whose length is that of what is kept.
    read_limit: Option<Duration>,
}

/// A key was used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Use {
    /// The key's id.
    pub id: String,
    /// When.
    pub at: Timestamp,
    /// From which network.
    pub from: String,
}

/// Which entries are asked for.
#[derive(Clone, Debug)]
pub struct AuditQuery {
    /// Only those with higher numbers.
    pub after: i64,
    /// When they were written.
    pub span: Span,
    /// Who did it.
    pub who: Option<String>,
    /// What was done.
    pub action: Option<String>,
}

impl Access {
    pub(crate) fn new(tables: Arc<dyn Tables>, clock: Clock) -> Self {
        Self { tables, clock, read_limit: None }
    }

    pub(crate) fn with_limit(self, read_limit: Option<Duration>) -> Self {
        Self { read_limit, ..self }
    }

    /// That of a database, which is made where there is none; also while a server has it open, which sees the changes
    /// within a second.
    ///
    /// # Errors
    /// When the database is another's, or cannot be read or written.
    pub fn open(config: &StoreConfig, clock: Clock) -> Result<Self, OpenError> {
        if let Location::Server(server) = &config.database {
            // Opened as the one that writes samples, it would be taken from a process that has just lost its connection.
            match postgres::open_beside(server) {
                Err(OpenError::NotOurs { .. } | OpenError::OldSchema(_)) => {}
                opened => return Ok(Self::new(opened?, clock)),
            }
        }
        match Store::open(config, clock.clone()) {
            Ok(store) => Ok(store.access().clone()),
            Err(OpenError::InUse(_)) => Self::open_beside(&config.database, clock),
            Err(error) => Err(error),
        }
    }

    /// That of a database of today's schema, without a lock: for what is short, with a server or without.
    ///
    /// # Errors
    /// When there is none, it is another's, has an older schema, or cannot be read.
    pub fn open_beside(database: &Location, clock: Clock) -> Result<Self, OpenError> {
        let tables = match database {
            Location::File(path) => sqlite::open_beside(path)?,
            Location::Server(server) => postgres::open_beside(server)?,
        };
        Ok(Self::new(tables, clock))
    }

    /// All keys with the hashes of their secrets; one that is damaged is left out. What a link shows is in [`Access::keys_and_boards`].
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn keys(&self) -> Result<Vec<(Key, SecretHash)>, StoreError> {
        self.tables.in_lists(|reader| Ok(reader.keys()?.into_iter().filter_map(sound).collect()))
    }

    /// All keys, and what is shown on the boards to which some of them are links: once for a board, however many links it has.
    ///
    /// # Errors
    /// As [`Access::keys`].
    pub fn keys_and_boards(&self) -> Result<(Vec<(Key, SecretHash)>, BoardSignals), StoreError> {
        self.tables.in_documents(|reader| keys_and_boards(reader))
    }

    /// Adds a key.
    ///
    /// # Errors
    /// When too many are kept, or the database does not answer.
    pub fn add_key(&self, author: &Author, key: &Key, hash: &SecretHash) -> Result<(), SaveError> {
        self.tables.writing(|writer| {
            insert(writer, key, hash)?;
            let kind = if key.board.is_some() { "share.create" } else { "key.create" };
            let event = Event::done(kind, &*key.id).with(key.label.clone());
            Ok(audit::append(writer, self.now(), author, event)?)
        })
    }

    /// Replaces the key with this id by one that may do the same: `new` makes it of the old one, which stays valid until
    /// `until`, at most as long as it is.
    ///
    /// # Errors
    /// When there is none, too many are kept, or the database does not answer.
    pub fn rotate_key(
        &self,
        author: &Author,
        id: &str,
        until: Timestamp,
        hash: &SecretHash,
        new: impl FnOnce(Key) -> Key,
    ) -> Result<Key, SaveError> {
        self.tables.writing(|writer| {
            let old = writer.key(id)?.and_then(sound).map(|(key, _)| key);
            let Some(mut old) = old else { return Err(no_key(id)) };
            let key = new(old.clone());
            insert(writer, &key, hash)?;
            old.expires = Some(old.expires.map_or(until, |expires| expires.min(until)));
            writer.update_key(id, &document(&old)?)?;
            let event = Event::done("key.rotate", id).with(format!("replaced by {}", key.id));
            audit::append(writer, self.now(), author, event)?;
            Ok(key)
        })
    }

    /// Removes a key.
    ///
    /// # Errors
    /// When there is none, or the database does not answer.
    pub fn revoke_key(&self, author: &Author, id: &str) -> Result<(), SaveError> {
        self.tables.writing(|writer| {
            let key = writer.key(id)?.and_then(sound).map(|(key, _)| key);
            let is_share = key.as_ref().is_some_and(|key| key.board.is_some());
            let action = if is_share { "share.revoke" } else { "key.revoke" };
            if !writer.delete_key(id)? {
                return Err(no_key(id));
            }
            let event = Event::done(action, id).with(key.map(|key| key.label).unwrap_or_default());
            Ok(audit::append(writer, self.now(), author, event)?)
        })
    }

    /// Makes a link with this hash the only one of a member, or of the first admin; a running server knows within a second.
    ///
    /// # Errors
    /// When there is no such member, or the database does not answer.
    pub fn invite(
        &self,
        author: &Author,
        member: Option<&str>,
        hash: Hash,
        expires: Timestamp,
    ) -> Result<(), SaveError> {
        self.tables.writing(|writer| {
            if let Some(name) = member
                && !writer.members()?.iter().any(|member| member.name == name)
            {
                return Err(SaveError::NotFound(format!("there is no member {name:?}")));
            }
            for earlier in writer.invitations()?.iter().filter(|one| one.member.as_deref() == member) {
                writer.change_people(&PeopleChange::RemoveInvitation(earlier.hash))?;
            }
            let expires_at = expires.micros();
            let member_of = member.map(str::to_owned);
            let link = Invitation { hash, member: member_of, expires_at };
            writer.change_people(&PeopleChange::PutInvitation(link))?;
            let event = Event::done("member.link", member.unwrap_or("another first admin"));
            Ok(audit::append(writer, self.now(), author, event)?)
        })
    }

    /// Notes the last uses of keys, in one transaction.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn note_uses(&self, uses: &[Use]) -> Result<(), StoreError> {
        self.tables.writing(|writer| {
            uses.iter().try_for_each(|used| writer.key_used(&used.id, used.at.micros(), &used.from))
        })
    }

    /// Writes down what was done or refused without a change.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn record(&self, events: Vec<(Author, Event)>) -> Result<(), StoreError> {
        let now = self.now();
        self.tables.writing(|writer| {
            events.into_iter().try_for_each(|(author, event)| audit::append(writer, now, &author, event))
        })
    }

    /// The first of the entries that are asked for, in their order, at most a thousand.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn audit(&self, query: &AuditQuery) -> Result<Vec<AuditEntry>, StoreError> {
        let AuditQuery { after, span, who, action } = query;
        let span = (span.from.micros(), span.to.micros());
        let rows = budget::limited(self.read_limit, || {
            self.tables
                .in_lists(|reader| reader.entries(*after, span, who.as_deref(), action.as_deref(), PAGE))
        })?;
        Ok(rows.into_iter().map(entry).collect())
    }

    /// The number of the last entry; every change of a key makes one. 0 when there is none.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn last_entry(&self) -> Result<i64, StoreError> {
        let last = self.tables.in_documents(|reader| reader.last_entry())?;
        Ok(last.map_or(0, |(id, _)| id))
    }

    /// Compares the hashes of all entries.
    ///
    /// # Errors
    /// When the database does not answer; what is wrong with the chain is in the answer.
    pub fn verify_audit(&self) -> Result<Result<Chain, Broken>, StoreError> {
        let (mut verifier, mut after) = (Verifier::default(), 0);
        loop {
            let rows = self
                .tables
                .in_documents(|reader| reader.entries(after, (i64::MIN, i64::MAX), None, None, PAGE))?;
            let Some(last) = rows.last() else { return Ok(Ok(verifier.chain())) };
            after = last.id;
            for row in &rows {
                if let Err(broken) = verifier.next(row) {
                    return Ok(Err(broken));
                }
            }
        }
    }

    /// Removes entries of the audit log that are older than 400 days, and writes that down; how many they were.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn expire_audit(&self) -> Result<usize, StoreError> {
        let now = self.now();
        self.tables.writing(|writer| {
            let expired = writer.expire_entries(now.saturating_sub(AUDIT_MICROS))?;
            if expired > 0 {
                let author = Author { who: "server".into(), address: String::new() };
                let event = Event::done("audit.expire", "").with(format!("{expired} entries"));
                audit::append(writer, now, &author, event)?;
            }
            Ok(expired)
        })
    }

    pub(crate) fn tables(&self) -> &(dyn Tables + 'static) {
        &*self.tables
    }

    pub(crate) fn now(&self) -> i64 {
        self.clock.now().micros()
    }
}

fn insert(writer: &mut dyn Rows, key: &Key, hash: &SecretHash) -> Result<(), SaveError> {
    if writer.count_keys()? >= KEYS {
        return Err(SaveError::LimitReached { kind: "keys", limit: KEYS });
    }
    let document = document(key)?;
    let bytes = u64::try_from(writer.key_bytes()?).unwrap_or_default() + document.len() as u64;
    if bytes > KIND_BYTES as u64 {
        return Err(SaveError::BytesReached { kind: "key", bytes });
    }
    Ok(writer.insert_key(&key.id, hash, &document)?)
}

/// What is kept of a key as a text: all but its last use.
fn document(key: &Key) -> Result<String, StoreError> {
    json(&Key { last_used: None, last_used_from: None, ..key.clone() })
}

fn entry(row: EntryRow) -> AuditEntry {
    let EntryRow { id, at, who, address, action, object, outcome, detail, hash, .. } = row;
    let hash = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    let at = Timestamp::from_micros(at);
    AuditEntry { id, at, who, address, action, object, outcome, detail, hash }
}

fn no_key(id: &str) -> SaveError {
    SaveError::NotFound(format!("there is no key {id:?}; /api/keys lists those there are"))
}
