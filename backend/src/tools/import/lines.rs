//! Files of lines of JSON.

use std::fs::File;
use std::io::{BufRead, BufReader, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use afterglow_wire::limits::BODY_BYTES;
use afterglow_wire::{Code, Timestamp};

use super::super::ToolError;
use super::Importer;
use crate::decode::json::{self, Times};
use crate::decode::{Collector, without_mark};
use crate::signals::Signals;

/// A longer line cannot be a request's body either.
const LONGEST: u64 = BODY_BYTES as u64;

/// A file of lines.
pub(super) struct Lines {
    path: PathBuf,
    file: BufReader<File>,
    times: Times,
    bytes: u64,
}

impl Lines {
    /// Opens a file whose objects say their times so.
    ///
    /// # Errors
    /// When it cannot be read, or is UTF-16.
    pub(super) fn open(path: &Path, times: Times) -> Result<Self, ToolError> {
        let file = File::open(path).map_err(ToolError::file(path))?;
        let bytes = file.metadata().map_err(ToolError::file(path))?.len();
        let mut file = BufReader::new(file);
        without_mark(file.fill_buf().map_err(ToolError::file(path))?, Code::MalformedJson)
            .map_err(|bad| ToolError::Refused(format!("{}: {}", path.display(), bad.message)))?;
        Ok(Self { path: path.to_owned(), file, times, bytes })
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Passes every line from the importer's position on to it. Those before are read again where what their times mean holds
    /// for those that follow.
    pub(super) fn read(mut self, importer: &mut Importer) -> Result<(), ToolError> {
        let (mut position, mut number) = (importer.note.position, importer.note.line);
        let path = self.path.clone();
        let mut line = Vec::new();
        if self.times.depend_on_order() {
            self.read_again(position).map_err(ToolError::file(&path))?;
        }
        self.file.seek(SeekFrom::Start(position)).map_err(ToolError::file(&path))?;
        loop {
            let length = self.next(&mut line).map_err(ToolError::file(&path))?;
            if length == 0 {
                return Ok(());
            }
            position += length;
            number += 1;
            if let Err(reason) = self.line(&line, length, importer) {
                importer.refuse(&format!("line {number}"), &reason);
            }
            importer.advance(position, number)?;
        }
    }

    /// Reads a line; its length, which is more than `line` has where it is too long, and 0 at the end.
    fn next(&mut self, line: &mut Vec<u8>) -> std::io::Result<u64> {
        line.clear();
        let read = (&mut self.file).take(LONGEST).read_until(b'\n', line)? as u64;
        let rest =
            if read == LONGEST && line.last() != Some(&b'\n') { self.file.skip_until(b'\n')? } else { 0 };
        Ok(read + rest as u64)
    }

    /// Reads the lines before `position` only for their times.
    fn read_again(&mut self, position: u64) -> std::io::Result<()> {
        let (mut at, mut line) = (0, Vec::new());
        let mut collector = Collector::new(Signals::empty(usize::MAX), Timestamp::MAX);
        while at < position {
            let length = self.next(&mut line)?;
            if length == 0 {
                break;
            }
            at += length;
            // What is wrong with it was said when it was read first.
            let _ = json::decode_with(content(&line), json::Format::NdJson, &mut self.times, &mut collector);
            collector.take();
        }
        Ok(())
    }

    fn line(&mut self, line: &[u8], length: u64, importer: &mut Importer) -> Result<(), String> {
        if length > line.len() as u64 {
            return Err(format!("it has {length} bytes; at most {LONGEST} are allowed"));
        }
        let line = content(line);
        if line.trim_ascii().is_empty() {
            return Ok(());
        }
        json(line, &mut self.times, importer)
    }
}

/// Takes an object as a request would bring it. Where only some of its samples can be used, these are.
fn json(line: &[u8], times: &mut Times, importer: &mut Importer) -> Result<(), String> {
    json::decode_with(line, json::Format::NdJson, times, &mut importer.collector)
        .map_err(|bad| bad.message)?;
    let (rejected, count) = importer.collector.take_rejected();
    let Some(first) = rejected.first() else { return Ok(()) };
    let more = match count {
        1 => String::new(),
        count => format!(" (and {} more of the line's samples)", count - 1),
    };
    // Each line is a text of its own, and which one it is has been said.
    let message = first.message.replace(" at line 1, column", " at column");
    Err(match &first.signal {
        Some(signal) => format!("{signal}: {message}{more}"),
        None => format!("{message}{more}"),
    })
}

/// A line without its end.
fn content(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}
