//! The audit log: what was done, by whom, in a chain of hashes. Only [`append`] writes it, in the transaction of the change.
//!
//! An entry has the hash of the one before it and its own, SHA-256 over that and all of its fields, each preceded by its
//! length. Anyone who can write the file can write the whole chain again; what the chain shows is that single entries were
//! changed, removed or put in between.

use std::borrow::Cow;

use sha2::{Digest as _, Sha256};

use crate::StoreError;
use crate::tables::{EntryRow, Rows};

/// Who does something, and from where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Author {
    /// `local`, `key:` and a key's id, or `command line`.
    pub who: String,
    /// The network address; empty for the command line.
    pub address: String,
}

impl Author {
    /// Somebody at the machine who may write the file.
    pub fn command_line() -> Self {
        Self { who: "command line".into(), address: String::new() }
    }
}

/// Something that was done, or refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// What kind it is, such as `board.create`.
    pub action: Cow<'static, str>,
    /// What it was done to.
    pub object: String,
    /// `done`, `begun`, or the code of the refusal.
    pub outcome: &'static str,
    /// More, at most 1,024 bytes.
    pub detail: String,
}

impl Event {
    /// Something that was done.
    pub fn done(action: impl Into<Cow<'static, str>>, object: impl Into<String>) -> Self {
        Self { action: action.into(), object: object.into(), outcome: "done", detail: String::new() }
    }

    /// Something that is about to be done, in pieces.
    pub fn begun(action: &'static str, object: impl Into<String>) -> Self {
        Self { outcome: "begun", ..Self::done(action, object) }
    }

    /// The same with more about it.
    pub fn with(self, detail: impl Into<String>) -> Self {
        Self { detail: detail.into(), ..self }
    }
}

/// Longest text of a field of an entry, in bytes; what is longer is cut.
const DETAIL_BYTES: usize = 1_024;

/// The hash before the first entry.
const BEGINNING: [u8; 32] = [0; 32];

/// Where a chain is broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// The number of the first entry that does not fit.
    pub entry: i64,
    /// What is wrong with it.
    pub why: &'static str,
}

/// What there is of a chain that holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Chain {
    /// How many entries it has.
    pub entries: u64,
    /// The number of the first one; older ones have expired.
    pub first: i64,
    /// The number of the last one.
    pub last: i64,
}

/// Adds an entry, in the transaction of `rows`.
pub(crate) fn append(rows: &mut dyn Rows, now: i64, author: &Author, event: Event) -> Result<(), StoreError> {
    let last = rows.last_entry()?;
    let (before, previous) = last.unwrap_or_else(|| (0, BEGINNING.to_vec()));
    let mut entry = EntryRow {
        id: before + 1,
        tenant: 1,
        at: now,
        who: cut(author.who.clone()),
        address: cut(author.address.clone()),
        action: event.action.into_owned(),
        object: cut(event.object),
        outcome: event.outcome.to_owned(),
        detail: cut(event.detail),
        previous,
        hash: Vec::new(),
    };
    entry.hash = hash(&entry);
    rows.insert_entry(&entry)
}

fn cut(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(DETAIL_BYTES));
    text
}

fn hash(entry: &EntryRow) -> Vec<u8> {
    let mut hash = Sha256::new();
    let (id, tenant, at) = (entry.id.to_le_bytes(), entry.tenant.to_le_bytes(), entry.at.to_le_bytes());
    let texts = [&entry.who, &entry.address, &entry.action, &entry.object, &entry.outcome, &entry.detail];
    let fields = [&entry.previous[..], &id, &tenant, &at].into_iter();
    for field in fields.chain(texts.into_iter().map(String::as_bytes)) {
        hash.update((field.len() as u64).to_le_bytes());
        hash.update(field);
    }
    hash.finalize().to_vec()
}

/// Compares entries with those before them, in their order.
#[derive(Debug, Default)]
pub(crate) struct Verifier {
    last: Option<Vec<u8>>,
    chain: Chain,
}

impl Verifier {
    /// Takes the next entry.
    pub(crate) fn next(&mut self, entry: &EntryRow) -> Result<(), Broken> {
        let broken = |why| Err(Broken { entry: entry.id, why });
        match &self.last {
            None if entry.id == 1 && entry.previous != BEGINNING => return broken("it is not the first one"),
            None => self.chain.first = entry.id,
            Some(_) if entry.id != self.chain.last + 1 => return broken("entries before it are missing"),
            Some(last) if *last != entry.previous => return broken("it does not follow the entry before it"),
            Some(_) => {}
        }
        if hash(entry) != entry.hash {
            return broken("it was changed");
        }
        self.last = Some(entry.hash.clone());
        self.chain.last = entry.id;
        self.chain.entries += 1;
        Ok(())
    }

    /// What the chain is.
    pub(crate) fn chain(&self) -> Chain {
        self.chain
    }
}
