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

/// Builds the head from the `names` of the signals, the numbers of the last sealed commit and of the newest block, and all rows
/// of both parts of the journal. Where both parts have rows, a sealing was interrupted: the older ones are sealed again, and nothing is lost or
/// doubled because a sealing is one transaction.
pub(crate) fn recover(
    names: Vec<String>,
    sealed: i64,
    newest_block: i64,
    mut parts: [(Part, Vec<JournalRow>); 2],
) -> Result<Loaded, DamagedRow> {
    // Older first; an empty part counts as the newest.
    parts.sort_by_key(|(_, rows)| rows.first().map_or(i64::MAX, |row| row.sequence));
    let interrupted = parts.iter().all(|(_, rows)| !rows.is_empty());
    let mut head = Head::after(sealed);
    let mut commits = Commits { active: parts[0].0, next_sequence: sealed + 1, last_at: 0 };
    for (part, rows) in parts {
        for row in &rows {
            let damaged = |why: String| DamagedRow { part, sequence: row.sequence, why };
            if i64::from(crc32fast::hash(row.samples.as_bytes())) != row.checksum {
                return Err(damaged("its checksum is wrong".into()));
            }
            let mut batch = Batch::default();
            journal::decode(&row.samples).map_err(damaged)?.into_iter().for_each(|sample| batch.push(sample));
            head.add(&[batch], row.sequence);
            if row.sequence >= commits.next_sequence {
                (commits.next_sequence, commits.last_at) = (row.sequence + 1, row.committed_at);
            }
        }
        if interrupted && !head.is_sealing() {
            head.rotate();
        } else if !rows.is_empty() {
            commits.active = part;
        }
    }
    Ok(Loaded { names, newest_block, head, commits })
}
