//! A start: the journal is read into the head.

use super::commit::Commits;
use crate::batch::Batch;
use crate::head::Head;
use crate::journal::{self, Part};
use crate::tables::JournalRow;

/// What a database has at its start.
pub(crate) struct Loaded {
    /// The names of the signals by number.
    pub(crate) names: Vec<String>,
    /// The highest number of a block; 0 when there are none.
    pub(super) newest_block: i64,
    pub(super) head: Head,
    pub(super) commits: Commits,
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
/// Where both parts have rows, a sealing was interrupted: the older ones are sealed again, and nothing is lost or
/// doubled because a sealing is one transaction.
pub(crate) fn recover<E>(
    names: Vec<String>,
    sealed: i64,
    newest_block: i64,
    mut first: [(Part, Option<i64>); 2],
    mut next: impl FnMut(Part, i64) -> Result<Vec<JournalRow>, E>,
) -> Result<Loaded, Unrecovered<E>> {
    // Older first; an empty part counts as the newest.
    first.sort_by_key(|(_, first)| first.unwrap_or(i64::MAX));
    let interrupted = first.iter().all(|(_, first)| first.is_some());
    let mut head = Head::after(sealed);
    let mut commits = Commits { active: first[0].0, next_sequence: sealed + 1, last_at: 0 };
    for (part, begins) in first {
        let mut after = i64::MIN;
        loop {
            let rows = next(part, after).map_err(Unrecovered::Unread)?;
            let Some(last) = rows.last() else { break };
            after = last.sequence;
            for row in &rows {
                add(&mut head, row)
                    .map_err(|why| Unrecovered::Damaged(DamagedRow { part, sequence: row.sequence, why }))?;
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
    Ok(Loaded { names, newest_block, head, commits })
}

/// Adds a row's samples to the head.
fn add(head: &mut Head, row: &JournalRow) -> Result<(), String> {
    head.add(&[samples(row)?], row.sequence);
    Ok(())
}

/// A row's samples.
///
/// # Errors
/// What is wrong with the row.
pub(super) fn samples(row: &JournalRow) -> Result<Batch, String> {
    if i64::from(crc32fast::hash(row.samples.as_bytes())) != row.checksum {
        return Err("its checksum is wrong".into());
    }
    let mut batch = Batch::default();
    journal::decode(&row.samples)?.into_iter().for_each(|sample| batch.push(sample));
    Ok(batch)
}
