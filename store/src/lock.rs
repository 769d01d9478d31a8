//! One process to a database: a lock that the system drops when its owner dies, however it dies.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use rustix::fs::OFlags;

use super::{OpenError, with_suffix};

/// What the lock file's name has at its end.
const LOCK: &str = ".lock";

/// Held as long as the database is open.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Locks the database at `path` through a file beside it, `<database>.lock`, which stays behind, empty.
    pub(super) fn take(path: &Path) -> Result<Self, OpenError> {
        let lock_path = with_suffix(path, LOCK);
        let unusable = |error: std::io::Error| OpenError::Unusable {
            path: path.to_owned(),
            why: format!("its lock file {} cannot be opened: {error}", lock_path.display()),
        };
        // A link in its place would have the lock made elsewhere.
        let flags = OFlags::NOFOLLOW.bits().cast_signed();
        let mut options = OpenOptions::new();
        let options = options.create(true).truncate(false).write(true).custom_flags(flags);
        let file = options.open(&lock_path).map_err(unusable)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(OpenError::InUse(path.to_owned())),
            Err(TryLockError::Error(error)) => Err(unusable(error)),
        }
    }

    /// As [`Lock::take`], but makes no file: where there is none, no process has the database open.
    pub(super) fn take_existing(path: &Path) -> Result<Option<Self>, OpenError> {
        if with_suffix(path, LOCK).exists() { Self::take(path).map(Some) } else { Ok(None) }
    }
}
