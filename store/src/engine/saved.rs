//! Rules, channels and silences: names, versions, and how many there may be; and the secrets of channels.

use afterglow_wire::Timestamp;
use afterglow_wire::channel::{Channel, Kept};
use afterglow_wire::document::Document;
use afterglow_wire::limits::KIND_BYTES;
use afterglow_wire::rule::Rule;
use afterglow_wire::secret::{Place, Secret};
use afterglow_wire::slug;

use super::Engine;
use crate::StoreError;
use crate::alerts::Saved;
use crate::audit::{Author, Event};
use crate::documents::{Addresses, Current, SaveError, json};
use crate::tables::{Rows, SavedRow};

impl Engine {
    pub(crate) fn saved<D: Document>(&self) -> Result<Vec<Saved<D>>, StoreError> {
        let rows = self.tables.in_documents(|reader| reader.saved(D::KIND))?;
        let read = |row: SavedRow| match parse(&row) {
            Ok(saved) => Some(saved),
            Err(error) => {
                log::error!("{error}; it is left out");
                None
            }
        };
        Ok(rows.into_iter().filter_map(read).collect())
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
            check_bytes::<D>(writer)?;
            Ok(added)
        })
    }

    /// Adds all of `new`, or none.
    pub(crate) fn add_all_saved<D: Document>(
        &self,
        by: Option<&Author>,
        new: Vec<D>,
    ) -> Result<Vec<D>, SaveError> {
        self.tables.writing(|writer| {
            // Once for all: commits of samples wait meanwhile.
            let mut taken = Addresses::new(writer.saved_ids(D::KIND)?);
            let nothing_else = |_: &mut dyn Rows, _: &D, _: i64| Ok(());
            let added: Result<_, SaveError> =
                new.into_iter().map(|new| self.add_in(writer, by, &mut taken, new, nothing_else)).collect();
            check_bytes::<D>(writer)?;
            added
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
        let before = taken.len();
        if before >= D::MOST {
            return Err(SaveError::LimitReached { kind: D::KIND, limit: D::MOST });
        }
        let id = if new.id().is_empty() {
            taken.take_free(&slug::of(new.title(), D::KIND))
        } else if taken.take(new.id()) {
            new.id().to_owned()
        } else {
            let current = find::<D>(writer, new.id())?.ok_or_else(|| missing::<D>(new.id()))?;
            return Err(conflict(&current.document));
        };
        new.number(id, 1);
        let now = self.clock.now().micros();
        if D::KIND == Rule::KIND && before == 0 {
            // Evaluation begins here, also when the process ends before it could say so itself.
            writer.put_alert_cursor(self.sequence().cast_signed(), now)?;
        }
        put(writer, &new, now, now)?;
        and(writer, &new, now)?;
        self.note(writer, by, Event::done(action::<D>("create"), new.id()))?;
        Ok(new)
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
            check_bytes::<D>(writer)?;
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
        let mut channels: Vec<Channel> = self.saved()?.into_iter().map(|saved| saved.document).collect();
        self.tables
            .in_documents(|reader| {
                channels.iter_mut().try_for_each(|channel| {
                    *channel = shown(with_secrets(reader, channel.clone())?);
                    Ok(())
                })
            })
            .map(|()| channels)
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

/// Refuses what makes a kind larger than all of it may be.
fn check_bytes<D: Document>(writer: &mut dyn Rows) -> Result<(), SaveError> {
    let bytes = u64::try_from(writer.saved_bytes(D::KIND)?).unwrap_or_default();
    if bytes > MOST_BYTES { Err(SaveError::BytesReached { kind: D::KIND, bytes }) } else { Ok(()) }
}

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

fn parse<D: Document>(row: &SavedRow) -> Result<Saved<D>, StoreError> {
    match serde_json::from_str(&row.document) {
        Ok(document) => Ok(Saved { document, created_at: Timestamp::from_micros(row.created_at) }),
        Err(error) => Err(StoreError::Down(format!("the {} {:?} is damaged: {error}", D::KIND, row.id))),
    }
}
