//! A database that several processes write: what they hear of one another, and which of them leads.

use crate::{Commit, Store, StoreError};

/// What has happened in a database that several processes write.
#[derive(Clone, Debug)]
pub enum News {
    /// A commit.
    Commit(Commit),
    /// The numbers up to this one are taken by what cannot be told any more: commits that were sealed meanwhile, or a deletion.
    Skipped(u64),
}

/// What became of a commit that was brought beside the database.
#[derive(Clone, Debug)]
pub enum Brought {
    /// It is taken over: it is in the next answer, and in [`Store::take_news`].
    Taken,
    /// It was here already.
    Known,
    /// Others come before it that are not here.
    Early(Commit),
    /// It has a signal that is not here.
    Unknown,
}

/// What is between a server and its database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// A question is on its way.
    Now,
    /// It is answered.
    Answered,
}

impl News {
    /// How many samples are in it.
    pub(crate) fn samples(&self) -> usize {
        match self {
            Self::Commit(commit) => commit.batches.iter().map(|batch| batch.samples().len()).sum(),
            Self::Skipped(_) => 0,
        }
    }
}

impl Store {
    /// Whether other processes may write the same database. Then somebody must call [`Store::sync`] and [`Store::lead`] every now and
    /// then, and what any of them commits is in [`Store::take_news`].
    pub fn is_shared(&self) -> bool {
        self.engine.is_shared()
    }

    /// Takes over what was committed before the call, in whatever process. Blocks.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn sync(&self) -> Result<(), StoreError> {
        self.engine.sync()
    }

    /// As [`Store::sync`]; `note` hears when the database is asked and when it answers. In between, this may wait for a commit.
    ///
    /// # Errors
    /// As there; what was asked last is not answered then.
    pub fn sync_noting(&self, note: &dyn Fn(Asked)) -> Result<(), StoreError> {
        self.engine.sync_noting(note)
    }

    /// Takes over a commit that another process of this database has made, which must be true, without a look at the database. Waits for
    /// a commit under way.
    pub fn bring(&self, commit: Commit) -> Brought {
        self.engine.bring(commit)
    }

    /// The highest number of another process's commit that was read from the database, and not brought.
    pub fn read_elsewhere(&self) -> u64 {
        self.engine.read_elsewhere()
    }

    /// What processes of this database sign commits with that they bring to each other; empty where there is one process. Blocks.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn bus_key(&self) -> Result<Vec<u8>, StoreError> {
        self.engine.bus_key()
    }

    /// What has happened since the last call, in order: commits of all processes, this one included. Bounded: the oldest are left out
    /// where nobody asks, which the numbers of those to come show. Nothing in a database that has one process.
    pub fn take_news(&self) -> Vec<News> {
        self.engine.take_news()
    }

    /// Whether this process does what one alone must do: it seals, expires, deletes and evaluates.
    pub fn leads(&self) -> bool {
        self.engine.leads()
    }

    /// Whether this process leads and no other can: for what is not written to the database, such as a message. Where several processes
    /// can lead, only for ten seconds since [`Store::lead`] last said so.
    pub fn leads_alone(&self) -> bool {
        self.engine.leads_alone()
    }

    /// Takes the lead where no process has it, or keeps it; whether this process leads. Blocks.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn lead(&self) -> Result<bool, StoreError> {
        self.engine.lead()
    }

    /// Counts changes of what is no sample, as far as [`Store::sync`] has seen them, in whatever process.
    pub fn changes(&self) -> i64 {
        self.engine.changes()
    }

    /// The kinds of what is no sample, each with the number of its changes; none in a database that has one process. Blocks.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn revisions(&self) -> Result<Vec<(String, i64)>, StoreError> {
        self.engine.revisions()
    }
}
