//! One process to a database: a lock that the system drops when its owner dies, however it dies.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

use super::StoreError;

/// Held as long as the database is open.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    /// Locks the database at `path` through a file beside it, `<database>.lock`, which stays behind, empty.
    pub(super) fn take(path: &Path) -> Result<Self, StoreError> {
        let mut name = path.as_os_str().to_owned();
        name.push(".lock");
        let lock_path = PathBuf::from(name);
        let unusable = |error: std::io::Error| StoreError::Unusable {
            path: path.to_owned(),
            why: format!("its lock file {} cannot be opened: {error}", lock_path.display()),
        };
        let file =
            OpenOptions::new().create(true).truncate(false).write(true).open(&lock_path).map_err(unusable)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(StoreError::InUse(path.to_owned())),
            Err(TryLockError::Error(error)) => Err(unusable(error)),
        }
    }
}
