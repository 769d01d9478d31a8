//! From the bytes of a request's body to columns of samples and a verdict on everything else.
//!
//! Pure: no I/O, no clock. One pass over the text, without a map or a copy per object.

mod cursor;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use afterglow_wire::limits::{AHEAD_MICROS, REJECTIONS_LISTED};
use afterglow_wire::telemetry::Rejection;
use afterglow_wire::{Code, Timestamp, name};

use crate::batch::{Batch, Sample, SignalId};
use crate::signals::Intern;
use cursor::{Cursor, Malformed, Scalar};

/// How a body is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One JSON object, or an array of them.
    Json,
    /// One JSON object a line; empty lines are passed over.
    NdJson,
}

/// What a body held.
#[derive(Debug, Default)]
pub struct Decoded {
    /// The usable samples.
    pub batch: Batch,
    /// How many samples, or whole objects, were refused.
    pub rejected_count: usize,
    /// The first [`REJECTIONS_LISTED`] refusals, with their reasons.
    pub rejected: Vec<Rejection>,
}

/// A body of which nothing can be used because it cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// Its code: `empty_body`, `malformed_json` or `not_an_object`.
    pub code: Code,
    /// What was wrong, where, and what is allowed.
    pub message: String,
}

/// Reads a body that arrived at `now`.
///
/// # Errors
/// When the body as a whole is unreadable; what is wrong with single samples is told in [`Decoded`].
pub fn decode(
    body: &[u8],
    format: Format,
    now: Timestamp,
    signals: &mut impl Intern,
) -> Result<Decoded, Unreadable> {
    let text = std::str::from_utf8(body).map_err(|error| Unreadable {
        code: Code::MalformedJson,
        message: format!("the body is not UTF-8 at byte {}", error.valid_up_to()),
    })?;
    if text.trim_ascii().is_empty() {
        return Err(Unreadable {
            code: Code::EmptyBody,
            message: "the body is empty; send {\"timestamp\": ..., \"signals\": {name: number}}".into(),
        });
    }
    let mut decoder =
        Decoder { now, signals, out: Decoded::default(), scratch: String::new(), previous: Vec::new() };
    match format {
        Format::Json => decoder.json(text)?,
        Format::NdJson => decoder.lines(text),
    }
    Ok(decoder.out)
}

struct Decoder<'i, I> {
    now: Timestamp,
    signals: &'i mut I,
    out: Decoded,
    /// Reused for texts that have escapes.
    scratch: String,
    /// The signals of the object before, by their place in it. Senders repeat themselves: comparing one name is
    /// several times cheaper than looking it up among all.
    previous: Vec<(String, SignalId)>,
}

/// What an object said of its time.
enum Stamp {
    Absent,
    Given(Timestamp),
    Bad(Code, String),
}

impl<I: Intern> Decoder<'_, I> {
    fn json(&mut self, text: &str) -> Result<(), Unreadable> {
        let mut cursor = Cursor::new(text);
        let read = match cursor.peek() {
            Some(b'{') => self.object(&mut cursor, 0),
            Some(b'[') => self.array(&mut cursor),
            _ => {
                let kind = cursor.scalar(&mut self.scratch).map_err(|m| malformed(text, m))?.kind();
                let message = format!("the body is {kind}; send an object or an array of objects");
                return Err(Unreadable { code: Code::NotAnObject, message });
            }
        };
        read.and_then(|()| end(&mut cursor)).map_err(|m| malformed(text, m))
    }

    fn lines(&mut self, text: &str) {
        for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim_ascii().is_empty()) {
            let mut cursor = Cursor::new(line);
            let start = self.out.batch.len();
            let read = self.element(&mut cursor, index).and_then(|()| end(&mut cursor));
            if let Err(error) = read {
                self.out.batch.truncate(start);
                self.reject(index, None, Code::MalformedJson, malformed(line, error).message);
            }
        }
    }

    fn array(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Malformed> {
        cursor.eat(b'[');
        let mut first = true;
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
            self.element(cursor, index)?;
        }
        Ok(())
    }

    fn element(&mut self, cursor: &mut Cursor<'_>, index: usize) -> Result<(), Malformed> {
        if cursor.peek() == Some(b'{') {
            return self.object(cursor, index);
        }
        let kind = cursor.scalar(&mut self.scratch)?.kind();
        let message = format!("this is {kind}; an object with timestamp and signals is expected");
        self.reject(index, None, Code::NotAnObject, message);
        Ok(())
    }

    fn object(&mut self, cursor: &mut Cursor<'_>, index: usize) -> Result<(), Malformed> {
        cursor.eat(b'{');
        let start = self.out.batch.len();
        let mut stamp = Stamp::Absent;
        let mut has_signals = false;
        let mut first = true;
        while cursor.another(b'}', &mut first)? {
            match cursor.key(&mut self.scratch)? {
                "timestamp" => stamp = self.stamp(cursor)?,
                "signals" => {
                    has_signals = true;
                    let usable = !matches!(stamp, Stamp::Bad(..));
                    self.signals(cursor, index, usable)?;
                }
                _ => cursor.skip(0)?,
            }
        }
        match stamp {
            Stamp::Bad(code, message) => {
                self.out.batch.truncate(start);
                self.reject(index, None, code, message);
            }
            _ if !has_signals => {
                let message = "the object has no signals; it takes {\"signals\": {name: number}}";
                self.reject(index, None, Code::BadSignals, message);
            }
            Stamp::Absent => self.out.batch.stamp_from(start, self.now),
            Stamp::Given(timestamp) => self.out.batch.stamp_from(start, timestamp),
        }
        Ok(())
    }

    fn stamp(&mut self, cursor: &mut Cursor<'_>) -> Result<Stamp, Malformed> {
        let parsed = match cursor.scalar(&mut self.scratch)? {
            Scalar::Null => return Ok(Stamp::Absent),
            Scalar::Text(text) => Timestamp::parse(text).map_err(|error| error.to_string()),
            Scalar::Number(number) => match number.text.parse::<i64>() {
                Ok(epoch) => Timestamp::from_epoch(epoch).map_err(|error| error.to_string()),
                Err(_) => Err(format!(
                    "the timestamp {} is not a whole number; an epoch is an integer in s, ms, us or ns",
                    number.text
                )),
            },
            other => {
                Err(format!("the timestamp is {}; ISO 8601 or an integer epoch is expected", other.kind()))
            }
        };
        Ok(match parsed {
            Err(message) => Stamp::Bad(Code::BadTimestamp, message),
            Ok(timestamp) if timestamp.micros() > self.now.micros() + AHEAD_MICROS => Stamp::Bad(
                Code::TimestampAhead,
                format!("{timestamp} is more than 5 minutes ahead of the server's {}", self.now),
            ),
            Ok(timestamp) => Stamp::Given(timestamp),
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
                skip_member(cursor)?;
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
        let verdict = value(cursor)?.and_then(|value| {
            let signal = self.signal(name, place)?;
            self.out.batch.push(Sample { signal, timestamp: self.now, value });
            Ok(())
        });
        if let Err((code, message)) = verdict {
            self.reject(index, Some(shown(name)), code, message);
        }
        self.scratch = key;
        Ok(())
    }

    /// The number of the signal called `name`, which stands at `place` in its object.
    fn signal(&mut self, name: &str, place: usize) -> Result<SignalId, (Code, String)> {
        if let Some((_, signal)) = self.previous.get(place).filter(|(previous, _)| previous == name) {
            return Ok(*signal);
        }
        name::check(name).map_err(|message| (Code::BadSignalName, message))?;
        let Some(signal) = self.signals.intern(name) else {
            return Err((Code::TooManySignals, "the server keeps no more signals than it has".into()));
        };
        if let Some(entry) = self.previous.get_mut(place) {
            *entry = (name.to_owned(), signal);
        } else if self.previous.len() == place {
            // Only in order: places after one that was refused stay unknown.
            self.previous.push((name.to_owned(), signal));
        }
        Ok(signal)
    }

    fn reject(&mut self, index: usize, signal: Option<String>, code: Code, message: impl Into<String>) {
        self.out.rejected_count += 1;
        if self.out.rejected.len() < REJECTIONS_LISTED {
            self.out.rejected.push(Rejection::new(index, signal, code, message));
        }
    }
}

/// Takes a signal's value, or says why it is none.
fn value(cursor: &mut Cursor<'_>) -> Result<Result<f64, (Code, String)>, Malformed> {
    Ok(match cursor.scalar(&mut String::new())? {
        Scalar::Number(number) if number.value.is_finite() => Ok(number.value),
        Scalar::Number(number) => {
            let message =
                format!("the value {} is not finite; a 64-bit float is expected", shown(number.text));
            Err((Code::NotFinite, message))
        }
        Scalar::Bool(flag) => Ok(f64::from(u8::from(flag))),
        other => Err((Code::NotANumber, format!("the value is {}; a number is expected", other.kind()))),
    })
}

fn skip_member(cursor: &mut Cursor<'_>) -> Result<(), Malformed> {
    cursor.key(&mut String::new())?;
    cursor.skip(0)
}

fn end(cursor: &mut Cursor<'_>) -> Result<(), Malformed> {
    if cursor.peek().is_none() { Ok(()) } else { cursor.malformed("the end of the text") }
}

fn malformed(text: &str, error: Malformed) -> Unreadable {
    let before = &text.as_bytes()[..error.at.min(text.len())];
    let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
    let column = 1 + before.iter().rev().take_while(|byte| **byte != b'\n').count();
    let message =
        format!("the text is not JSON at line {line}, column {column}: expected {}", error.expected);
    Unreadable { code: Code::MalformedJson, message }
}

/// The beginning of a sender's text, so that an answer stays small.
fn shown(text: &str) -> String {
    match text.char_indices().nth(80) {
        Some((cut, _)) => Cow::Owned(format!("{}...", &text[..cut])),
        None => Cow::Borrowed(text),
    }
    .into_owned()
}
