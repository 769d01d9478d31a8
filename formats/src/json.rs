//! A position in a JSON text that returns one token at a time, without building values.
//!
//! Deliberate leniencies, so that one bad sample does not sink the others of its body: numbers that are nearly JSON
//! (`+5`, `.5`, `007`) are numbers; other bare words, such as the `nan`, `1.#INF` or `None` of common encoders, are values
//! (that are then rejected by name); commas that separate nothing are passed over; and control characters may stand in
//! strings (a name that has one is then rejected). A value that is anything else, up to the next key, is rejected by name
//! ([`Cursor::value`]). What is plain JSON is read before any of these is thought of.

use afterglow_wire::Code;
use afterglow_wire::limits::JSON_DEPTH;

use super::{Verdict, number};

/// Where a text stops being JSON, and what was expected there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// The byte offset.
    pub at: usize,
    /// What would have been allowed.
    pub expected: &'static str,
}

/// A number as written, and its value; one that is not finite is a number too.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Number<'a> {
    /// As it stands in the text.
    pub text: &'a str,
    /// The nearest 64-bit float.
    pub value: f64,
}

/// The next value, of which arrays and objects have been skipped.
#[derive(Clone, Debug, PartialEq)]
pub enum Scalar<'a> {
    /// A number, or nearly one.
    Number(Number<'a>),
    /// `true` or `false`.
    Bool(bool),
    /// `null`.
    Null,
    /// A text in double quotes, without its escapes.
    Text(&'a str),
    /// Bare characters that are no value of JSON, such as `None`.
    Word(&'a str),
    /// An array, passed over.
    Array,
    /// An object, passed over.
    Object,
}

impl Scalar<'_> {
    /// What the value is, as a message names it.
    pub fn kind(&self) -> &'static str {
        match self {
            Scalar::Number(_) => "a number",
            Scalar::Bool(_) => "true or false",
            Scalar::Null => "null",
            Scalar::Text(_) => "a text",
            Scalar::Word(_) => "no JSON",
            Scalar::Array => "an array",
            Scalar::Object => "an object",
        }
    }
}

/// A position in a text.
#[derive(Debug)]
pub struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    /// At the beginning of `text`.
    pub fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// Says that something else is expected here.
    ///
    /// # Errors
    /// Always.
    pub fn malformed<T>(&self, expected: &'static str) -> Result<T, Malformed> {
        Err(Malformed { at: self.at, expected })
    }

    /// The next byte that is not white space, without taking it.
    #[inline]
    pub fn peek(&mut self) -> Option<u8> {
        let bytes = self.text.as_bytes();
        while let Some(byte) = bytes.get(self.at) {
            if !matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
                return Some(*byte);
            }
            self.at += 1;
        }
        None
    }

    /// Takes `byte` if it comes next.
    #[inline]
    pub fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    /// Whether another member of an array or object follows, up to `close`, which is taken.
    /// `first` is true before the first member and set to false by the call.
    ///
    /// # Errors
    /// When neither a comma nor `close` comes next.
    #[inline]
    pub fn another(&mut self, close: u8, first: &mut bool) -> Result<bool, Malformed> {
        let was_first = std::mem::replace(first, false);
        if self.eat(close) {
            return Ok(false);
        }
        if !was_first && !self.eat(b',') {
            return self.malformed("a comma or a closing bracket");
        }
        match self.peek() {
            Some(b',') => Ok(self.after_commas(close)),
            Some(next) if next == close => Ok(self.after_commas(close)),
            _ => Ok(true),
        }
    }

    /// As [`another`](Self::another), past commas that separate nothing.
    #[cold]
    fn after_commas(&mut self, close: u8) -> bool {
        while self.eat(b',') {}
        !self.eat(close)
    }

    /// Takes a key and its colon. `scratch` holds the text when it has escapes.
    ///
    /// # Errors
    /// When something else comes next.
    #[inline]
    pub fn key<'s>(&mut self, scratch: &'s mut String) -> Result<&'s str, Malformed>
    where
        'a: 's,
    {
        if self.peek() != Some(b'"') {
            return self.malformed("a key in double quotes");
        }
        let key = self.string(scratch)?;
        if self.eat(b':') { Ok(key) } else { self.malformed("a colon") }
    }

    /// Takes any value; for arrays and objects returns only the kind.
    ///
    /// # Errors
    /// When no value comes next, or an array or object that is malformed.
    #[inline]
    pub fn scalar<'s>(&mut self, scratch: &'s mut String) -> Result<Scalar<'s>, Malformed>
    where
        'a: 's,
    {
        match self.peek() {
            Some(b'-' | b'0'..=b'9') => match self.number() {
                Some(number) => Ok(Scalar::Number(number)),
                None => self.word(),
            },
            Some(b'"') => self.string(scratch).map(Scalar::Text),
            Some(b't') if self.literal("true") => Ok(Scalar::Bool(true)),
            Some(b'f') if self.literal("false") => Ok(Scalar::Bool(false)),
            Some(b'n') if self.literal("null") => Ok(Scalar::Null),
            Some(b'[') => self.skip(0).map(|()| Scalar::Array),
            Some(b'{') => self.skip(0).map(|()| Scalar::Object),
            _ => self.word(),
        }
    }

    /// Takes the value of a signal, a member of an object, or says why it is none. What is no value of JSON, such as `21,5` or
    /// `21.5 C`, ends before the next key or the object's end.
    ///
    /// # Errors
    /// When it cannot be told where it ends.
    #[inline]
    pub fn value(&mut self) -> Result<Result<f64, Verdict>, Malformed> {
        self.peek();
        let start = self.at;
        let value = match self.scalar(&mut String::new()) {
            Ok(Scalar::Number(number)) if number.value.is_finite() => Ok(number.value),
            Ok(Scalar::Number(number)) => Err(number::not_finite(number.text)),
            Ok(Scalar::Bool(flag)) => Ok(f64::from(u8::from(flag))),
            Ok(Scalar::Word(text)) => number::read(text),
            Ok(other) => {
                Err((Code::NotANumber, format!("the value is {}; a number is expected", other.kind())))
            }
            Err(malformed) => return self.no_value(start, malformed),
        };
        if self.ends_member() {
            return Ok(value);
        }
        let malformed = Malformed { at: self.at, expected: "a comma or a closing bracket" };
        self.no_value(start, malformed)
    }

    /// Whether the object's end, or another key, follows.
    #[inline]
    fn ends_member(&mut self) -> bool {
        match self.peek() {
            Some(b',') => key_follows(&self.text.as_bytes()[self.at..]),
            Some(b'}') | None => true,
            Some(_) => false,
        }
    }

    /// Takes what stands at `start`, in the place of a value, and says that it is no number.
    #[cold]
    fn no_value(&mut self, start: usize, malformed: Malformed) -> Result<Result<f64, Verdict>, Malformed> {
        let rest = &self.text.as_bytes()[start..];
        let mut window = rest.iter().take(NO_VALUE).enumerate();
        let end = window.find_map(|(at, byte)| match byte {
            b'}' => Some(Some(at)),
            b',' if key_follows(&rest[at..]) => Some(Some(at)),
            // It may have begun elsewhere.
            b'"' | b'{' | b'[' | b']' | b':' | b'\\' => Some(None),
            _ => None,
        });
        let Some(end) = end.flatten() else { return Err(malformed) };
        self.at = start + end;
        Ok(number::read(&self.text[start..self.at]))
    }

    /// Where it stands, for [`pass_over`](Self::pass_over).
    pub fn position(&mut self) -> usize {
        self.peek();
        self.at
    }

    /// Goes to the end of the object or array that begins at `start`, which is malformed, and tells whether it has one: its
    /// brackets and quotes are in pairs, and another element or the end of the array around it follows.
    pub fn pass_over(&mut self, start: usize) -> bool {
        let bytes = self.text.as_bytes();
        let (mut at, mut open) = (start, Vec::new());
        while let Some(byte) = bytes.get(at) {
            at += 1;
            match byte {
                b'"' => loop {
                    match bytes.get(at) {
                        None => return false,
                        Some(b'"') => break at += 1,
                        Some(b'\\') => at += 2,
                        Some(_) => at += 1,
                    }
                },
                b'{' | b'[' if open.len() > JSON_DEPTH => return false,
                b'{' => open.push(b'}'),
                b'[' => open.push(b']'),
                b'}' | b']' if open.pop() != Some(*byte) => return false,
                _ => {}
            }
            if open.is_empty() {
                self.at = at.min(self.text.len());
                return at > start + 1 && matches!(self.peek(), Some(b',' | b']'));
            }
        }
        false
    }

    /// Takes bare characters up to what may follow a value.
    #[cold]
    fn word<'s>(&mut self) -> Result<Scalar<'s>, Malformed>
    where
        'a: 's,
    {
        let rest = &self.text[self.at..];
        let end = rest.find([',', '}', ']', ' ', '\n', '\r', '\t']).unwrap_or(rest.len());
        let text = &rest[..end];
        // What ends with the text may have been cut off.
        if text.is_empty() || end == rest.len() || text.contains(['"', '\'', ':', '{', '[', '\\']) {
            return self.malformed("a value");
        }
        self.at += end;
        Ok(match number::read(text) {
            Ok(value) => Scalar::Number(Number { text, value }),
            Err((Code::NotFinite, _)) => Scalar::Number(Number { text, value: f64::NAN }),
            Err(_) => Scalar::Word(text),
        })
    }

    /// Passes over any value.
    ///
    /// # Errors
    /// When no value comes next, or one that is malformed or too deeply nested.
    pub fn skip(&mut self, depth: usize) -> Result<(), Malformed> {
        if depth > JSON_DEPTH {
            return self.malformed("less deeply nested values");
        }
        let mut first = true;
        match self.peek() {
            Some(b'[') => {
                self.at += 1;
                while self.another(b']', &mut first)? {
                    self.skip(depth + 1)?;
                }
                Ok(())
            }
            Some(b'{') => {
                self.at += 1;
                while self.another(b'}', &mut first)? {
                    self.key(&mut String::new())?;
                    self.skip(depth + 1)?;
                }
                Ok(())
            }
            _ => self.scalar(&mut String::new()).map(|_| ()),
        }
    }

    /// Takes a word, if a value may end after it.
    fn literal(&mut self, word: &'static str) -> bool {
        let found =
            self.text.as_bytes()[self.at..].starts_with(word.as_bytes()) && self.is_end(self.at + word.len());
        self.at += if found { word.len() } else { 0 };
        found
    }

    /// Whether what stands at `at` may follow a value.
    fn is_end(&self, at: usize) -> bool {
        matches!(self.text.as_bytes().get(at), None | Some(b',' | b'}' | b']' | b' ' | b'\n' | b'\r' | b'\t'))
    }

    /// Takes a number by JSON's grammar; takes nothing, and gives none, where something else stands.
    fn number(&mut self) -> Option<Number<'a>> {
        let start = self.at;
        let number = self.strict_number().filter(|_| self.is_end(self.at));
        if number.is_none() {
            self.at = start;
        }
        number
    }

    fn strict_number(&mut self) -> Option<Number<'a>> {
        let start = self.at;
        let negative = self.text.as_bytes()[start] == b'-';
        self.at += usize::from(negative);
        let mut mantissa = 0_u64;
        let integer = self.digits(&mut mantissa);
        let leading_zero = integer > 1 && self.text.as_bytes()[self.at - integer] == b'0';
        if integer == 0 || leading_zero {
            return None;
        }
        let mut fraction = 0;
        if self.at_byte(b".") {
            self.at += 1;
            fraction = self.digits(&mut mantissa);
            if fraction == 0 {
                return None;
            }
        }
        let exponent = self.at_byte(b"eE");
        if exponent {
            self.at += 1;
            self.at += usize::from(self.at_byte(b"+-"));
            if self.digits(&mut 0) == 0 {
                return None;
            }
        }
        let text = &self.text[start..self.at];
        let value = match exact(mantissa, integer + fraction, fraction) {
            Some(value) if !exponent => {
                if negative {
                    -value
                } else {
                    value
                }
            }
            _ => text.parse().unwrap_or(f64::NAN),
        };
        Some(Number { text, value })
    }

    /// Takes digits, adds them to `mantissa` (wrapping), and tells how many they were.
    fn digits(&mut self, mantissa: &mut u64) -> usize {
        let bytes = &self.text.as_bytes()[self.at..];
        let mut count = 0;
        while let Some(digit) =
            bytes.get(count).map(|byte| byte.wrapping_sub(b'0')).filter(|digit| *digit < 10)
        {
            *mantissa = mantissa.wrapping_mul(10).wrapping_add(u64::from(digit));
            count += 1;
        }
        self.at += count;
        count
    }

    fn at_byte(&self, allowed: &[u8]) -> bool {
        self.text.as_bytes().get(self.at).is_some_and(|byte| allowed.contains(byte))
    }

    /// Takes a string; the opening quote comes next.
    fn string<'s>(&mut self, scratch: &'s mut String) -> Result<&'s str, Malformed>
    where
        'a: 's,
    {
        self.at += 1;
        let start = self.at;
        let rest = &self.text.as_bytes()[start..];
        match rest.iter().position(|byte| matches!(byte, b'"' | b'\\')) {
            Some(end) if rest[end] == b'"' => {
                self.at = start + end + 1;
                Ok(&self.text[start..start + end])
            }
            Some(_) => self.escaped_string(scratch),
            None => {
                self.at = self.text.len();
                self.malformed("the closing quote of a text")
            }
        }
    }

    fn escaped_string<'s>(&mut self, scratch: &'s mut String) -> Result<&'s str, Malformed> {
        scratch.clear();
        loop {
            let rest = &self.text[self.at..];
            let Some(plain) = rest.find(['"', '\\']) else {
                self.at = self.text.len();
                return self.malformed("the closing quote of a text");
            };
            scratch.push_str(&rest[..plain]);
            self.at += plain + 1;
            if rest.as_bytes()[plain] == b'"' {
                return Ok(scratch);
            }
            scratch.push(self.escape()?);
        }
    }

    /// Takes what follows a backslash. A lone surrogate becomes U+FFFD.
    fn escape(&mut self) -> Result<char, Malformed> {
        let Some(kind) = self.text.as_bytes().get(self.at) else { return self.malformed("an escape") };
        self.at += 1;
        Ok(match kind {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let first = self.four_hex()?;
                let unit = match first {
                    0xD800..=0xDBFF => self.second_half(first)?.unwrap_or(first),
                    unit => unit,
                };
                char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER)
            }
            _ => return self.malformed("one of the escapes \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\u"),
        })
    }

    /// The character whose first half has been taken; `None`, and nothing taken, when its second half does not follow.
    fn second_half(&mut self, first: u32) -> Result<Option<u32>, Malformed> {
        let start = self.at;
        if self.text.as_bytes()[start..].starts_with(b"\\u") {
            self.at += 2;
            if let second @ 0xDC00..=0xDFFF = self.four_hex()? {
                return Ok(Some(0x1_0000 + ((first - 0xD800) << 10) + (second - 0xDC00)));
            }
            self.at = start;
        }
        Ok(None)
    }

    fn four_hex(&mut self) -> Result<u32, Malformed> {
        let digits = self
            .text
            .get(self.at..self.at + 4)
            .filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
        match digits.and_then(|digits| u32::from_str_radix(digits, 16).ok()) {
            Some(unit) => {
                self.at += 4;
                Ok(unit)
            }
            None => self.malformed("four hexadecimal digits"),
        }
    }
}

/// The longest text that is passed over in the place of a value, in bytes.
const NO_VALUE: usize = 256;

/// Whether a key, or the object's end, follows the comma with which this begins.
#[inline]
fn key_follows(rest: &[u8]) -> bool {
    rest.get(1) == Some(&b'"')
        || rest
            .iter()
            .find(|byte| !matches!(byte, b',' | b' ' | b'\n' | b'\r' | b'\t'))
            .is_none_or(|byte| matches!(byte, b'"' | b'}'))
}

/// The exact value of a short decimal: both its digits and the power of ten are exact in a 64-bit float, so
/// one division rounds correctly (Clinger, How to Read Floating Point Numbers Accurately, 1990).
fn exact(mantissa: u64, digits: usize, fraction: usize) -> Option<f64> {
    const POWERS: [f64; 16] =
        [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];
    // At most 15 digits are below 2^53.
    (digits <= 15).then(|| mantissa as f64 / POWERS[fraction])
}
