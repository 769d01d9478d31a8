//! Several processes on one database: each follows what the others commit, and one leads.
//!
//! A commit's number is chosen in its transaction, which all processes make one after another, so there is one order. Before a process
//! chooses one, and before it answers a question, it takes over what others have committed since: the names of signals, and the rows of
//! the journal into its head. What the leader has sealed leaves the other heads: they are read again from what the journal still has.
//!
//! A commit may also be brought to a process by the one that made it, beside the database. It counts only where all before it are known.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::sync::{MutexGuard, PoisonError};
use std::time::Duration;

use afterglow_wire::Timestamp;

use super::Engine;
use super::commit::Commits;
use super::recover::samples;
use crate::batch::Batch;
use crate::clock::Stopwatch;
use crate::fault;
use crate::head::Head;
use crate::tables::{JournalRow, Rows, Shared};
use crate::{Asked, Brought, Commit, News, Sequences, StoreError};

/// Rows of the journal that are read at once.
const ROWS: u32 = 64;

/// News that wait for someone to take them, and samples of them; beyond it the oldest are dropped, which the next one shows.
const NEWS: usize = 1_024;
const NEWS_SAMPLES: usize = 1_000_000;

/// How long the database keeps the lead for a process that does not ask for it again; see `LEAD` of PostgreSQL's statements.
const LEASE: Duration = Duration::from_secs(10);

/// Who does what one alone must do.
#[derive(Debug)]
pub(super) enum Lead {
    /// This process: there can be no other.
    Alone,
    /// This process, since it last asked for the lead and was given it.
    Here(Stopwatch),
    /// Another process, or none.
    Elsewhere,
}

impl Engine {
    /// Takes over what was committed before the call, in whatever process.
    pub(crate) fn sync(&self) -> Result<(), StoreError> {
        self.sync_noting(&|_| {})
    }

    /// As [`Self::sync`]; says when the database is asked, and when it has answered, as it may be waited for a commit in between.
    pub(crate) fn sync_noting(&self, note: &dyn Fn(Asked)) -> Result<(), StoreError> {
        if !self.tables.is_shared() || fault::skips_sync() {
            return Ok(());
        }
        note(Asked::Now);
        let shared = self.tables.reading_beside(|reader| reader.shared())?;
        note(Asked::Answered);
        let Some(shared) = shared else { return Ok(()) };
        self.changes.fetch_max(shared.changes, Ordering::Relaxed);
        if self.has(&shared) {
            return Ok(());
        }
        let mut commits = self.lock_commits();
        note(Asked::Now);
        self.tables.reading_beside(|reader| self.follow(reader, &mut commits))?;
        note(Asked::Answered);
        Ok(())
    }

    fn has(&self, shared: &Shared) -> bool {
        self.signals.len() >= shared.signals as usize
            && self
                .read_head(|head| shared.last <= head.sequence() && shared.sealed <= head.sealed_sequence())
    }

    /// Takes over what `rows` show of other processes, in one transaction or where none can commit.
    pub(super) fn follow(&self, rows: &mut dyn Rows, commits: &mut Commits) -> Result<(), StoreError> {
        let Some(shared) = rows.shared()? else { return Ok(()) };
        self.changes.fetch_max(shared.changes, Ordering::Relaxed);
        self.newest_block.fetch_max(shared.newest_block, Ordering::Relaxed);
        if self.has(&shared) {
            return Ok(());
        }
        let known = u32::try_from(self.signals.len()).unwrap_or(u32::MAX);
        if known < shared.signals {
            self.signals.learn_stored(rows.signal_names(known)?).map_err(StoreError::Down)?;
        }
        let (known, sealed) = self.read_head(|head| (head.sequence(), head.sealed_sequence()));
        if sealed < shared.sealed {
            let mut head = Head::after(shared.sealed);
            let seen =
                self.take_over(rows, i64::MIN, known, &shared, |batches, last| head.add(batches, last))?;
            head.skip_to(shared.last);
            self.change_head(|old| *old = head);
            self.tell(seen, commits, &shared);
        } else {
            let mut new = Vec::new();
            let seen = self.take_over(rows, known, known, &shared, |batches, last| {
                new.push((batches.to_vec(), last));
            })?;
            self.change_head(|head| {
                new.iter().for_each(|(batches, last)| head.add(batches, *last));
                head.skip_to(shared.last);
            });
            self.tell(seen, commits, &shared);
        }
        Ok(())
    }

    /// Hands all rows after the one numbered `after` to `add`; returns what of it comes after the number `known`.
    fn take_over(
        &self,
        rows: &mut dyn Rows,
        after: i64,
        known: i64,
        shared: &Shared,
        mut add: impl FnMut(&[Batch], i64),
    ) -> Result<Vec<News>, StoreError> {
        let (mut after, mut seen) = (after, Seen { news: Vec::new(), last: known });
        loop {
            let page = rows.journal_after(after, ROWS)?;
            let Some(last) = page.last() else { break };
            after = last.sequence;
            for row in page {
                let batch = samples(&row, usize::MAX).map_err(|why| {
                    StoreError::Down(format!("row {} of the journal is damaged: {why}", row.sequence))
                })?;
                let batches = [batch];
                add(&batches, row.sequence);
                let [batch] = batches;
                seen.row(&row, batch);
            }
        }
        seen.skip_to(shared.last);
        Ok(seen.news)
    }

    /// Puts what was taken over where others hear of it.
    fn tell(&self, news: Vec<News>, commits: &mut Commits, shared: &Shared) {
        commits.next_sequence = shared.last + 1;
        for one in news {
            if let News::Commit(commit) = &one {
                self.read_elsewhere.fetch_max(commit.sequences.last.cast_signed(), Ordering::Relaxed);
                commits.last_at = commit.sequences.at.micros();
            }
            self.put_news(one);
        }
    }

    /// Takes over a commit of another process without a look at the database, where it is the next one.
    pub(crate) fn bring(&self, commit: Commit) -> Brought {
        let mut commits = self.lock_commits();
        let known = self.sequence();
        let Sequences { before, last, at } = commit.sequences;
        if last <= known {
            return Brought::Known;
        }
        if before != known && !fault::ignores_before() {
            return Brought::Early(commit);
        }
        let known = self.signals.len();
        let mut signals =
            commit.batches.iter().flat_map(Batch::samples).map(|sample| sample.signal.0 as usize);
        if signals.any(|signal| signal >= known) {
            return Brought::Unknown;
        }
        let last = last.cast_signed();
        self.change_head(|head| head.add(&commit.batches, last));
        (commits.next_sequence, commits.last_at) = (last + 1, at.micros());
        self.put_news(News::Commit(commit));
        Brought::Taken
    }

    /// The highest number of a commit of another process that was read from the database.
    pub(crate) fn read_elsewhere(&self) -> u64 {
        self.read_elsewhere.load(Ordering::Relaxed).cast_unsigned()
    }

    /// See [`bus_key`](crate::tables::JournalRows::bus_key).
    pub(crate) fn bus_key(&self) -> Result<Vec<u8>, StoreError> {
        self.tables.reading_beside(|reader| reader.bus_key())
    }

    /// Puts one thing that has happened behind those that wait.
    pub(super) fn put_news(&self, one: News) {
        let mut news = self.lock_news();
        let mut samples = news.iter().map(News::samples).sum::<usize>() + one.samples();
        while news.len() >= NEWS || samples > NEWS_SAMPLES {
            let Some(oldest) = news.pop_front() else { break };
            samples -= oldest.samples();
        }
        news.push_back(one);
    }

    /// What has happened since the last call, in order.
    pub(crate) fn take_news(&self) -> Vec<News> {
        self.lock_news().drain(..).collect()
    }

    fn lock_news(&self) -> MutexGuard<'_, VecDeque<News>> {
        self.news.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts changes of what is no sample, in whatever process.
    pub(crate) fn changes(&self) -> i64 {
        self.changes.load(Ordering::Relaxed)
    }

    /// The kinds of what is no sample, each with the number of its changes; none in a database that has one process.
    pub(crate) fn revisions(&self) -> Result<Vec<(String, i64)>, StoreError> {
        self.tables.reading_beside(|reader| reader.revisions())
    }

    /// Whether this process does what one alone must do, as far as it knows. The database knows: it undoes what is written by one that
    /// does not lead any more.
    pub(crate) fn leads(&self) -> bool {
        !matches!(*self.lock_lead(), Lead::Elsewhere)
    }

    /// Whether this process leads and no other can: for what is not written to the database.
    pub(crate) fn leads_alone(&self) -> bool {
        match &*self.lock_lead() {
            Lead::Alone => true,
            Lead::Elsewhere => false,
            Lead::Here(since) => since.elapsed() < LEASE,
        }
    }

    /// Takes the lead where no process has it, or keeps it; whether this process leads.
    pub(crate) fn lead(&self) -> Result<bool, StoreError> {
        let led = self.leads();
        let asked = Stopwatch::start();
        if !self.tables.lead()? {
            *self.lock_lead() = Lead::Elsewhere;
            return Ok(false);
        }
        if !led {
            // What the last leader has left, and the numbers of its blocks.
            let mut commits = self.lock_commits();
            self.tables.reading_beside(|reader| self.follow(reader, &mut commits))?;
            drop(commits);
            self.lock_maintenance().full.clear();
            // Completed beside: that may take long, and nobody would lead meanwhile.
            self.read_deletion()?;
        }
        *self.lock_lead() = Lead::Here(asked);
        Ok(true)
    }

    fn lock_lead(&self) -> MutexGuard<'_, Lead> {
        self.lead.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Rows of the journal on their way to those who hear of commits.
struct Seen {
    news: Vec<News>,
    /// The last number that is in them.
    last: i64,
}

impl Seen {
    /// A row; one that is known already is passed over.
    fn row(&mut self, row: &JournalRow, batch: Batch) {
        if row.sequence <= self.last {
            return;
        }
        let at = Timestamp::from_micros(row.committed_at);
        let last = row.sequence.cast_unsigned();
        let before = last - 1;
        if let Some(News::Commit(commit)) = self.news.last_mut()
            && commit.sequences.at == at
            && commit.sequences.last + 1 == last
        {
            // One commit has several rows.
            commit.sequences.last = last;
            commit.batches.push(batch);
        } else {
            self.skip_to(row.sequence - 1);
            self.news.push(News::Commit(Commit {
                sequences: Sequences { before, last, at },
                batches: vec![batch],
            }));
        }
        self.last = row.sequence;
    }

    /// Numbers up to `sequence` have no row any more: they are sealed, or a deletion's.
    fn skip_to(&mut self, sequence: i64) {
        if self.last < sequence {
            self.last = sequence;
            self.news.push(News::Skipped(sequence.cast_unsigned()));
        }
    }
}
