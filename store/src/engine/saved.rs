//! Rules, channels and silences: names, versions, and how many there may be; and the secrets of channels.

use afterglow_wire::channel::{Channel, Kept};
use afterglow_wire::document::Document;
use afterglow_wire::limits::KIND_BYTES;
use afterglow_wire::rule::Rule;
use afterglow_wire::secret::{Place, Secret};
use afterglow_wire::{Invalid, Timestamp, slug};

use super::Engine;
use crate::StoreError;
use crate::alerts::Saved;
use crate::audit::{Author, Event};
use crate::documents::{Addresses, Current, SaveError, json};
use crate::tables::{Rows, SavedRow};

impl Engine {
    pub(crate) fn saved<D: Document>(&self) -> Result<Vec<Saved<D>>, StoreError> {
        let rows = self.tables.in_documents(|reader| reader.saved(D::KIND))?;
        Ok(rows.into_iter().filter_map(read).collect())
    }

    /// A page of the documents behind the name `after`, and the name that the next page is behind.
    pub(crate) fn saved_behind<D: Document>(
        &self,
        after: &str,
    ) -> Result<(Vec<D>, Option<String>), StoreError> {
        let rows = self.tables.in_lists(|reader| reader.saved_behind(D::KIND, after, PAGE))?;
        let last = rows.last().map(|row| row.id.clone());
        Ok((rows.into_iter().filter_map(read).map(|saved| saved.document).collect(), last))
    }

    pub(crate) fn saved_one<D: Document>(&self, id: &str) -> Result<Saved<D>, SaveError> {
        self.tables.in_documents(|reader| find(reader, id))?.ok_or_else(|| missing::<D>(id))
    }

    /// Adds a document; `and` does what else belongs to it.
    pub(crate) fn add_saved<D: Document>(
        &self,
        by: Option<&Author>,
        new: D,
        and: impl FnOnce(&mut dyn Rows, &D, i64) -> Result<(), SaveError>,
    ) -> Result<D, SaveError> {
        self.tables.writing(|writer| {
            let mut taken = Addresses::new(writer.saved_ids(D::KIND)?);
            let added = self.add_in(writer, by, &mut taken, new, and)?;
            check_bytes::<D>(writer, 0)?;
            Ok(added)
        })
    }

    /// Adds all of `new`, or none. What is refused does not hold the writer, for which commits of samples wait.
    pub(crate) fn add_all_saved<D: Document>(
        &self,
        by: Option<&Author>,
        new: Vec<D>,
    ) -> Result<Vec<D>, SaveError> {
        let mut prepared = self.tables.in_documents(|reader| Prepared::new(reader, new.clone()))?;
        self.tables.writing(|writer| {
            if writer.saved_ids(D::KIND)? != prepared.before {
                // Another server has added some meanwhile.
                prepared = Prepared::new(writer, new)?;
            }
            let now = self.clock.now().micros();
            if prepared.before.is_empty() {
                self.begin::<D>(writer, now)?;
            }
            for row in &mut prepared.rows {
                row.created_at = now;
                writer.put_saved(D::KIND, row, now)?;
                self.note(writer, by, Event::done(action::<D>("create"), &row.id))?;
            }
            check_bytes::<D>(writer, 0)?;
            Ok(prepared.documents)
        })
    }

    fn add_in<D: Document>(
        &self,
        writer: &mut dyn Rows,
        by: Option<&Author>,
        taken: &mut Addresses,
        mut new: D,
        and: impl FnOnce(&mut dyn Rows, &D, i64) -> Result<(), SaveError>,
    ) -> Result<D, SaveError> {
        let is_first = taken.len() == 0;
        let id = name(writer, taken, &new)?;
        new.number(id, 1);
        let now = self.clock.now().micros();
        if is_first {
            self.begin::<D>(writer, now)?;
        }
        put(writer, &new, now, now)?;
        and(writer, &new, now)?;
        self.note(writer, by, Event::done(action::<D>("create"), new.id()))?;
        Ok(new)
    }

    /// What there is to do before the first document of a kind.
    fn begin<D: Document>(&self, writer: &mut dyn Rows, now: i64) -> Result<(), StoreError> {
        if D::KIND == Rule::KIND {
            // Evaluation begins here, also when the process ends before it could say so itself.
            writer.put_alert_cursor(self.sequence().cast_signed(), now)?;
        }
        Ok(())
    }

    /// Replaces a document; `and` does what else belongs to it. One that is the same stays as it is, at its version.
    pub(crate) fn replace_saved<D: Document>(
        &self,
        by: Option<&Author>,
        mut new: D,
        is_changed: bool,
        and: impl FnOnce(&mut dyn Rows, &D, i64) -> Result<(), SaveError>,
    ) -> Result<D, SaveError> {
        self.tables.writing(|writer| {
            let Some(current) = find::<D>(writer, new.id())? else { return Err(missing::<D>(new.id())) };
            if current.document.version() != new.version() {
                return Err(conflict(&current.document));
            }
            if !is_changed && json(&current.document)? == json(&new)? {
                return Ok(new);
            }
            let now = self.clock.now().micros();
            new.number(new.id().to_owned(), current.document.version().saturating_add(1));
            put(writer, &new, current.created_at.micros(), now)?;
            and(writer, &new, now)?;
            check_bytes::<D>(writer, 0)?;
            let version = format!("version {}", new.version());
            self.note(writer, by, Event::done(action::<D>("replace"), new.id()).with(version))?;
            Ok(new)
        })
    }

    pub(crate) fn delete_saved<D: Document>(&self, by: Option<&Author>, id: &str) -> Result<(), SaveError> {
        self.tables.writing(|writer| match writer.delete_saved(D::KIND, id)? {
            true => Ok(self.note(writer, by, Event::done(action::<D>("delete"), id))?),
            false => Err(missing::<D>(id)),
        })
    }

    /// The channels, and of their secrets only which there are.
    pub(crate) fn channels(&self) -> Result<Vec<Channel>, StoreError> {
        self.tables.in_lists(|reader| {
            let channels = reader.saved(Channel::KIND)?.into_iter().filter_map(read::<Channel>);
            channels.map(|saved| Ok(shown(with_secrets(reader, saved.document)?))).collect()
        })
    }

    /// A channel, and of its secrets only which there are.
    pub(crate) fn channel(&self, id: &str) -> Result<Channel, SaveError> {
        self.whole_channel(id).map(shown)
    }

    /// A channel, with its secrets.
    pub(crate) fn whole_channel(&self, id: &str) -> Result<Channel, SaveError> {
        let channel = self.saved_one(id)?.document;
        Ok(self.tables.in_documents(|reader| with_secrets(reader, channel))?)
    }

    pub(crate) fn add_channel(&self, by: Option<&Author>, mut new: Channel) -> Result<Channel, SaveError> {
        new.kept.clear();
        new.check_whole()?;
        let secrets = new.clone();
        let added = self.add_saved(by, new, |writer, channel, now| {
            // What an earlier channel of this name had is gone with it.
            writer.forget_channel(&channel.id)?;
            put_secrets(writer, &channel.id, &secrets, now)
        })?;
        Ok(shown(self.whole_channel(&added.id)?))
    }

    pub(crate) fn replace_channel(
        &self,
        by: Option<&Author>,
        mut new: Channel,
    ) -> Result<Channel, SaveError> {
        new.kept.clear();
        new.check()?;
        let mut whole = self.whole_channel(&new.id)?;
        let kind = whole.kind;
        whole.kept.clear();
        let mut merged = new.clone();
        for (name, _) in new.secrets() {
            let brought = new.secrets().into_iter().find(|(other, _)| *other == name);
            let known = whole.secrets().into_iter().find(|(other, _)| *other == name);
            let is_own = kind == new.kind;
            let secret =
                brought.and_then(|(_, secret)| secret).or(known.filter(|_| is_own).and_then(|(_, s)| s));
            merged.put_secret(name, secret.cloned());
        }
        merged.check_whole()?;
        let is_changed = merged.secrets() != whole.secrets();
        let id = new.id.clone();
        let secrets = merged.clone();
        self.replace_saved(by, merged, is_changed, |writer, channel, now| {
            for (name, secret) in secrets.secrets() {
                let before = whole.secrets().into_iter().find(|(other, _)| *other == name);
                if before.and_then(|(_, secret)| secret) != secret {
                    let stored = secret.map(Secret::to_stored);
                    writer.put_secret(&channel.id, name, stored.as_deref(), now)?;
                }
            }
            Ok(())
        })?;
        Ok(shown(self.whole_channel(&id)?))
    }

    pub(crate) fn delete_channel(&self, by: Option<&Author>, id: &str) -> Result<(), SaveError> {
        self.tables.writing(|writer| {
            if !writer.delete_saved(Channel::KIND, id)? {
                return Err(missing::<Channel>(id));
            }
            writer.forget_channel(id)?;
            for (name, _) in Channel::default().secrets() {
                writer.put_secret(id, name, None, 0)?;
            }
            Ok(self.note(writer, by, Event::done(action::<Channel>("delete"), id))?)
        })
    }
}

fn put<D: Document>(writer: &mut dyn Rows, new: &D, created_at: i64, now: i64) -> Result<(), StoreError> {
    let row = SavedRow { id: new.id().to_owned(), version: new.version(), document: json(new)?, created_at };
    writer.put_saved(D::KIND, &row, now)
}

fn put_secrets(writer: &mut dyn Rows, channel: &str, secrets: &Channel, now: i64) -> Result<(), SaveError> {
    for (name, secret) in secrets.secrets() {
        writer.put_secret(channel, name, secret.map(Secret::to_stored).as_deref(), now)?;
    }
    Ok(())
}

/// Adds the secrets that are stored, and says since when.
fn with_secrets(reader: &mut dyn Rows, mut channel: Channel) -> Result<Channel, StoreError> {
    for row in reader.secrets(&channel.id)? {
        let secret = Secret::from_stored(&row.value).map_err(|_| {
            StoreError::Down(format!("the secret {:?} of the channel {:?} is damaged", row.name, channel.id))
        })?;
        let host = (row.name == "url").then(|| scheme_and_host(&secret)).flatten();
        channel.kept.insert(row.name.clone(), Kept { at: Timestamp::from_micros(row.set_at), host });
        channel.put_secret(&row.name, Some(secret));
    }
    Ok(channel)
}

/// The channel without its secrets, which are not serialised and need not be in memory either.
fn shown(mut channel: Channel) -> Channel {
    for (name, _) in Channel::default().secrets() {
        channel.put_secret(name, None);
    }
    channel
}

/// What may be shown of an address: never its path, its user or its query.
fn scheme_and_host(url: &Secret) -> Option<String> {
    let Place::Text(url) = url.place() else { return None };
    let (scheme, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    Some(format!("{scheme}://{host}"))
}

/// Refuses what makes a kind larger than all of it may be, with `more` bytes than there are.
fn check_bytes<D: Document>(rows: &mut dyn Rows, more: usize) -> Result<(), SaveError> {
    let bytes = u64::try_from(rows.saved_bytes(D::KIND)?).unwrap_or_default() + more as u64;
    if bytes > MOST_BYTES { Err(SaveError::BytesReached { kind: D::KIND, bytes }) } else { Ok(()) }
}

/// The name that a new document gets, which is taken then.
fn name<D: Document>(rows: &mut dyn Rows, taken: &mut Addresses, new: &D) -> Result<String, SaveError> {
    if taken.len() >= D::MOST {
        return Err(SaveError::LimitReached { kind: D::KIND, limit: D::MOST });
    }
    if new.id().is_empty() {
        return Ok(taken.take_free(&slug::of(new.title(), D::KIND)));
    }
    if taken.take(new.id()) {
        return Ok(new.id().to_owned());
    }
    Err(match find::<D>(rows, new.id())? {
        Some(current) => conflict(&current.document),
        None => Invalid::new("id", format!("two have the id {:?}", new.id())).into(),
    })
}

/// New documents, as they are to be written: named and counted, and fewer than as many as are kept.
struct Prepared<D> {
    /// The names that there were before.
    before: Vec<String>,
    documents: Vec<D>,
    /// One for each, without its time.
    rows: Vec<SavedRow>,
}

impl<D: Document> Prepared<D> {
    fn new(rows: &mut dyn Rows, mut documents: Vec<D>) -> Result<Self, SaveError> {
        let before = rows.saved_ids(D::KIND)?;
        let mut taken = Addresses::new(before.iter().cloned());
        let mut new = Vec::with_capacity(documents.len());
        for document in &mut documents {
            let id = name(rows, &mut taken, document)?;
            document.number(id.clone(), 1);
            new.push(SavedRow { id, version: 1, document: json(document)?, created_at: 0 });
        }
        check_bytes::<D>(rows, new.iter().map(|row| row.document.len()).sum())?;
        Ok(Self { before, documents, rows: new })
    }
}

/// Documents of a page: of the largest there are, some megabytes.
const PAGE: i64 = 16;

/// Bytes of all documents of a kind. Tests have fewer.
const MOST_BYTES: u64 = if cfg!(test) { 100 << 10 } else { KIND_BYTES as u64 };

/// What the audit log calls a change.
fn action<D: Document>(verb: &str) -> String {
    format!("{}.{verb}", D::KIND)
}

fn missing<D: Document>(id: &str) -> SaveError {
    SaveError::NotFound(format!("there is no {} {id:?}; {} lists those there are", D::KIND, D::LIST))
}

fn conflict<D: Document>(current: &D) -> SaveError {
    SaveError::Conflict(Box::new(Current::new(D::KIND, current.id(), current.version(), current)))
}

fn find<D: Document>(rows: &mut dyn Rows, id: &str) -> Result<Option<Saved<D>>, StoreError> {
    rows.saved_one(D::KIND, id)?.map(|row| parse(&row)).transpose()
}

/// What a row has, unless it is damaged.
fn read<D: Document>(row: SavedRow) -> Option<Saved<D>> {
    parse(&row).inspect_err(|error| log::error!("{error}; it is left out")).ok()
}

fn parse<D: Document>(row: &SavedRow) -> Result<Saved<D>, StoreError> {
    match serde_json::from_str(&row.document) {
        Ok(document) => Ok(Saved { document, created_at: Timestamp::from_micros(row.created_at) }),
        Err(error) => Err(StoreError::Down(format!("the {} {:?} is damaged: {error}", D::KIND, row.id))),
    }
}
