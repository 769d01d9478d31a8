//! An archive whose bytes depend on what is in it and on nothing else: not on the machine, the user, or the order and times of
//! files.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use anyhow::{Context, Result};
use flate2::{Compression, GzBuilder};
use tar::{Builder, EntryType, Header};

/// A file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Entry {
    /// Its place in the archive, below the folder that everything is in.
    path: String,
    mode: u32,
    bytes: Vec<u8>,
}

impl Entry {
    /// A file that everyone may read.
    pub(super) fn file(path: &str, bytes: Vec<u8>) -> Self {
        Self { path: path.to_owned(), mode: 0o644, bytes }
    }

    /// A file that everyone may run.
    pub(super) fn program(path: &str, bytes: Vec<u8>) -> Self {
        Self { path: path.to_owned(), mode: 0o755, bytes }
    }

    /// The same file in another place.
    pub(super) fn at(&self, path: &str) -> Self {
        Self { path: path.to_owned(), ..self.clone() }
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// Its bytes' number.
    pub(super) fn size(&self) -> u64 {
        self.bytes.len() as u64
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// All files below `folder`, as they are in the archive below `place`.
pub(super) fn read_folder(folder: &Path, place: &str) -> Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for found in fs::read_dir(folder)? {
        let found = found?;
        let name = found.file_name();
        let name = name.to_str().with_context(|| format!("{name:?} is no UTF-8"))?;
        let inside = format!("{place}/{name}");
        if found.file_type()?.is_dir() {
            entries.extend(read_folder(&found.path(), &inside)?);
        } else {
            entries.push(Entry::file(&inside, fs::read(found.path())?));
        }
    }
    Ok(entries)
}

/// Writes the files below `folder`.
pub(super) fn write_folder(entries: &[Entry], folder: &Path) -> Result<()> {
    for entry in entries {
        let path = folder.join(&entry.path);
        fs::create_dir_all(path.parent().unwrap_or(folder))?;
        fs::write(&path, &entry.bytes)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(entry.mode))?;
    }
    Ok(())
}

/// The files below a folder `name`, sorted, all of root's and of the time `modified`, as a compressed archive.
pub(super) fn tar_gz(name: &str, entries: &[Entry], modified: i64) -> Result<Vec<u8>> {
    let below: Vec<_> = entries.iter().map(|entry| entry.at(&format!("{name}/{}", entry.path))).collect();
    packed(&below, &BTreeSet::new(), modified)
}

/// These `folders` and files, sorted, all of root's and of the time `modified`, compressed.
pub(super) fn packed(entries: &[Entry], folders: &BTreeSet<String>, modified: i64) -> Result<Vec<u8>> {
    let mut sorted: Vec<_> = entries.iter().collect();
    sorted.sort();
    // A header of gzip has a time too, 0 unless one is given.
    let mut builder = Builder::new(GzBuilder::new().write(Vec::new(), Compression::best()));
    let header = |kind, mode, size| {
        let mut header = Header::new_gnu();
        header.set_entry_type(kind);
        header.set_size(size);
        header.set_mode(mode);
        header.set_mtime(modified.cast_unsigned());
        header.set_uid(0);
        header.set_gid(0);
        header
    };
    for folder in folders {
        let mut header = header(EntryType::Directory, 0o755, 0);
        builder.append_data(&mut header, format!("{folder}/"), &[][..])?;
    }
    for entry in sorted {
        let mut header = header(EntryType::Regular, entry.mode, entry.size());
        builder.append_data(&mut header, &entry.path, &entry.bytes[..])?;
    }
    let mut packed = builder.into_inner()?;
    packed.flush()?;
    Ok(packed.finish()?)
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::time::SystemTime;

    use flate2::read::GzDecoder;

    use super::*;

    fn entries() -> Vec<Entry> {
        vec![
            Entry::program("bin/run", b"\x7fELF".to_vec()),
            Entry::file("README.md", b"# Title\n".to_vec()),
            Entry::file(&format!("share/{}/long", "x".repeat(120)), Vec::new()),
        ]
    }

    #[test]
    fn the_bytes_depend_on_the_contents_alone() {
        let packed = tar_gz("a-1", &entries(), 1_000).unwrap();
        let folder = tempfile::tempdir().unwrap();
        write_folder(&entries(), folder.path()).unwrap();
        let share = folder.path().join("share").join("x".repeat(120)).join("long");
        let old = fs::File::options().write(true).open(share).unwrap();
        old.set_modified(SystemTime::UNIX_EPOCH).unwrap();
        let mut read = read_folder(&folder.path().join("share"), "share").unwrap();
        read.extend(entries().into_iter().take(2).rev());
        assert_eq!(tar_gz("a-1", &read, 1_000).unwrap(), packed);
        let mut other = entries();
        other[1].bytes[2] = b't';
        for (name, entries, modified) in
            [("a-2", &entries(), 1_000), ("a-1", &entries(), 1_001), ("a-1", &other, 1_000)]
        {
            assert_ne!(tar_gz(name, entries, modified).unwrap(), packed);
        }
    }

    #[test]
    fn everything_is_below_one_folder_and_roots() {
        let packed = tar_gz("a-1", &entries(), 1_000).unwrap();
        let mut archive = tar::Archive::new(GzDecoder::new(&packed[..]));
        let mut seen = Vec::new();
        for file in archive.entries().unwrap() {
            let mut file = file.unwrap();
            let header = file.header().clone();
            assert_eq!(
                (header.uid().unwrap(), header.gid().unwrap(), header.mtime().unwrap()),
                (0, 0, 1_000)
            );
            let path = file.path().unwrap().to_str().unwrap().to_owned();
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes).unwrap();
            seen.push((path, header.mode().unwrap(), bytes));
        }
        let mut expected: Vec<_> = entries()
            .into_iter()
            .map(|entry| (format!("a-1/{}", entry.path), entry.mode, entry.bytes))
            .collect();
        expected.sort();
        assert_eq!(seen, expected);
    }
}
