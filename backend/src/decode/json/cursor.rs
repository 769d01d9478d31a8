//! A position in a JSON text that returns one token at a time, without building values.
//!
//! Two deliberate leniencies, so that one bad sample does not sink the others of its body: the tokens `NaN`,
//! `Infinity` and `-Infinity`, which common encoders write, are values (that are then rejected by name), and
//! control characters may stand in strings (a name that has one is then rejected).

use afterglow_wire::limits::JSON_DEPTH;

/// Where a text stops being JSON, and what was expected there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed {
    /// The byte offset.
    pub(super) at: usize,
    /// What would have been allowed.
    pub(super) expected: &'static str,
}

/// A number as written: its value, and whether it has neither fraction nor exponent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Number<'a> {
    pub(super) text: &'a str,
    pub(super) value: f64,
}

/// The next value, of which arrays and objects have been skipped.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Scalar<'a> {
    Number(Number<'a>),
    Bool(bool),
    Null,
    Text(&'a str),
    Array,
    Object,
}

impl Scalar<'_> {
    /// What the value is, as a message names it.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Scalar::Number(_) => "a number",
            Scalar::Bool(_) => "true or false",
            Scalar::Null => "null",
            Scalar::Text(_) => "a text",
            Scalar::Array => "an array",
            Scalar::Object => "an object",
        }
    }
}

pub(super) struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    pub(super) fn malformed<T>(&self, expected: &'static str) -> Result<T, Malformed> {
        Err(Malformed { at: self.at, expected })
    }

    /// The next byte that is not white space, without taking it.
    pub(super) fn peek(&mut self) -> Option<u8> {
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
    pub(super) fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    /// Whether another member of an array or object follows, up to `close`, which is taken.
    /// `first` is true before the first member and set to false by the call.
    pub(super) fn another(&mut self, close: u8, first: &mut bool) -> Result<bool, Malformed> {
        let was_first = std::mem::replace(first, false);
        if self.eat(close) {
            return Ok(false);
        }
        if !was_first && !self.eat(b',') {
            return self.malformed("a comma or a closing bracket");
        }
        Ok(true)
    }

    /// Takes a key and its colon. `scratch` holds the text when it has escapes.
    pub(super) fn key<'s>(&mut self, scratch: &'s mut String) -> Result<&'s str, Malformed>
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
    pub(super) fn scalar<'s>(&mut self, scratch: &'s mut String) -> Result<Scalar<'s>, Malformed>
    where
        'a: 's,
    {
        match self.peek() {
            Some(b'-' | b'0'..=b'9' | b'N' | b'I') => self.number().map(Scalar::Number),
            Some(b'"') => self.string(scratch).map(Scalar::Text),
            Some(b't') => self.literal("true").map(|()| Scalar::Bool(true)),
            Some(b'f') => self.literal("false").map(|()| Scalar::Bool(false)),
            Some(b'n') => self.literal("null").map(|()| Scalar::Null),
            Some(b'[') => self.skip(0).map(|()| Scalar::Array),
            Some(b'{') => self.skip(0).map(|()| Scalar::Object),
            _ => self.malformed("a value"),
        }
    }

    /// Passes over any value.
    pub(super) fn skip(&mut self, depth: usize) -> Result<(), Malformed> {
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

    fn literal(&mut self, word: &'static str) -> Result<(), Malformed> {
        if !self.text.as_bytes()[self.at..].starts_with(word.as_bytes()) {
            return self.malformed("a value");
        }
        self.at += word.len();
        Ok(())
    }

    /// Takes a number by JSON's grammar, or one of the three words for what is not finite.
    fn number(&mut self) -> Result<Number<'a>, Malformed> {
        let start = self.at;
        let negative = self.text.as_bytes()[start] == b'-';
        self.at += usize::from(negative);
        for (word, value) in [("NaN", f64::NAN), ("Infinity", f64::INFINITY)] {
            if self.text.as_bytes()[self.at..].starts_with(word.as_bytes()) {
                self.at += word.len();
                return Ok(Number { text: &self.text[start..self.at], value });
            }
        }
        let mut mantissa = 0_u64;
        let integer = self.digits(&mut mantissa);
        let leading_zero = integer > 1 && self.text.as_bytes()[self.at - integer] == b'0';
        if integer == 0 || leading_zero {
            return self.malformed("a number without leading zeros");
        }
        let mut fraction = 0;
        if self.at_byte(b".") {
            self.at += 1;
            fraction = self.digits(&mut mantissa);
            if fraction == 0 {
                return self.malformed("a digit after the point");
            }
        }
        let exponent = self.at_byte(b"eE");
        if exponent {
            self.at += 1;
            self.at += usize::from(self.at_byte(b"+-"));
            if self.digits(&mut 0) == 0 {
                return self.malformed("a digit of the exponent");
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
        Ok(Number { text, value })
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

/// The exact value of a short decimal: both its digits and the power of ten are exact in a 64-bit float, so
/// one division rounds correctly (Clinger, How to Read Floating Point Numbers Accurately, 1990).
fn exact(mantissa: u64, digits: usize, fraction: usize) -> Option<f64> {
    const POWERS: [f64; 16] =
        [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];
    // At most 15 digits are below 2^53.
    (digits <= 15).then(|| mantissa as f64 / POWERS[fraction])
}
