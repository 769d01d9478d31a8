//! Files that have their name only once they are whole.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

use super::ToolError;
use crate::store::{PARTIAL, with_suffix};

/// A file that is being written as `<name>.partial`, which is removed when it is not finished.
#[derive(Debug)]
pub(super) struct Partial {
    target: PathBuf,
    partial: PathBuf,
    file: File,
    finished: bool,
}

impl Partial {
    /// Begins the file `target`, which must not exist unless it may be replaced.
    pub(super) fn begin(target: &Path, replace: bool) -> Result<Self, ToolError> {
        check_free(target, replace)?;
        let partial = with_suffix(target, PARTIAL);
        let open = OpenOptions::new().create(true).truncate(false).write(true).open(&partial);
        let file = open.map_err(ToolError::file(&partial))?;
        // What was left behind by one that was killed is written over; what is being written is not.
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(ToolError::Refused(format!("{} is being written", partial.display())));
            }
            Err(TryLockError::Error(error)) => return Err(ToolError::file(&partial)(error)),
        }
        file.set_len(0).map_err(ToolError::file(&partial))?;
        Ok(Self { target: target.to_owned(), partial, file, finished: false })
    }

    /// The name for now.
    pub(super) fn path(&self) -> &Path {
        &self.partial
    }

    /// The file, to write into.
    pub(super) fn file(&self) -> &File {
        &self.file
    }

    /// Puts what was written onto the disk and gives the file its name; its size in bytes.
    pub(super) fn finish(mut self, replace: bool) -> Result<u64, ToolError> {
        self.file.sync_all().map_err(ToolError::file(&self.partial))?;
        let size = self.file.metadata().map_err(ToolError::file(&self.partial))?.len();
        check_free(&self.target, replace)?;
        fs::rename(&self.partial, &self.target).map_err(ToolError::file(&self.target))?;
        self.finished = true;
        // The new name is on the disk when its folder is.
        let folder = match self.target.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(ToolError::file(folder))?;
        Ok(size)
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        if !self.finished {
            let _ = fs::remove_file(&self.partial);
        }
    }
}

fn check_free(target: &Path, replace: bool) -> Result<(), ToolError> {
    match fs::symlink_metadata(target) {
        Ok(about) if about.is_dir() => {
            Err(ToolError::Refused(format!("{} is a folder; name a file in it", target.display())))
        }
        Ok(_) if !replace => Err(ToolError::Refused(format!(
            "{} exists and is left as it is; choose another name, or add --force to replace it",
            target.display()
        ))),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn a_file_has_its_name_when_it_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("a.csv");
        let partial = Partial::begin(&target, false).unwrap();
        partial.file().write_all(b"1").unwrap();
        assert!(matches!(Partial::begin(&target, false), Err(ToolError::Refused(_))), "two at once");
        assert!(!target.exists());
        assert_eq!(partial.finish(false).unwrap(), 1);
        assert_eq!(fs::read(&target).unwrap(), b"1");
        assert!(matches!(Partial::begin(&target, false), Err(ToolError::Refused(_))), "overwrites");
        drop(Partial::begin(&target, true).unwrap());
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1, "what was not finished is removed");
        assert_eq!(fs::read(&target).unwrap(), b"1");
    }
}
