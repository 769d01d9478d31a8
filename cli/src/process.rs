//! What a program does with its process before anything else, and the processes that it starts.

mod group;
mod program;

use rustix::fs::Mode;

pub use group::{Group, has_ended, start, until_ended};
pub use program::{Program, check_programs};

/// Keeps what this process makes from other users: files get 0600, folders 0700. The first thing in `main`, because a
/// database and its logs, a spool or an export may hold what not everyone on the machine should read.
pub fn keep_files_private() {
    rustix::process::umask(Mode::RWXG | Mode::RWXO);
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn other_users_can_neither_read_files_nor_enter_folders() {
        keep_files_private();
        let folder = tempfile::tempdir().unwrap();
        let (made, file) = (folder.path().join("made"), folder.path().join("made/file"));
        std::fs::create_dir_all(&made).unwrap();
        std::fs::write(&file, "").unwrap();
        let mode = |path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&made), mode(&file)), (0o700, 0o600));
    }
}
