//! The contract's own format: objects with a timestamp and signals.
//!
//! One pass over the text, without a map or a copy per object.

use afterglow_formats::json::{Cursor, Malformed, Scalar};
use afterglow_formats::table::{Clock, Dates};
use afterglow_formats::zone::Zone;
use afterglow_formats::{shown, time_name};
use afterglow_wire::timestamp::BadTimestamp;
use afterglow_wire::{Code, Timestamp};

use super::{Collector, without_mark};
use crate::refusal::Refusal;

/// How a body is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One JSON object, or an array of them.
    Json,
    /// One JSON object a line; empty lines are passed over, and so are the brackets and commas of an array with an object on
    /// each line.
    NdJson,
}

/// What objects do not say of their times by themselves.
#[derive(Debug, Default)]
pub struct Times {
    /// The member that has the time; `timestamp` when absent.
    member: Option<String>,
    /// Reads the objects' local times in their order; they are in UTC when absent.
    clock: Option<Clock>,
    /// Whether an object without a time is refused, because now is not when its values were measured.
    required: bool,
}

impl Times {
    /// Times are in the member called `member`, local ones in `zone`, and dates whose year comes last in the order `dates`.
    pub fn new(member: Option<String>, zone: Option<Zone>, dates: Option<Dates>) -> Self {
        let has_clock = zone.is_some() || dates.is_some();
        Self { member, clock: has_clock.then(|| Clock::new(zone, dates)), required: false }
    }

    /// As these, of objects that must have a time.
    pub fn required(self) -> Self {
        Self { required: true, ..self }
    }

    /// Whether what an object's time means depends on those before it.
    pub fn depend_on_order(&self) -> bool {
        self.clock.is_some()
    }
}

/// As [`decode_with`], of objects whose time is their `timestamp`, in UTC where it has no offset.
///
/// # Errors
/// As there.
pub fn decode(body: &[u8], format: Format, collector: &mut Collector) -> Result<(), Refusal> {
    decode_with(body, format, &mut Times::default(), collector)
}

/// Reads a body.
///
/// # Errors
/// When the body as a whole is unreadable, or has too many samples: `empty_body`, `malformed_json`, `not_an_object` or
/// `body_too_large`. What is wrong with single
/// samples is noted by the collector.
pub fn decode_with(
    body: &[u8],
    format: Format,
    times: &mut Times,
    collector: &mut Collector,
) -> Result<(), Refusal> {
    let body = without_mark(body, Code::MalformedJson)?;
    if body.trim_ascii().is_empty() {
        let message = "the body is empty; send {\"timestamp\": ..., \"signals\": {name: number}}";
        return Err(Refusal::new(Code::EmptyBody, message));
    }
    let mut parser = Parser { collector: &mut *collector, times, scratch: String::new() };
    match format {
        Format::Json => parser
            .json(utf8(body).map_err(|bad| Refusal::new(Code::MalformedJson, format!("the body {bad}")))?)?,
        Format::NdJson => parser.lines(body),
    }
    collector.check_size()
}

fn utf8(text: &[u8]) -> Result<&str, String> {
    std::str::from_utf8(text).map_err(|error| format!("is not UTF-8 at byte {}", error.valid_up_to()))
}

/// The member that has an object's time, unless another is named.
const TIMESTAMP: &str = "timestamp";

struct Parser<'c> {
    collector: &'c mut Collector,
    times: &'c mut Times,
    /// Reused for texts that have escapes.
    scratch: String,
}

/// What an object said of its time.
enum Stamp {
    Absent,
    Given(Timestamp),
    Bad(Code, String),
}

impl Parser<'_> {
    fn json(&mut self, text: &str) -> Result<(), Refusal> {
        let mut cursor = Cursor::new(text);
        let read = match cursor.peek() {
            Some(b'{') => self.object(&mut cursor, 0),
            Some(b'[') => self.array(&mut cursor, text),
            _ => {
                let kind = kind(&mut cursor, &mut self.scratch).map_err(|m| malformed(text, m))?;
                let message = format!("the body is {kind}; send an object or an array of objects");
                return Err(Refusal::new(Code::NotAnObject, message));
            }
        };
        read.and_then(|()| end(&mut cursor)).map_err(|m| malformed(text, m))
    }

    fn lines(&mut self, text: &[u8]) {
        // Files that were joined have a mark in the middle.
        let unmarked = |line| <[u8]>::strip_prefix(line, b"\xef\xbb\xbf").unwrap_or(line);
        let lines = text.split(|byte| *byte == b'\n').map(unmarked).enumerate();
        let is_content = |line: &[u8]| !matches!(line.trim_ascii(), b"" | b"[" | b"]" | b"],");
        for (index, line) in lines.filter(|(_, line)| is_content(line)) {
            let line = match utf8(line.strip_suffix(b"\r").unwrap_or(line)) {
                Ok(line) => line,
                Err(bad) => {
                    self.reject(index, None, Code::MalformedJson, format!("the line {bad}"));
                    continue;
                }
            };
            let mut cursor = Cursor::new(line);
            let mark = self.collector.mark();
            while cursor.eat(b',') {}
            let read = self.element(&mut cursor, index).and_then(|()| {
                while cursor.eat(b',') {}
                end(&mut cursor)
            });
            if let Err(error) = read {
                self.collector.drop_since(mark);
                self.reject(index, None, Code::MalformedJson, malformed(line, error).message);
            }
        }
    }

    fn array(&mut self, cursor: &mut Cursor<'_>, text: &str) -> Result<(), Malformed> {
        cursor.eat(b'[');
        let (mut first, mut place) = (true, Place::default());
        for index in 0.. {
            if !cursor.another(b']', &mut first)? {
                if index == 0 {
                    self.reject(
                        0,
                        None,
                        Code::EmptySignals,
                        "the array is empty; it takes at least one object",
                    );
                }
                break;
            }
            let (start, mark) = (cursor.position(), self.collector.mark());
            if let Err(error) = self.element(cursor, index) {
                // The others are read where it is sure where this one ends.
                if !cursor.pass_over(start) {
                    return Err(error);
                }
                self.collector.drop_since(mark);
                // Not counted from the beginning for each: there may be a million.
                self.reject(index, None, Code::MalformedJson, place.malformed(text, error).message);
            }
        }
        Ok(())
    }

    fn element(&mut self, cursor: &mut Cursor<'_>, index: usize) -> Result<(), Malformed> {
        if cursor.peek() == Some(b'{') {
            return self.object(cursor, index);
        }
        let kind = kind(cursor, &mut self.scratch)?;
        let message = format!("this is {kind}; an object with timestamp and signals is expected");
        self.reject(index, None, Code::NotAnObject, message);
        Ok(())
    }

    fn object(&mut self, cursor: &mut Cursor<'_>, index: usize) -> Result<(), Malformed> {
        cursor.eat(b'{');
        let mark = self.collector.mark();
        let mut stamp = Stamp::Absent;
        let mut has_signals = false;
        // A member that is neither; its value is a time.
        let mut stranger: Option<String> = None;
        let mut first = true;
        while cursor.another(b'}', &mut first)? {
            match cursor.key(&mut self.scratch)? {
                member if member == self.times.member.as_deref().unwrap_or(TIMESTAMP) => {
                    stamp = self.stamp(cursor)?;
                }
                "signals" => {
                    has_signals = true;
                    let usable = !matches!(stamp, Stamp::Bad(..));
                    self.signals(cursor, index, usable)?;
                }
                member => {
                    let (name, named) = (member.to_owned(), time_name::is_a_time_alone(member));
                    let is_time = match cursor.peek() {
                        Some(b'"') => match cursor.scalar(&mut self.scratch)? {
                            Scalar::Text(text) => named || Timestamp::parse(text).is_ok(),
                            _ => named,
                        },
                        Some(b'-' | b'0'..=b'9') => match cursor.scalar(&mut self.scratch)? {
                            Scalar::Number(number) => {
                                named || time_name::is_misplaced(&name, number.text, self.collector.now())
                            }
                            _ => named,
                        },
                        _ => cursor.skip(0).map(|()| named)?,
                    };
                    if is_time {
                        stranger.get_or_insert(name);
                    } else {
                        self.collector.warn_once(|| {
                            format!("the member {:?} is passed over; values stand in signals", shown(&name))
                        });
                    }
                }
            }
        }
        match stamp {
            Stamp::Bad(code, message) => {
                self.collector.drop_since(mark);
                self.reject(index, None, code, message);
            }
            _ if !has_signals => {
                let message = "the object has no signals; it takes {\"signals\": {name: number}}";
                self.reject(index, None, Code::BadSignals, message);
            }
            Stamp::Absent if let Some(member) = &stranger => {
                self.collector.drop_since(mark);
                let expected = self.times.member.as_deref().unwrap_or(TIMESTAMP);
                let message = format!(
                    "the object has no {expected} and the member {:?}; an object's time must be called {expected}, or \
                     as the parameter `time` says",
                    shown(member)
                );
                self.reject(index, None, Code::UnknownMember, message);
            }
            Stamp::Absent if self.times.required => {
                self.collector.drop_since(mark);
                let expected = self.times.member.as_deref().unwrap_or(TIMESTAMP);
                let message = format!(
                    "the object has no time; in a file each must have a {expected}, or the member that --time names"
                );
                self.reject(index, None, Code::BadTimestamp, message);
            }
            Stamp::Absent => {}
            Stamp::Given(timestamp) => self.collector.stamp_since(mark, timestamp),
        }
        Ok(())
    }

    fn stamp(&mut self, cursor: &mut Cursor<'_>) -> Result<Stamp, Malformed> {
        let parsed = match cursor.scalar(&mut self.scratch)? {
            Scalar::Null => return Ok(Stamp::Absent),
            Scalar::Text(text) => match &mut self.times.clock {
                None => text.parse().map_err(|error: BadTimestamp| error.to_string()),
                Some(clock) => clock
                    .instant(text, None, None)
                    .map(|(timestamp, note)| {
                        note.into_iter().for_each(|note| self.collector.warn(note));
                        timestamp
                    })
                    .map_err(|(_, message)| message),
            },
            Scalar::Number(number) => Timestamp::from_decimal(number.text).map_err(|error| error.to_string()),
            other => Err(format!("the timestamp is {}; ISO 8601 or an epoch is expected", other.kind())),
        };
        Ok(match parsed {
            Err(message) => Stamp::Bad(Code::BadTimestamp, message),
            Ok(timestamp) => match self.collector.judge(timestamp) {
                Ok(()) => Stamp::Given(timestamp),
                Err((code, message)) => Stamp::Bad(code, message),
            },
        })
    }

    fn signals(&mut self, cursor: &mut Cursor<'_>, index: usize, usable: bool) -> Result<(), Malformed> {
        if cursor.peek() != Some(b'{') {
            let kind = cursor.scalar(&mut self.scratch)?.kind();
            self.reject(
                index,
                None,
                Code::BadSignals,
                format!("signals is {kind}; an object {{name: number}} is expected"),
            );
            return Ok(());
        }
        cursor.eat(b'{');
        let mut first = true;
        let mut place = 0;
        while cursor.another(b'}', &mut first)? {
            if usable {
                self.sample(cursor, index, place)?;
            } else {
                cursor.key(&mut String::new())?;
                let _ = cursor.value()?;
            }
            place += 1;
        }
        if place == 0 {
            self.reject(
                index,
                None,
                Code::EmptySignals,
                "signals is empty; it takes at least one name and number",
            );
        }
        Ok(())
    }

    fn sample(&mut self, cursor: &mut Cursor<'_>, index: usize, place: usize) -> Result<(), Malformed> {
        let mut key = std::mem::take(&mut self.scratch);
        let name = cursor.key(&mut key)?;
        let now = self.collector.now();
        let verdict = cursor.value()?.and_then(|value| self.collector.add(place, name, now, value));
        if let Err(verdict) = verdict {
            self.collector.reject(index, Some(name), verdict);
        }
        self.scratch = key;
        Ok(())
    }

    fn reject(&mut self, index: usize, signal: Option<&str>, code: Code, message: impl Into<String>) {
        self.collector.reject(index, signal, (code, message.into()));
    }
}

/// Takes a value that stands where an object should, and says what it is.
fn kind(cursor: &mut Cursor<'_>, scratch: &mut String) -> Result<&'static str, Malformed> {
    match cursor.scalar(scratch)? {
        Scalar::Word(_) => cursor.malformed("an object"),
        scalar => Ok(scalar.kind()),
    }
}

fn end(cursor: &mut Cursor<'_>) -> Result<(), Malformed> {
    if cursor.peek().is_none() { Ok(()) } else { cursor.malformed("the end of the text") }
}

fn malformed(text: &str, error: Malformed) -> Refusal {
    Place::default().malformed(text, error)
}

/// Where a text was malformed last.
#[derive(Default)]
struct Place {
    at: usize,
    /// Line ends before it.
    lines: usize,
    /// Where its line begins.
    line: usize,
}

impl Place {
    /// Says where a text is malformed: not before where it was last.
    fn malformed(&mut self, text: &str, error: Malformed) -> Refusal {
        let to = error.at.clamp(self.at, text.len().max(self.at));
        for (at, _) in text.as_bytes()[self.at..to].iter().enumerate().filter(|(_, byte)| **byte == b'\n') {
            self.lines += 1;
            self.line = self.at + at + 1;
        }
        self.at = to;
        let (line, column) = (self.lines + 1, to - self.line + 1);
        let message =
            format!("the text is not JSON at line {line}, column {column}: expected {}", error.expected);
        Refusal::new(Code::MalformedJson, message)
    }
}
