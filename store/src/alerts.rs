//! Alerts: what the evaluation of the journal has found. `saved` is what people save of them, `outbox` what they are sent.

mod outbox;
mod saved;

use std::sync::Arc;

use afterglow_wire::Timestamp;
use afterglow_wire::alert::{Ack, Episode, History, Notice, Pending};
use afterglow_wire::rule::Severity;
use serde::de::IgnoredAny;

use super::batch::Sample;
use super::{SaveError, Span, Store, StoreError};
pub use outbox::{Stored, Topic};
pub use saved::Saved;

/// Up to where the journal is evaluated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cursor {
    /// The number of the last commit.
    pub sequence: u64,
    /// When it was made.
    pub at: Timestamp,
}

/// The state of a rule for one scope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateRow {
    /// The rule.
    pub rule: String,
    /// The signal, or what stands for several.
    pub scope: String,
    /// The state, as its owner writes it; `None` when there is nothing to remember.
    pub document: Option<String>,
}

/// What one channel is to be sent about one event.
#[derive(Clone, Debug, PartialEq)]
pub struct NewNotice {
    /// Names episode, event and channel: what has a known key is not added.
    pub key: String,
    /// The channel.
    pub channel: String,
    /// What is sent together.
    pub topic: String,
    /// What is sent.
    pub notice: Notice,
}

/// An alert that there is.
#[derive(Debug)]
pub enum Found {
    /// It fires.
    Firing(OpenAlert),
    /// It is about to.
    Pending(Pending),
}

impl Found {
    fn scope(&self) -> &str {
        match self {
            Self::Firing(alert) => alert.scope(),
            Self::Pending(pending) => &pending.scope,
        }
    }
}

/// An alert that fires, of which no more is read than is asked for.
#[derive(Debug)]
pub struct OpenAlert {
    pub(crate) id: String,
    pub(crate) rule: String,
    pub(crate) scope: String,
    pub(crate) fired_at: i64,
    pub(crate) document: String,
    pub(crate) ack: Option<String>,
}

/// What is looked for in alerts that fire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// How bad it is.
    pub severity: Severity,
    /// Whether nobody was notified of it, because something holds it.
    pub is_silenced: bool,
}

impl OpenAlert {
    /// The rule.
    pub fn rule(&self) -> &str {
        &self.rule
    }

    /// The signal, or what stands for several.
    pub fn scope(&self) -> &str {
        &self.scope
    }

    /// Since when it has fired.
    pub fn fired_at(&self) -> Timestamp {
        Timestamp::from_micros(self.fired_at)
    }

    /// How it is; `None` when it is damaged.
    pub fn standing(&self) -> Option<Standing> {
        #[derive(serde::Deserialize)]
        struct Looked {
            severity: Severity,
            held_by: Option<IgnoredAny>,
            #[serde(default)]
            notified: Vec<IgnoredAny>,
        }
        let Looked { severity, held_by, notified } = serde_json::from_str(&self.document).ok()?;
        Some(Standing { severity, is_silenced: held_by.is_some() && notified.is_empty() })
    }

    /// All of it, unless it is damaged.
    pub fn read(self) -> Option<Episode> {
        let read = || -> Result<Episode, serde_json::Error> {
            let ack = self.ack.as_deref().map(serde_json::from_str).transpose()?;
            Ok(Episode { ack, ..serde_json::from_str(&self.document)? })
        };
        read()
            .inspect_err(|error| {
                log::error!("the alert {:?} cannot be read and is left out: {error}", self.id);
            })
            .ok()
    }
}

/// What evaluating some commits has changed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fold {
    /// Up to where the journal is evaluated with this; the cursor stays where it is when absent.
    pub cursor: Option<Cursor>,
    /// States that are different.
    pub states: Vec<StateRow>,
    /// Episodes that are new or different. Their acknowledgements stay as they are.
    pub episodes: Vec<Arc<Episode>>,
    /// Numbers of the episodes that have become worse: the acknowledgements that are stored then count no more. Nobody who has set one before this is
    /// written has seen that.
    pub worse: Vec<String>,
    /// The notices that are due.
    pub notices: Vec<NewNotice>,
    /// Times in which no samples could come.
    pub unheard: Vec<Span>,
    /// Until when samples could come, when that is to be noted beside the cursor.
    pub heard: Option<Timestamp>,
}

impl Fold {
    /// Whether nothing but the cursor moves.
    pub fn is_quiet(&self) -> bool {
        self.states.is_empty()
            && self.episodes.is_empty()
            && self.worse.is_empty()
            && self.notices.is_empty()
            && self.unheard.is_empty()
    }
}

/// Everything that was evaluated so far.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Folded {
    /// `None` before the first rule.
    pub cursor: Option<Cursor>,
    /// The states.
    pub states: Vec<StateRow>,
    /// The episodes that have not ended.
    pub open: Vec<Episode>,
    /// Until when samples could come, as far as that was noted.
    pub heard: Option<Timestamp>,
}

/// A commit as the journal has it.
#[derive(Clone, Debug, PartialEq)]
pub struct JournalCommit {
    /// Its number.
    pub last: u64,
    /// When it was made.
    pub at: Timestamp,
    /// Its samples.
    pub samples: Vec<Sample>,
}

/// What was committed after some commit.
#[derive(Clone, Debug, PartialEq)]
pub enum Replayed {
    /// These commits, each whole; there may be more.
    Commits(Vec<JournalCommit>),
    /// Nothing.
    Nothing,
    /// The numbers up to this one are those of deletions, which have no samples.
    Deleted(u64),
    /// What came directly after it is in blocks by now, where commits cannot be told apart.
    Sealed,
}

/// The evaluation of the journal. Every call blocks.
impl Store {
    /// Where it stands, and what it has found.
    ///
    /// # Errors
    /// When all readers are busy or the database does not answer.
    pub fn folded(&self) -> Result<Folded, StoreError> {
        self.engine.folded()
    }

    /// Writes what evaluating some commits has changed: all of it is on the disk when the call returns, or nothing.
    ///
    /// # Errors
    /// When the disk is full or the database does not answer.
    pub fn fold(&self, fold: &Fold) -> Result<(), StoreError> {
        self.engine.fold(fold)
    }

    /// The commits after the one numbered `sequence`, each whole, from about `rows` rows of the journal.
    ///
    /// # Errors
    /// When all readers are busy or the database does not answer.
    pub fn replay(&self, sequence: u64, rows: u32) -> Result<Replayed, StoreError> {
        self.engine.replay(sequence, rows)
    }

    /// Passes on what has not ended, and then what is about to fire, each by rule and scope.
    ///
    /// # Errors
    /// When all readers are busy or the database does not answer.
    pub fn each_alert(&self, mut take: impl FnMut(Found)) -> Result<(), StoreError> {
        let sees = |scope: &str| self.scope().is_none_or(|own| own.has(scope));
        self.limited(|| {
            self.engine.each_alert(&mut |found| {
                if sees(found.scope()) {
                    take(found);
                }
            })
        })
    }

    /// The episodes that have not ended.
    ///
    /// # Errors
    /// When all readers are busy or the database does not answer.
    pub fn open_episodes(&self) -> Result<Vec<Episode>, StoreError> {
        self.limited(|| self.engine.open_episodes())
    }

    /// How many episodes of a rule, or in all, have not ended.
    ///
    /// # Errors
    /// When all readers are busy or the database does not answer.
    pub fn count_open(&self, rule: Option<&str>) -> Result<usize, StoreError> {
        self.engine.count_open(rule)
    }

    /// The episodes that touch `span`, the newest `limit` of them.
    ///
    /// # Errors
    /// When all readers are busy or the database does not answer.
    pub fn history(&self, span: Span, limit: usize) -> Result<History, StoreError> {
        let mut history = self.limited(|| self.engine.history(span, limit))?;
        if let Some(scope) = self.scope() {
            history.episodes.retain(|episode| scope.has(&episode.scope));
            history.total = history.episodes.len();
        }
        Ok(history)
    }

    /// Who has seen an episode that has not ended; `None` when nobody has, or there is none.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn acknowledgement(&self, episode: &str) -> Result<Option<Ack>, StoreError> {
        self.engine.acknowledgement(episode)
    }

    /// Notes who has seen an episode; `None` takes that back.
    ///
    /// # Errors
    /// When there is none or the database does not answer.
    pub fn acknowledge(&self, episode: &str, ack: Option<&Ack>) -> Result<Episode, SaveError> {
        self.check_unlimited()?;
        self.engine.acknowledge(self.author(), episode, ack)
    }

    /// The times in which no samples could come that touch `span`, in order. Blocks.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn unheard(&self, span: Span) -> Result<Vec<Span>, StoreError> {
        self.limited(|| self.engine.unheard(span))
    }

    /// Removes episodes, and times in which no samples could come, that ended before `before`, and the oldest episodes beyond as many as are kept; how many
    /// episodes.
    ///
    /// # Errors
    /// When the disk is full or the database does not answer.
    pub fn expire_episodes(&self, before: Timestamp) -> Result<usize, StoreError> {
        self.engine.expire_episodes(before)
    }
}
