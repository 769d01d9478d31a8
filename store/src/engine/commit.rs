//! Commits: rows of the journal, then the same samples in the head.

use afterglow_wire::Timestamp;

use super::Engine;
use crate::batch::Batch;
use crate::head::Head;
use crate::journal::{self, Part, Row};
use crate::signals::Learned;
use crate::{Commit, News, Sequences, StoreError};

/// What commits keep between them.
#[derive(Debug)]
pub(crate) struct Commits {
    /// The part of the journal that takes rows.
    pub(super) active: Part,
    /// The number of the next row.
    pub(super) next_sequence: i64,
    /// When the last commit was made: the next one is made at another instant, by which their rows are told apart.
    pub(super) last_at: i64,
}

/// How far a process's clock may be behind the last commit's time without being taken for a clock that was set back.
const SKEW: i64 = 60_000_000;

impl Engine {
    /// Makes `batches` durable, and the rows of the signals that are new among them, whose numbers the samples get.
    pub(crate) fn commit(&self, mut batches: Vec<Batch>) -> Result<Commit, StoreError> {
        if batches.iter().all(Batch::is_empty) {
            return Ok(Commit { sequences: Sequences::default(), batches });
        }
        if !self.room.wait(|| self.read_head(Head::samples) < self.head_limit) {
            return Err(StoreError::Full);
        }
        // Where others commit, too, numbers are chosen in the transaction, which shows theirs.
        let is_shared = self.tables.is_shared();
        let early = if is_shared { None } else { Some(self.prepare(&mut batches)?) };
        let mut commits = self.lock_commits();
        let (new, count, first, now) = self.tables.writing(|writer| {
            let (new, rows) = match early {
                Some(early) => early,
                None => {
                    self.follow(writer, &mut commits)?;
                    self.prepare(&mut batches)?
                }
            };
            let (first, now) = (commits.next_sequence, self.commit_time(commits.last_at, is_shared));
            writer.insert_signals(new.first(), new.names(), now)?;
            writer.append(commits.active, first, &rows, now)?;
            Ok::<_, StoreError>((new, rows.len() as i64, first, now))
        })?;
        commits.next_sequence = first + count;
        commits.last_at = now;
        let last = commits.next_sequence - 1;
        // Names first: where there are samples of a commit, all of its signals are known.
        new.keep();
        // Before the next commit may begin, and before any caller hears of it: the very next query sees these samples.
        self.change_head(|head| head.add(&batches, last));
        let (before, last) = ((first - 1).cast_unsigned(), last.cast_unsigned());
        let commit =
            Commit { sequences: Sequences { before, last, at: Timestamp::from_micros(now) }, batches };
        if is_shared {
            self.put_news(News::Commit(commit.clone()));
        }
        Ok(commit)
    }

    fn prepare(&self, batches: &mut [Batch]) -> Result<(Learned<'_>, Vec<Row>), StoreError> {
        let new = self.signals.learn(batches).ok_or(StoreError::NoRoom)?;
        Ok((new, journal::encode(batches)))
    }

    /// The time of a commit after the one at `last`, from which it differs. Where several processes commit it is later, unless a clock
    /// was set.
    fn commit_time(&self, last: i64, is_shared: bool) -> i64 {
        let now = self.clock.now().micros();
        let is_behind = is_shared && now < last && last - now < SKEW;
        if now == last || is_behind { last + 1 } else { now }
    }
}
