//! Rules, channels and silences, which people save.

use afterglow_wire::Timestamp;
use afterglow_wire::channel::Channel;
use afterglow_wire::document::Document;

use crate::{SaveError, Store, StoreError};

/// A document, and when its first version was saved.
#[derive(Clone, Debug, PartialEq)]
pub struct Saved<D> {
    /// The document.
    pub document: D,
    /// Tells it from an earlier one of the same name.
    pub created_at: Timestamp,
}

/// Rules, channels and silences. Every call blocks, and what is saved is on the disk when the call returns.
impl Store {
    /// All documents of a kind, by their names. Channels are listed by [`Store::channels`].
    ///
    /// # Errors
    /// When all readers are busy or the database does not answer.
    pub fn saved<D: Document>(&self) -> Result<Vec<Saved<D>>, StoreError> {
        // Rules and silences name signals that do not exist for who asks.
        if self.scope().is_some() {
            return Ok(Vec::new());
        }
        self.limited(|| self.engine.saved())
    }

    /// The documents of a kind behind the name `after`, by their names. They are read in pages, a change in between may be in the
    /// later ones.
    ///
    /// # Errors
    /// When all readers are busy or the database does not answer; the iterator ends with that.
    pub fn saved_behind<D: Document>(&self, after: String) -> impl Iterator<Item = Result<D, StoreError>> {
        // Rules and silences name signals that do not exist for who asks.
        let mut last = self.scope().is_none().then_some(after);
        let mut page = Vec::new().into_iter();
        std::iter::from_fn(move || {
            loop {
                if let Some(document) = page.next() {
                    return Some(Ok(document));
                }
                let behind = last.take()?;
                match self.limited(|| self.engine.saved_behind(&behind)) {
                    Ok((read, to)) => (page, last) = (read.into_iter(), to),
                    Err(error) => return Some(Err(error)),
                }
            }
        })
    }

    /// The document of this name.
    ///
    /// # Errors
    /// When there is none or the database does not answer.
    pub fn saved_one<D: Document>(&self, id: &str) -> Result<Saved<D>, SaveError> {
        self.check_unlimited()?;
        self.limited(|| self.engine.saved_one(id))
    }

    /// Adds a document as version 1, under the name that it brings, or under a free one that its title suggests.
    ///
    /// # Errors
    /// When it is not allowed, its name is taken, or the database does not answer.
    pub fn add_saved<D: Document>(&self, new: D) -> Result<D, SaveError> {
        self.check_unlimited()?;
        new.check()?;
        self.engine.add_saved(self.author(), new, |_, _, _| Ok(()))
    }

    /// Adds all of `new` as [`Store::add_saved`] does, or none.
    ///
    /// # Errors
    /// As [`Store::add_saved`].
    pub fn add_all_saved<D: Document>(&self, new: Vec<D>) -> Result<Vec<D>, SaveError> {
        self.check_unlimited()?;
        new.iter().try_for_each(Document::check)?;
        self.engine.add_all_saved(self.author(), new)
    }

    /// Replaces the document of this name, which must bring the version that it replaces. One that is the same stays at its
    /// version.
    ///
    /// # Errors
    /// When it is not allowed, there is none, it has another version, or the database does not answer.
    pub fn replace_saved<D: Document>(&self, new: D) -> Result<D, SaveError> {
        self.check_unlimited()?;
        new.check()?;
        self.engine.replace_saved(self.author(), new, false, |_, _, _| Ok(()))
    }

    /// Deletes the document of this name.
    ///
    /// # Errors
    /// When there is none or the database does not answer.
    pub fn delete_saved<D: Document>(&self, id: &str) -> Result<(), SaveError> {
        self.check_unlimited()?;
        self.engine.delete_saved::<D>(self.author(), id)
    }

    /// All channels, without their secrets.
    ///
    /// # Errors
    /// When all readers are busy or the database does not answer.
    pub fn channels(&self) -> Result<Vec<Channel>, StoreError> {
        if self.scope().is_some() {
            return Ok(Vec::new());
        }
        self.limited(|| self.engine.channels())
    }

    /// A channel, without its secrets.
    ///
    /// # Errors
    /// When there is none or the database does not answer.
    pub fn channel(&self, id: &str) -> Result<Channel, SaveError> {
        self.check_unlimited()?;
        self.limited(|| self.engine.channel(id))
    }

    /// A channel with its secrets: only for what sends to it.
    ///
    /// # Errors
    /// When there is none or the database does not answer.
    pub fn whole_channel(&self, id: &str) -> Result<Channel, SaveError> {
        self.check_unlimited()?;
        self.limited(|| self.engine.whole_channel(id))
    }

    /// As [`Store::add_saved`], for a channel and its secrets; gives it back without them.
    ///
    /// # Errors
    /// As [`Store::add_saved`].
    pub fn add_channel(&self, new: Channel) -> Result<Channel, SaveError> {
        self.check_unlimited()?;
        self.engine.add_channel(self.author(), new)
    }

    /// As [`Store::replace_saved`], for a channel: secrets that it does not bring stay.
    ///
    /// # Errors
    /// As [`Store::replace_saved`].
    pub fn replace_channel(&self, new: Channel) -> Result<Channel, SaveError> {
        self.check_unlimited()?;
        self.engine.replace_channel(self.author(), new)
    }

    /// Deletes a channel, its secrets, and all that waits for it.
    ///
    /// # Errors
    /// When there is none or the database does not answer.
    pub fn delete_channel(&self, id: &str) -> Result<(), SaveError> {
        self.check_unlimited()?;
        self.engine.delete_channel(self.author(), id)
    }
}

impl Store {
    /// Alerts may be about all signals, so only somebody for whom all exist may change what decides on them.
    pub(super) fn check_unlimited(&self) -> Result<(), SaveError> {
        if self.scope().is_none() {
            return Ok(());
        }
        Err(SaveError::Forbidden("it is about all signals, and this key only sees some".into()))
    }
}
