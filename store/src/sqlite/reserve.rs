//! Makes the write-ahead log's file as long as it gets before it is needed.
//!
//! A commit that makes a file longer has the file system write down the new length as well, which takes as long again
//! as the samples do. SQLite overwrites the log from its front whenever all of it is in the database, and leaves the file as
//! long as it is (`journal_size_limit`, which is more than this, when a sealing has made it longer). Zeros do no harm
//! to a recovery: it ends at the first frame without the log's salt and checksum.

use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use super::{Sqlite, connection, log_path, transaction};
use crate::StoreError;

/// What the log grows to until it is folded back (4,000 pages), and what a sealing adds.
const LOG_BYTES: u64 = 20 << 20;

/// Not more than this part of what is free on the disk.
const PART_OF_FREE: u64 = 16;

/// What is written at once.
const PART_BYTES: usize = 64 << 10;

/// Lengthens the log's file; leaves it as it is where the disk has not plenty of room.
pub(super) fn reserve_log(sqlite: &Sqlite) -> Result<(), StoreError> {
    let system = rustix::fs::statvfs(&sqlite.path).map_err(|error| StoreError::Down(error.to_string()))?;
    if system.f_bavail * system.f_frsize / PART_OF_FREE < LOG_BYTES {
        return Ok(());
    }
    let writer = &mut *connection(&sqlite.writer)?;
    // Makes the file, and keeps others from writing into it. Its locks are not on this file but on the
    // log's index, so that closing ours does not release them.
    transaction::begin(writer)?;
    let log = log_path(&sqlite.path);
    let lengthened = lengthen(&log).map_err(|error| StoreError::Down(format!("{}: {error}", log.display())));
    transaction::commit(writer)?;
    lengthened
}

fn lengthen(log: &Path) -> io::Result<()> {
    // Zeros and not fallocate's promise of room: taking that up is a change that the file system must write down, too.
    let file = OpenOptions::new().write(true).open(log)?;
    let zeros = vec![0; PART_BYTES];
    let mut end = fs::metadata(log)?.len();
    while end < LOG_BYTES {
        file.write_all_at(&zeros, end)?;
        end += PART_BYTES as u64;
    }
    file.sync_all()
}
