//! Records of a file of comma-separated values (RFC 4180), whatever separates its cells, with bounds on their length.
//!
//! Cells stay bytes: a byte that is not UTF-8 matters only in a cell that is needed.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::io::{BufRead, ErrorKind, Result};

use afterglow_wire::limits::TABLE_COLUMNS;

/// What may stand between cells.
pub const SEPARATORS: &[u8] = b",;\t|";

/// A record whose quotes do not end within these lines or bytes is taken for a single line.
const JOINED_LINES: usize = 100;
const JOINED_BYTES: usize = 1024 * 1024;

/// One record.
#[derive(Debug, Default)]
pub struct Record {
    /// Its text without the line's end.
    pub bytes: Vec<u8>,
    /// The number of its first line, from 1.
    pub line: u64,
    /// Where it ends in the file, in bytes.
    pub end: u64,
    /// How long its line is, where that is more than is allowed; its text is then only the beginning.
    pub too_long: Option<u64>,
}

/// Reads records one by one.
#[derive(Debug)]
pub struct Records<R> {
    input: R,
    longest: u64,
    line: u64,
    end: u64,
    /// Lines that were read in search of a quote's end.
    ahead: VecDeque<Record>,
}

impl<R: BufRead> Records<R> {
    /// The records of `input`, whose lines have at most `longest` bytes.
    pub fn new(input: R, longest: u64) -> Self {
        Self { input, longest, line: 0, end: 0, ahead: VecDeque::new() }
    }

    /// The next record; none at the end. `separator` is what stands between cells; before that is known, anything may.
    ///
    /// # Errors
    /// When the input cannot be read.
    pub fn next(&mut self, separator: Option<u8>) -> Result<Option<Record>> {
        let Some(mut record) = self.take_line()? else { return Ok(None) };
        if record.too_long.is_some() || quotes(&record.bytes, separator) != Quotes::Open {
            return Ok(Some(record));
        }
        let alone = record.bytes.len();
        let mut more = Vec::new();
        while more.len() < JOINED_LINES && record.bytes.len() < JOINED_BYTES {
            let Some(line) = self.take_line()? else { break };
            record.bytes.push(b'\n');
            record.bytes.extend_from_slice(&line.bytes);
            let quotes =
                if line.too_long.is_some() { Quotes::Wrong } else { quotes(&record.bytes, separator) };
            let end = line.end;
            more.push(line);
            match quotes {
                Quotes::Open => {}
                Quotes::Wrong => break,
                Quotes::Closed => {
                    record.end = end;
                    return Ok(Some(record));
                }
            }
        }
        // Only this line is wrong.
        record.bytes.truncate(alone);
        for line in more.into_iter().rev() {
            self.ahead.push_front(line);
        }
        Ok(Some(record))
    }

    fn take_line(&mut self) -> Result<Option<Record>> {
        if let Some(line) = self.ahead.pop_front() {
            return Ok(Some(line));
        }
        let mut bytes = Vec::new();
        let mut length = 0;
        let end = loop {
            let available = filled(&mut self.input)?;
            if available.is_empty() {
                break 0;
            }
            let end = available.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
            let content = &available[..end.unwrap_or(available.len())];
            let room = self.longest.saturating_sub(length).min(content.len() as u64) as usize;
            bytes.extend_from_slice(&content[..room]);
            length += content.len() as u64;
            let is_return = end.is_some_and(|end| available[end] == b'\r');
            let taken = content.len() + usize::from(end.is_some());
            self.input.consume(taken);
            if is_return && filled(&mut self.input)?.first() == Some(&b'\n') {
                self.input.consume(1);
                break 2;
            }
            if end.is_some() {
                break 1;
            }
        };
        if length + end == 0 {
            return Ok(None);
        }
        self.line += 1;
        self.end += length + end;
        let too_long = (length > bytes.len() as u64).then_some(length + end);
        Ok(Some(Record { bytes, line: self.line, end: self.end, too_long }))
    }
}

/// A text; bytes that are not UTF-8 are read as Latin-1, which older programs write.
pub fn text(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(bytes.iter().map(|byte| char::from(*byte)).collect()),
    }
}

/// One cell: its text, without quotes or the blanks around it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cell<'r>(Cow<'r, [u8]>);

impl Cell<'_> {
    /// Its text; bytes that are not UTF-8 are read as Latin-1, which older programs write.
    pub fn text(&self) -> Cow<'_, str> {
        text(&self.0)
    }

    /// Whether it is UTF-8.
    pub fn is_utf8(&self) -> bool {
        std::str::from_utf8(&self.0).is_ok()
    }

    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The cells of a record.
///
/// # Errors
/// When a quote does not end, or text follows it.
pub fn cells(record: &[u8], separator: u8) -> std::result::Result<Vec<Cell<'_>>, String> {
    let mut cells = Vec::new();
    let mut rest = Some(record);
    while let Some(text) = rest {
        if cells.len() == TABLE_COLUMNS {
            return Err(format!("there are more than {TABLE_COLUMNS} cells"));
        }
        let (cell, after) = cell(text, Some(separator))?;
        cells.push(cell);
        rest = after;
    }
    Ok(cells)
}

/// How many cells a record would have with this separator, or one more than there may be; 0 where it cannot be told.
pub fn count(record: &[u8], separator: u8) -> usize {
    let (mut count, mut rest) = (0, Some(record));
    while let Some(text) = rest.filter(|_| count <= TABLE_COLUMNS) {
        let Ok((_, after)) = cell(text, Some(separator)) else { return 0 };
        count += 1;
        rest = after;
    }
    count
}

/// How the quotes of a record are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Quotes {
    Closed,
    /// The last quoted cell does not end.
    Open,
    /// Text follows a quoted cell's end.
    Wrong,
}

fn quotes(record: &[u8], separator: Option<u8>) -> Quotes {
    let mut rest = record;
    loop {
        match cell(rest, separator) {
            Ok((_, Some(after))) => rest = after,
            Ok((_, None)) => return Quotes::Closed,
            Err(OPEN) => return Quotes::Open,
            Err(_) => return Quotes::Wrong,
        }
    }
}

const OPEN: &str = "a quoted field does not end";

/// The first cell, and what follows its separator; none when it is the last.
fn cell(text: &[u8], separator: Option<u8>) -> std::result::Result<(Cell<'_>, Option<&[u8]>), &'static str> {
    let separates =
        |byte: &u8| separator.map_or_else(|| SEPARATORS.contains(byte), |separator| separator == *byte);
    let blanks = text.iter().take_while(|byte| is_blank(byte, separator)).count();
    let Some(quoted) = text[blanks..].strip_prefix(b"\"") else {
        let end = text.iter().position(separates);
        let cell = Cell(Cow::Borrowed(trim(&text[..end.unwrap_or(text.len())], separator)));
        return Ok((cell, end.map(|end| &text[end + 1..])));
    };
    let mut from = 0;
    let end = loop {
        let at = from + quoted[from..].iter().position(|byte| *byte == b'"').ok_or(OPEN)?;
        if quoted.get(at + 1) != Some(&b'"') {
            break at;
        }
        from = at + 2;
    };
    let inside = &quoted[..end];
    let cell = if from == 0 { Cow::Borrowed(inside) } else { Cow::Owned(without_doubled_quotes(inside)) };
    let after = &quoted[end + 1..];
    let blanks = after.iter().take_while(|byte| is_blank(byte, separator)).count();
    match after[blanks..].split_first() {
        None => Ok((Cell(cell), None)),
        Some((byte, after)) if separates(byte) => Ok((Cell(cell), Some(after))),
        Some(_) => Err("there is text after a quoted field's end"),
    }
}

fn without_doubled_quotes(inside: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(inside.len());
    let mut bytes = inside.iter();
    while let Some(byte) = bytes.next() {
        text.push(*byte);
        if *byte == b'"' {
            // The second one of the pair.
            let _ = bytes.next();
        }
    }
    text
}

fn is_blank(byte: &u8, separator: Option<u8>) -> bool {
    *byte == b' ' || (*byte == b'\t' && separator.is_some_and(|separator| separator != b'\t'))
}

fn trim(mut text: &[u8], separator: Option<u8>) -> &[u8] {
    while let [first, rest @ ..] = text
        && is_blank(first, separator)
    {
        text = rest;
    }
    while let [rest @ .., last] = text
        && is_blank(last, separator)
    {
        text = rest;
    }
    text
}

/// What is read and not consumed yet; a read that a signal interrupts is made again.
fn filled(input: &mut impl BufRead) -> Result<&[u8]> {
    while let Err(error) = input.fill_buf() {
        if error.kind() != ErrorKind::Interrupted {
            return Err(error);
        }
    }
    input.fill_buf()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn texts(line: &str, separator: u8) -> std::result::Result<Vec<String>, String> {
        cells(line.as_bytes(), separator)
            .map(|cells| cells.iter().map(|cell| cell.text().into_owned()).collect())
    }

    #[test]
    fn cells_are_read_by_rfc_4180() {
        let check = |line, expected: &[&str]| assert_eq!(texts(line, b',').unwrap(), expected, "{line}");
        check("1,a,2", &["1", "a", "2"]);
        check("1,\"a\"\",b\",2", &["1", "a\",b", "2"]);
        check("\"1\",\"\",\"\"\"\"", &["1", "", "\""]);
        check(",,", &["", "", ""]);
        check("", &[""]);
        check(" 1 , \" a \" ,\t2", &["1", " a ", "2"]);
        check("1;2\t3", &["1;2\t3"]);
        assert_eq!(texts("1;2,5;\"a;b\"", b';').unwrap(), ["1", "2,5", "a;b"]);
        assert_eq!(texts("1\t\t a", b'\t').unwrap(), ["1", "", "a"]);
        assert!(texts("1,\"a,2", b',').unwrap_err().contains("does not end"));
        assert!(texts("1,\"a\"b,2", b',').unwrap_err().contains("after"));
    }

    #[test]
    fn a_cell_that_is_not_utf_8_is_latin_1() {
        let cells = cells(b"T [\xb0C],\xc2\xb0C", b',').unwrap();
        assert_eq!((&*cells[0].text(), &*cells[1].text()), ("T [°C]", "°C"));
    }

    fn lines(text: &str, longest: u64) -> Vec<(u64, u64, String)> {
        let mut records = Records::new(text.as_bytes(), longest);
        let mut found = Vec::new();
        while let Some(record) = records.next(Some(b',')).unwrap() {
            found.push((record.line, record.end, String::from_utf8(record.bytes).unwrap()));
        }
        found
    }

    #[test]
    fn quoted_cells_may_have_line_ends_and_one_that_does_not_end_costs_its_line() {
        let check = |text, expected: &[(u64, u64, &str)]| {
            let found = lines(text, 100);
            let found: Vec<_> = found.iter().map(|(line, end, text)| (*line, *end, &**text)).collect();
            assert_eq!(found, expected);
        };
        check("a,b\r\nc\n", &[(1, 5, "a,b"), (2, 7, "c")]);
        check("a,\"b\nc\"\nd", &[(1, 8, "a,\"b\nc\""), (3, 9, "d")]);
        check("a,\"b\nc\nd\n", &[(1, 5, "a,\"b"), (2, 7, "c"), (3, 9, "d")]);
        check("a,\"b\nc\nd,\"e\"\n", &[(1, 5, "a,\"b"), (2, 7, "c"), (3, 13, "d,\"e\"")]);
        check("a,b\rc\r\rd\r\ne\r", &[(1, 4, "a,b"), (2, 6, "c"), (3, 7, ""), (4, 10, "d"), (5, 12, "e")]);
        check("a,\"b\rc\"\rd", &[(1, 8, "a,\"b\nc\""), (3, 9, "d")]);
        check("5\" pipe,1\nb", &[(1, 10, "5\" pipe,1"), (2, 11, "b")]);
    }

    #[test]
    fn a_line_that_is_too_long_is_passed_over() {
        let mut records = Records::new(&b"abcdef\ng\n"[..], 4);
        let first = records.next(None).unwrap().unwrap();
        assert_eq!((first.too_long, first.end), (Some(7), 7));
        assert_eq!(records.next(None).unwrap().unwrap().bytes, b"g");
        assert!(records.next(None).unwrap().is_none());
        // A line's end may lie between two pieces of the input.
        let input = std::io::BufReader::with_capacity(3, &b"ab\r\nabcdef\r\ng"[..]);
        let mut records = Records::new(input, 4);
        let mut next = || records.next(None).unwrap().map(|record| (record.end, record.too_long));
        assert_eq!([next(), next(), next()], [Some((4, None)), Some((12, Some(8))), Some((13, None))]);
        assert_eq!(next(), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_to_their_end(text in proptest::collection::vec(any::<u8>(), 0..300)) {
            let mut records = Records::new(&text[..], 64);
            let mut end = 0;
            while let Some(record) = records.next(None).unwrap() {
                prop_assert!(record.end > end);
                end = record.end;
                for separator in SEPARATORS {
                    let _ = cells(&record.bytes, *separator);
                }
            }
            prop_assert_eq!(end, text.len() as u64);
        }
    }
}
