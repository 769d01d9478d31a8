//! Files that have their name only once they are whole.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::ToolError;
use crate::store::{begin_partial, folder_of};

/// A file that is being written as `<name>.<random>.partial`, which is removed when it is not finished.
#[derive(Debug)]
pub(super) struct Partial {
    target: PathBuf,
    file: NamedTempFile,
}

impl Partial {
    /// Begins the file `target`, which must not exist unless it may be replaced. Removes what earlier runs left that were
    /// killed.
    pub(super) fn begin(target: &Path, replace: bool) -> Result<Self, ToolError> {
        check_free(target, replace)?;
        let file = begin_partial(target).map_err(ToolError::file(target))?;
        Ok(Self { target: target.to_owned(), file })
    }

    /// The name for now.
    pub(super) fn path(&self) -> &Path {
        self.file.path()
    }

    /// The file, to write into.
    pub(super) fn file(&self) -> &File {
        self.file.as_file()
    }

    /// Puts what was written onto the disk and gives the file its name; its size in bytes. Unless it may be replaced, a file
    /// that has taken the name meanwhile stays as it is.
    pub(super) fn finish(self, replace: bool) -> Result<u64, ToolError> {
        let Self { target, file } = self;
        file.as_file().sync_all().map_err(ToolError::file(file.path()))?;
        let size = file.as_file().metadata().map_err(ToolError::file(file.path()))?.len();
        check_free(&target, replace)?;
        let named = if replace { file.persist(&target) } else { file.persist_noclobber(&target) };
        named.map_err(|error| ToolError::file(&target)(error.error))?;
        // The new name is on the disk when its folder is.
        let folder = folder_of(&target);
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(ToolError::file(folder))?;
        Ok(size)
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
        let second = Partial::begin(&target, false).unwrap();
        assert!(partial.path().exists(), "what is being written is no leftover");
        assert!(!target.exists());
        assert_eq!(partial.finish(false).unwrap(), 1);
        assert_eq!(fs::read(&target).unwrap(), b"1");
        assert!(matches!(second.finish(false), Err(ToolError::Refused(_))), "the first has the name");
        assert!(matches!(Partial::begin(&target, false), Err(ToolError::Refused(_))), "overwrites");
        drop(Partial::begin(&target, true).unwrap());
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1, "what was not finished is removed");
        assert_eq!(fs::read(&target).unwrap(), b"1");
    }

    #[test]
    fn links_at_the_names_are_not_followed_and_leftovers_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        let [target, victim] = ["out.db", "victim"].map(|name| folder.path().join(name));
        fs::write(&victim, "precious").unwrap();
        for link in ["out.db.partial", "out.db.aaaaaa.partial"] {
            std::os::unix::fs::symlink(&victim, folder.path().join(link)).unwrap();
        }
        let leftover = folder.path().join("out.db.bbbbbb.partial");
        fs::write(&leftover, "half").unwrap();
        let partial = Partial::begin(&target, false).unwrap();
        assert!(!leftover.exists());
        partial.file().write_all(b"1").unwrap();
        // The name is taken between the check and the end.
        std::os::unix::fs::symlink(&victim, &target).unwrap();
        assert!(partial.finish(false).is_err());
        let mut partial = Partial::begin(&target, true).unwrap();
        partial.file.write_all(b"2").unwrap();
        partial.finish(true).unwrap();
        assert!(fs::symlink_metadata(&target).unwrap().is_file(), "the link is replaced, not followed");
        assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
    }
}
