//! Files that have their name only once they are whole.

use std::ffi::OsStr;
use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use tempfile::NamedTempFile;

use crate::{PARTIAL, with_suffix};

/// Begins a file that is to be `target`, as `<target>.<random>.partial`, which is removed when it is dropped. Removes what earlier
/// runs left that were killed.
///
/// # Errors
/// When it cannot be made.
pub fn begin_partial(target: &Path) -> io::Result<NamedTempFile> {
    let folder = folder_of(target);
    let mut prefix = target.file_name().unwrap_or_default().to_owned();
    prefix.push(".");
    remove_abandoned(folder, &prefix);
    // A random name that must be new, in mode 0600: a link that somebody laid there is never followed.
    let file = tempfile::Builder::new().prefix(&prefix).suffix(PARTIAL).tempfile_in(folder)?;
    file.as_file().try_lock()?;
    Ok(file)
}

/// The folder of a file.
pub fn folder_of(target: &Path) -> &Path {
    target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Removes the partial files whose names begin with `prefix` and that nobody writes any more. What cannot be removed stays:
/// it is in nobody's way.
pub fn remove_abandoned(folder: &Path, prefix: &OsStr) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        if name.as_bytes().starts_with(prefix.as_bytes()) && name.as_bytes().ends_with(PARTIAL.as_bytes()) {
            let flags = OFlags::NOFOLLOW.bits().cast_signed();
            let file = OpenOptions::new().write(true).custom_flags(flags).open(entry.path());
            if file.is_ok_and(|file| file.try_lock().is_ok()) {
                // A database has logs beside it.
                for path in logs(&entry.path()).into_iter().chain([entry.path()]) {
                    let _ = fs::remove_file(path);
                }
            }
        }
    }
}

/// The logs that lie beside the file `database`, whether it exists or not, the write-ahead log, its index, and the one of other
/// programs: SQLite takes them for a part of it.
pub fn logs(database: &Path) -> Vec<PathBuf> {
    let logs = ["-wal", "-shm", "-journal"].map(|suffix| with_suffix(database, suffix));
    logs.into_iter().filter(|log| log.exists()).collect()
}
