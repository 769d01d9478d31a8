//! Files of lines: csv and ndjson.

use std::borrow::Cow;
use std::fs::File;
use std::io::{BufRead, BufReader, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use afterglow_wire::Timestamp;
use afterglow_wire::limits::BODY_BYTES;

use super::super::{Format, ToolError};
use super::Importer;
use crate::decode::json;

const HEADER: &str = "timestamp,signal,value";

/// A longer line cannot be a request's body either.
const LONGEST: u64 = BODY_BYTES as u64;

/// A file of lines.
pub(super) struct Lines {
    path: PathBuf,
    file: BufReader<File>,
    format: Format,
    bytes: u64,
    /// Where the samples begin: after the header.
    start: u64,
}

impl Lines {
    /// Opens a file and checks its header, if it should have one.
    pub(super) fn open(path: &Path, format: Format) -> Result<Self, ToolError> {
        let file = File::open(path).map_err(ToolError::file(path))?;
        let bytes = file.metadata().map_err(ToolError::file(path))?.len();
        let mut lines = Self { path: path.to_owned(), file: BufReader::new(file), format, bytes, start: 0 };
        if format == Format::Csv {
            let mut line = Vec::new();
            lines.start = lines.next(&mut line).map_err(ToolError::file(path))?;
            let header = String::from_utf8_lossy(content(&line));
            if header.trim_start_matches('\u{feff}') != HEADER {
                let shown: String = header.chars().take(80).collect();
                return Err(ToolError::Refused(format!(
                    "the first line of {} is {shown:?}; {HEADER} is expected",
                    path.display()
                )));
            }
        }
        Ok(lines)
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Passes every line from the importer's position on to it.
    pub(super) fn read(mut self, importer: &mut Importer) -> Result<(), ToolError> {
        let (mut position, mut number) = (importer.note.position, importer.note.line);
        if position == 0 {
            (position, number) = (self.start, u64::from(self.start > 0));
        }
        let path = self.path.clone();
        self.file.seek(SeekFrom::Start(position)).map_err(ToolError::file(&path))?;
        let mut line = Vec::new();
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

    fn line(&self, line: &[u8], length: u64, importer: &mut Importer) -> Result<(), String> {
        if length > line.len() as u64 {
            return Err(format!("it has {length} bytes; at most {LONGEST} are allowed"));
        }
        let line = content(line);
        if line.trim_ascii().is_empty() {
            return Ok(());
        }
        if self.format == Format::NdJson {
            return json(line, importer);
        }
        let line = std::str::from_utf8(line)
            .map_err(|error| format!("it is not UTF-8 at byte {}", error.valid_up_to()))?;
        let [timestamp, signal, value] = fields(line)?;
        let timestamp: Timestamp = timestamp.parse().map_err(|error| format!("{error}"))?;
        let value: f64 = value.parse().map_err(|_| format!("the value {value:?} is not a number"))?;
        importer.sample(&signal, timestamp, value)
    }
}

/// Takes an object as a request would bring it. Where only some of its samples can be used, these are.
fn json(line: &[u8], importer: &mut Importer) -> Result<(), String> {
    json::decode(line, json::Format::NdJson, &mut importer.collector).map_err(|bad| bad.message)?;
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

/// The three fields of a line by RFC 4180. A field has no line break, because a signal's name has none.
fn fields(line: &str) -> Result<[Cow<'_, str>; 3], String> {
    let mut rest = Some(line);
    let fields = [field(&mut rest)?, field(&mut rest)?, field(&mut rest)?];
    match rest {
        None => Ok(fields),
        Some(_) => Err(format!("it has more than the 3 fields {HEADER}; names with commas are quoted")),
    }
}

fn field<'l>(rest: &mut Option<&'l str>) -> Result<Cow<'l, str>, String> {
    let text = rest.take().ok_or_else(|| format!("it has fewer than the 3 fields {HEADER}"))?;
    let Some(quoted) = text.strip_prefix('"') else {
        return Ok(Cow::Borrowed(match text.split_once(',') {
            Some((field, after)) => {
                *rest = Some(after);
                field
            }
            None => text,
        }));
    };
    let mut from = 0;
    let end = loop {
        let at = from + quoted[from..].find('"').ok_or("a quoted field does not end")?;
        if !quoted[at + 1..].starts_with('"') {
            break at;
        }
        from = at + 2;
    };
    let after = &quoted[end + 1..];
    *rest = after.strip_prefix(',');
    if rest.is_none() && !after.is_empty() {
        return Err("there is text after a quoted field's end".into());
    }
    Ok(Cow::Owned(quoted[..end].replace("\"\"", "\"")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_by_rfc_4180() {
        let check = |line, expected: [&str; 3]| assert_eq!(fields(line).unwrap(), expected, "{line}");
        check("1,a,2", ["1", "a", "2"]);
        check("1,\"a\"\",b\",2", ["1", "a\",b", "2"]);
        check("\"1\",\"\",\"\"\"\"", ["1", "", "\""]);
        check(",,", ["", "", ""]);
        for (line, reason) in [
            ("", "fewer"),
            ("1,a", "fewer"),
            ("1,a,2,3", "more"),
            ("1,\"a,2", "does not end"),
            ("1,\"a\"b,2", "after"),
            ("1,a,\"2\"x", "after"),
        ] {
            assert!(fields(line).unwrap_err().contains(reason), "{line}");
        }
    }
}
