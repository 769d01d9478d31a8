//! How far an import is, in a file beside its source.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use afterglow_wire::Timestamp;
use serde::{Deserialize, Serialize};

use super::super::{Format, ToolError, tell};
use crate::store::{Location, folder_of, with_suffix};

/// What is noted after each durable commit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Note {
    /// What the note is about: it counts only for the same.
    #[serde(flatten)]
    about: About,
    /// When the first run began, in microseconds since 1970.
    pub(super) started: i64,
    /// Bytes of a text, or rows, of which every usable sample is committed.
    pub(super) position: u64,
    /// Lines, or rows, before the position.
    pub(super) line: u64,
    /// Samples committed.
    pub(super) samples: u64,
    /// Lines or rows refused, as a whole or in part.
    pub(super) refused: u64,
    /// Single fields refused, of rows of which something was taken.
    #[serde(default)]
    pub(super) fields: u64,
    /// Samples that a later one of the same signal and instant replaced, as far as it was in the same commit.
    #[serde(default)]
    pub(super) replaced: u64,
    /// Samples from when no clock of a sender was set.
    #[serde(default)]
    pub(super) early: u64,
}

impl Note {
    fn new(about: About, now: Timestamp) -> Self {
        let started = now.micros();
        Self {
            about,
            started,
            position: 0,
            line: 0,
            samples: 0,
            refused: 0,
            fields: 0,
            replaced: 0,
            early: 0,
        }
    }

    /// Of an import into no database.
    pub(super) fn begin(source: &Path, format: Format, now: Timestamp) -> Result<Self, ToolError> {
        Ok(Self::new(About::of(source, &Location::File(source.to_owned()), 0, format)?, now))
    }
}

/// Which file goes into which database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct About {
    /// Bytes of the source.
    size: u64,
    /// When the source was changed, in microseconds since 1970.
    modified: i64,
    format: String,
    database: PathBuf,
    /// Tells a database from a new one that has its name.
    database_file: String,
}

/// Where notes are written.
#[derive(Debug)]
pub(super) struct Notebook {
    path: PathBuf,
    failed: bool,
}

impl Notebook {
    /// The note of an earlier run with the same source and database, or a new one.
    pub(super) fn open(
        source: &Path,
        database: &Location,
        epoch: u64,
        format: Format,
        now: Timestamp,
    ) -> Result<(Self, Note), ToolError> {
        let path = with_suffix(source, ".afterglow-import");
        let about = About::of(source, database, epoch, format)?;
        let mut notebook = Self { path, failed: false };
        if let Ok(text) = fs::read(&notebook.path) {
            match serde_json::from_slice::<Note>(&text) {
                Ok(note) if note.about == about => return Ok((notebook, note)),
                _ => tell(&format!(
                    "starting over: {} is of another state of the file or of another database",
                    notebook.path.display()
                )),
            }
        }
        let note = Note::new(about, now);
        notebook.write(&note);
        Ok((notebook, note))
    }

    /// Replaces the note. It may fail: only going on after an interruption depends on it. It need not reach the disk at
    /// once either, because an older one only makes some samples be sent again.
    pub(super) fn write(&mut self, note: &Note) {
        let text = serde_json::to_vec(note).unwrap_or_default();
        let written = replace_file(&self.path, &text);
        if let (Err(error), false) = (written, self.failed) {
            self.failed = true;
            let path = self.path.display();
            tell(&format!("{path}: {error}; if it is interrupted, this import starts over"));
        }
    }

    /// Takes the note away: nothing is left to be done.
    pub(super) fn remove(&self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// Gives `path` the content `text`: a link in its place is replaced, not followed.
fn replace_file(path: &Path, text: &[u8]) -> std::io::Result<()> {
    let mut file = tempfile::NamedTempFile::new_in(folder_of(path))?;
    file.write_all(text)?;
    file.persist(path)?;
    Ok(())
}

impl About {
    fn of(source: &Path, database: &Location, epoch: u64, format: Format) -> Result<Self, ToolError> {
        let file = fs::metadata(source).map_err(ToolError::file(source))?;
        let micros = |time: std::io::Result<std::time::SystemTime>| {
            let since = time.ok()?.duration_since(UNIX_EPOCH).ok()?;
            i64::try_from(since.as_micros()).ok()
        };
        let (name, identity) = match database {
            Location::Server(server) => (PathBuf::from(server.to_string()), epoch.to_string()),
            Location::File(path) => {
                let about = fs::metadata(path).map_err(ToolError::file(path))?;
                let made = micros(about.created()).unwrap_or(0);
                let name = fs::canonicalize(path).map_err(ToolError::file(path))?;
                (name, format!("{}:{}:{made}", about.dev(), about.ino()))
            }
        };
        Ok(Self {
            size: file.len(),
            modified: micros(file.modified()).unwrap_or(0),
            format: format.name().into(),
            database: name,
            database_file: identity,
        })
    }
}
