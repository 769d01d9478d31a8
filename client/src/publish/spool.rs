//! Batches on disk: a folder of segment files, oldest first, bounded in bytes.
//!
//! A segment is a run of records: `length u32 | samples u32 | crc32 u32 | payload`, little-endian, the checksum
//! over the first two fields and the payload. Records are appended to the newest segment and read from the
//! oldest; a segment is deleted once all of it is acknowledged. How far a segment has been read is not
//! written down: after a crash its records are sent again, which changes nothing at the backend.

mod record;
mod segment;

use std::collections::VecDeque;
use std::fs::{self, File, TryLockError};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::batch::Batch;
use segment::Segment;

/// A folder's share of the cap that one segment takes: what is lost at once when the cap is reached, and
/// what is sent again at most after a crash.
const SEGMENTS_PER_CAP: u64 = 16;
/// Segments are no larger than this even under a large cap.
const SEGMENT_BYTES: u64 = 4 * 1024 * 1024;
/// The file whose lock says that a producer uses the folder.
const LOCK: &str = "lock";

/// Why a spool cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// Another process holds the folder's lock.
    #[error("the spool {} is in use by another producer; give each producer its own folder", .0.display())]
    InUse(PathBuf),
    /// The folder cannot be created, read or written.
    #[error("the spool {} cannot be used: {source}", folder.display())]
    Io {
        /// The spool's folder.
        folder: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Names a run of records at the front, to acknowledge it later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    first: u64,
    records: u64,
    bytes: u64,
    samples: u64,
}

/// What [`Spool::open`] found in the folder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Samples that wait to be sent.
    pub samples: u64,
    /// Bytes that were no whole record, cut off: a torn tail, or damage.
    pub torn_bytes: u64,
}

/// The spool of one producer.
#[derive(Debug)]
pub struct Spool {
    folder: PathBuf,
    cap: u64,
    segments: VecDeque<Segment>,
    /// The newest segment, open for appending; none until the first append, and after a failed one.
    active: Option<File>,
    /// Where the front segment's first waiting record starts.
    offset: u64,
    /// The number of the first waiting record, counted since the start.
    head: u64,
    next_segment: u64,
    /// Held for as long as the spool is open.
    _lock: File,
}

impl Spool {
    /// Opens or creates the folder, takes its lock, and finds what an earlier run left. Holds at most
    /// `cap` bytes.
    ///
    /// # Errors
    /// When another process uses the folder, or it cannot be read or written.
    pub fn open(folder: &Path, cap: u64) -> Result<(Self, Found), SpoolError> {
        let io = |source| SpoolError::Io { folder: folder.to_owned(), source };
        fs::create_dir_all(folder).map_err(io)?;
        let lock = File::options().create(true).append(true).open(folder.join(LOCK)).map_err(io)?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => SpoolError::InUse(folder.to_owned()),
            TryLockError::Error(source) => io(source),
        })?;
        let (segments, torn_bytes) = segment::scan(folder).map_err(io)?;
        let next_segment = segments.back().map_or(0, |segment| segment.number + 1);
        let found = Found { samples: segments.iter().map(|s| s.samples).sum(), torn_bytes };
        let folder = folder.to_owned();
        let spool =
            Self { folder, cap, segments, active: None, offset: 0, head: 0, next_segment, _lock: lock };
        Ok((spool, found))
    }

    /// Whether no record waits.
    pub fn is_empty(&self) -> bool {
        self.segments.is_empty()
    }

    /// Samples that wait.
    pub fn samples(&self) -> u64 {
        self.segments.iter().map(|segment| segment.samples).sum()
    }

    /// Bytes of all segments, read parts included.
    pub fn bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.bytes).sum()
    }

    /// Appends a batch as the newest record, and passes it to the operating system: a killed process does
    /// not lose it. [`Self::sync`] makes it survive a power failure. Gives the record's mark.
    ///
    /// # Errors
    /// When it cannot be written whole; then nothing of it remains.
    pub fn append(&mut self, batch: &Batch) -> io::Result<Mark> {
        let bytes = record::encode(batch)?;
        let room = self.segments.back().is_some_and(|segment| segment.bytes < self.segment_bytes());
        let file = match self.active.take() {
            Some(file) if room => self.active.insert(file),
            full => self.roll(full)?,
        };
        let written = file.write_all(&bytes);
        let Some(segment) = self.segments.back_mut() else { return Err(io::Error::other("no segment")) };
        if let Err(error) = written {
            self.undo();
            return Err(error);
        }
        let samples = batch.samples() as u64;
        segment.grow(bytes.len() as u64, samples);
        let records: u64 = self.segments.iter().map(|segment| segment.records).sum();
        Ok(Mark { first: self.head + records - 1, records: 1, bytes: bytes.len() as u64, samples })
    }

    /// Makes everything appended so far survive a power failure.
    ///
    /// # Errors
    /// When the system cannot promise it.
    pub fn sync(&mut self) -> io::Result<()> {
        self.active.as_ref().map_or(Ok(()), File::sync_data)
    }

    /// Deletes the oldest segments until the cap holds. Gives how many waiting samples went with them.
    pub fn enforce_cap(&mut self) -> u64 {
        let mut dropped = 0;
        while self.bytes() > self.cap {
            dropped += self.drop_front();
        }
        dropped
    }

    /// The oldest records as one batch of about `max_bytes` at most, with their mark; none when empty.
    ///
    /// # Errors
    /// When the oldest segment is damaged or cannot be read. It is deleted then; the error says how many
    /// samples are lost.
    pub fn front(&mut self, max_bytes: u64) -> Result<Option<(Batch, Mark)>, String> {
        let Some(segment) = self.segments.front() else { return Ok(None) };
        let path = segment.path(&self.folder);
        match segment::read(&path, self.offset, segment.bytes, max_bytes) {
            Ok((batches, bytes)) => {
                let batch = Batch::join(&batches);
                let (records, samples) = (batches.len() as u64, batch.samples() as u64);
                Ok(Some((batch, Mark { first: self.head, records, bytes, samples })))
            }
            Err(error) => {
                let lost = self.drop_front();
                Err(format!("{} is damaged ({error}); {lost} samples are lost", path.display()))
            }
        }
    }

    /// Forgets the records of `mark`; their segment is deleted with its last record. Does nothing when the
    /// cap has already taken them.
    pub fn acknowledge(&mut self, mark: Mark) {
        let Some(front) = self.segments.front_mut().filter(|_| mark.first == self.head) else { return };
        front.records = front.records.saturating_sub(mark.records);
        front.samples = front.samples.saturating_sub(mark.samples);
        self.offset += mark.bytes;
        self.head += mark.records;
        if front.records == 0 {
            self.drop_front();
        }
    }

    const fn segment_bytes(&self) -> u64 {
        let share = self.cap / SEGMENTS_PER_CAP;
        if share < SEGMENT_BYTES { share } else { SEGMENT_BYTES }
    }

    /// Starts a new segment. The full one gets what [`Self::sync`] promises.
    fn roll(&mut self, full: Option<File>) -> io::Result<&mut File> {
        full.map_or(Ok(()), |file| file.sync_data())?;
        let segment = Segment::new(self.next_segment);
        // Counted first: a name that could be made but not kept is not used twice.
        self.next_segment += 1;
        let file = File::options().append(true).create_new(true).open(segment.path(&self.folder))?;
        // The new name has to survive a power failure too.
        File::open(&self.folder)?.sync_all()?;
        self.segments.push_back(segment);
        Ok(self.active.insert(file))
    }

    /// Cuts a half-written record off, and leaves the segment alone from now on.
    fn undo(&mut self) {
        let Some(mut file) = self.active.take() else { return };
        let Some(segment) = self.segments.back() else { return };
        // What cannot be cut off is detected by its checksum later.
        let _ = file.set_len(segment.bytes).and_then(|()| file.seek(SeekFrom::End(0)));
        if segment.records == 0 && self.segments.len() == 1 {
            self.drop_front();
        }
    }

    fn drop_front(&mut self) -> u64 {
        let Some(front) = self.segments.pop_front() else { return 0 };
        if self.segments.is_empty() {
            self.active = None;
        }
        self.head += front.records;
        self.offset = 0;
        if let Err(error) = fs::remove_file(front.path(&self.folder)) {
            log::error!("cannot delete {}: {error}", front.path(&self.folder).display());
        }
        front.samples
    }
}

#[cfg(test)]
mod tests;
