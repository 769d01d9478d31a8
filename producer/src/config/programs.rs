//! Whether everybody may change what a configuration runs.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// The file that running `program` starts, found as the system finds it: a name without a slash in the folders of `PATH`.
/// Nothing when there is none.
pub(super) fn find(program: &str) -> Option<PathBuf> {
    if program.contains('/') {
        return Some(PathBuf::from(program));
    }
    let folders = std::env::var_os("PATH")?;
    std::env::split_paths(&folders).map(|folder| folder.join(program)).find(|path| path.is_file())
}

/// Whether everybody may write the file at `path`, links followed.
pub(super) fn is_open(path: &Path) -> bool {
    path.metadata().is_ok_and(|about| about.permissions().mode() & 0o002 != 0)
}
