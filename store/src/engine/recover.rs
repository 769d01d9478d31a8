//! A start: the journal is read into the head, or, where there is more of it than fits, sealed piece by piece.

use super::Engine;
use super::commit::Commits;
use super::plan::Plan;
use crate::StoreError;
use crate::batch::Batch;
use crate::head::Head;
use crate::journal::{self, Part};
use crate::tables::JournalRow;

/// The highest number of a row that is believed: far more than any database reaches, and far from where counting overflows.
const HIGHEST: i64 = i64::MAX / 2;

/// Rows of a piece that are read at once.
const ROWS: u32 = 32;

/// What a database has at its start.
pub(crate) struct Loaded {
    /// The names of the signals by number.
    pub(crate) names: Vec<String>,
    /// The highest number of a block; 0 when there are none.
    pub(super) newest_block: i64,
    pub(super) head: Head,
    pub(super) commits: Commits,
    /// Whether the journal has more samples than the head may. The head is empty then, until [`Engine::seal_journal`].
    pub(crate) is_too_large: bool,
}

/// A row of the journal that cannot be used.
#[derive(Debug)]
pub(crate) struct DamagedRow {
    pub(crate) part: Part,
    pub(crate) sequence: i64,
    pub(crate) why: String,
}

/// Why the journal cannot be read into the head.
#[derive(Debug)]
pub(crate) enum Unrecovered<E> {
    /// A row cannot be used.
    Damaged(DamagedRow),
    /// The rows cannot be read.
    Unread(E),
}

/// Builds the head from the `names` of the signals, the numbers of the last sealed commit and of the newest block, and all rows
/// of both parts of the journal, of which `first` says with which row each begins. `next` reads the rows of a part after a
/// number, as many as it likes and none at the end: a journal may be larger than what fits into memory beside its head.
///
/// The head has at most `most` samples. All rows are read, also when there are more: a database with a damaged one is refused
/// before anything in it is changed.
///
/// Where both parts have rows, a sealing was interrupted: the older ones are sealed again, and nothing is lost or
/// doubled because a sealing is one transaction.
pub(crate) fn recover<E>(
    names: Vec<String>,
    sealed: i64,
    newest_block: i64,
    most: usize,
    mut first: [(Part, Option<i64>); 2],
    mut next: impl FnMut(Part, i64) -> Result<Vec<JournalRow>, E>,
) -> Result<Loaded, Unrecovered<E>> {
    // Older first; an empty part counts as the newest.
    first.sort_by_key(|(_, first)| first.unwrap_or(i64::MAX));
    let interrupted = first.iter().all(|(_, first)| first.is_some());
    let mut head = Head::after(sealed);
    let mut is_too_large = false;
    let mut commits = Commits { active: first[0].0, next_sequence: sealed + 1, last_at: 0 };
    for (part, begins) in first {
        let mut after = i64::MIN;
        loop {
            let rows = next(part, after).map_err(Unrecovered::Unread)?;
            let Some(last) = rows.last() else { break };
            after = last.sequence;
            for row in &rows {
                let batch = samples(row, names.len())
                    .map_err(|why| Unrecovered::Damaged(DamagedRow { part, sequence: row.sequence, why }))?;
                is_too_large |= head.samples() + batch.len() > most;
                if is_too_large {
                    head = Head::after(sealed);
                } else {
                    head.add(&[batch], row.sequence);
                }
                if row.sequence >= commits.next_sequence {
                    (commits.next_sequence, commits.last_at) = (row.sequence + 1, row.committed_at);
                }
            }
        }
        if interrupted && !head.is_sealing() {
            head.rotate();
        } else if begins.is_some() {
            commits.active = part;
        }
    }
    Ok(Loaded { names, newest_block, head, commits, is_too_large })
}

/// A row's samples, which are of the first `signals` signals.
///
/// # Errors
/// What is wrong with the row.
pub(super) fn samples(row: &JournalRow, signals: usize) -> Result<Batch, String> {
    if !(0..=HIGHEST).contains(&row.sequence) {
        return Err("no commit has such a number".into());
    }
    if i64::from(crc32fast::hash(row.samples.as_bytes())) != row.checksum {
        return Err("its checksum is wrong".into());
    }
    let mut batch = Batch::default();
    for sample in journal::decode(&row.samples)? {
        // The head has a place for every number up to the highest.
        if sample.signal.0 as usize >= signals {
            return Err(format!("it has a sample of signal {}, which does not exist", sample.signal.0));
        }
        batch.push(sample);
    }
    Ok(batch)
}

impl Engine {
    /// Seals a journal that is too large for the head, as many samples at a time as the head may have. To be called before anything is
    /// committed; a crash in between leaves the rows that are not sealed.
    pub(crate) fn seal_journal(&self) -> Result<(), StoreError> {
        let _alone = self.lock_maintenance();
        let mut after = i64::MIN;
        loop {
            let mut head = Head::after(self.sequence().cast_signed());
            while head.samples() < self.head_limit {
                let rows = self.tables.reading(|reader| reader.journal_after(after, ROWS))?;
                let Some(last) = rows.last() else { break };
                after = last.sequence;
                for row in &rows {
                    head.add(&[samples(row, usize::MAX).map_err(StoreError::Down)?], row.sequence);
                }
            }
            let Some(generation) = head.rotate() else { break };
            let mut plan = Plan::default();
            self.tables.reading(|reader| self.plan_sealing(reader, &generation, &mut plan))?;
            self.tables.writing(|writer| {
                self.write(&plan, writer)?;
                writer.empty_up_to(generation.last_sequence())
            })?;
            self.change_head(|head| head.skip_to(generation.last_sequence()));
            log::info!("sealed a part of the journal, which is too large for memory");
        }
        Ok(())
    }
}
