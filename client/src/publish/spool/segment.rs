//! One segment file: its name, its counts, finding it again.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, BufReader, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use super::record::{self, HEADER_BYTES};
use crate::publish::batch::Batch;

/// What segment files are called: a number of 20 digits and this.
const EXTENSION: &str = "spool";

/// A segment file and what of it still waits.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Segment {
    /// Segments are read in the order of their numbers.
    pub(super) number: u64,
    /// The bytes of its whole records, read ones included.
    pub(super) bytes: u64,
    /// Records that wait.
    pub(super) records: u64,
    /// Samples that wait.
    pub(super) samples: u64,
}

impl Segment {
    pub(super) const fn new(number: u64) -> Self {
        Self { number, bytes: 0, records: 0, samples: 0 }
    }

    pub(super) fn path(&self, folder: &Path) -> PathBuf {
        folder.join(format!("{:020}.{EXTENSION}", self.number))
    }

    /// Counts one more record.
    pub(super) const fn grow(&mut self, bytes: u64, samples: u64) {
        self.bytes += bytes;
        self.records += 1;
        self.samples += samples;
    }
}

/// Finds the segments of `folder`, oldest first, and how many bytes of them are no whole records. Cuts these
/// off, and deletes segments without any record. Leaves other files alone.
pub(super) fn scan(folder: &Path) -> io::Result<(VecDeque<Segment>, u64)> {
    let mut numbers = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        // A link is never followed: what it leads to is not ours to cut.
        if !entry.file_type()?.is_file() {
            continue;
        }
        let stem = path.file_stem().and_then(|stem| stem.to_str()).filter(|stem| stem.len() == 20);
        if path.extension().is_some_and(|extension| extension == EXTENSION)
            && let Some(number) = stem.and_then(|stem| stem.parse().ok())
        {
            numbers.push(number);
        }
    }
    numbers.sort_unstable();
    let (mut segments, mut torn) = (VecDeque::new(), 0);
    for number in numbers {
        let mut segment = Segment::new(number);
        torn += count(&mut segment, folder)?;
        if segment.records > 0 {
            segments.push_back(segment);
        } else {
            fs::remove_file(segment.path(folder))?;
        }
    }
    Ok((segments, torn))
}

/// Counts the whole records at the start of a segment, cuts the rest off and gives its size in bytes.
fn count(segment: &mut Segment, folder: &Path) -> io::Result<u64> {
    let file = File::options().read(true).write(true).open(segment.path(folder))?;
    let length = file.metadata()?.len();
    let mut input = BufReader::new(&file);
    while let Some(batch) = record::decode(&mut input, length - segment.bytes)? {
        segment.grow((HEADER_BYTES + batch.objects().len()) as u64, batch.samples() as u64);
    }
    if length > segment.bytes {
        file.set_len(segment.bytes)?;
    }
    Ok(length - segment.bytes)
}

/// Reads records from `offset` on, at least one and then for as long as they fit `max_bytes`. Gives their
/// batches and their bytes in the file, whose whole records end at `end`.
pub(super) fn read(path: &Path, offset: u64, end: u64, max_bytes: u64) -> io::Result<(Vec<Batch>, u64)> {
    let mut input = BufReader::new(File::open(path)?);
    input.seek(SeekFrom::Start(offset))?;
    let (mut batches, mut bytes) = (Vec::new(), 0);
    while offset + bytes < end && (batches.is_empty() || bytes < max_bytes) {
        let batch = record::decode(&mut input, end - offset - bytes)?
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "a checksum does not match"))?;
        let size = (HEADER_BYTES + batch.objects().len()) as u64;
        if !batches.is_empty() && bytes + size > max_bytes {
            break;
        }
        bytes += size;
        batches.push(batch);
    }
    if batches.is_empty() {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "its records end early"));
    }
    Ok((batches, bytes))
}
