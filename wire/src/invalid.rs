//! What documents (boards, annotations, signal metadata) may hold: the checks they share, and how an error names its field.

use std::fmt;

use crate::limits::{COLOUR_EXAMPLE, TAG_BYTES, TAGS};
use crate::name;

/// Something that cannot be saved as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid {
    /// Where: the path of the field, such as `panels[2].thresholds[0].label`.
    pub field: String,
    /// What is wrong there and what is allowed.
    pub message: String,
}

impl Invalid {
    /// A refusal of the field at this path.
    pub fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into() }
    }

    /// The same refusal as seen from outside: `label` within `thresholds[0]` is `thresholds[0].label`.
    pub(crate) fn within(mut self, outer: impl fmt::Display) -> Self {
        self.field = format!("{outer}.{}", self.field);
        self
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.message)
    }
}

impl std::error::Error for Invalid {}

/// A line of text: at most `most` bytes, no control characters.
pub(crate) fn line(field: &str, text: &str, most: usize) -> Result<(), Invalid> {
    length(field, text, most)?;
    match text.chars().find(|c| c.is_control()) {
        Some(c) => Err(control(field, c)),
        None => Ok(()),
    }
}

/// As [`line`], and not blank.
pub(crate) fn filled_line(field: &str, text: &str, most: usize) -> Result<(), Invalid> {
    filled(field, text)?;
    line(field, text, most)
}

/// Text of several lines: at most `most` bytes, no control characters but line ends and tabs.
pub(crate) fn prose(field: &str, text: &str, most: usize) -> Result<(), Invalid> {
    length(field, text, most)?;
    match text.chars().find(|c| c.is_control() && !matches!(c, '\n' | '\t')) {
        Some(c) => Err(control(field, c)),
        None => Ok(()),
    }
}

/// Not blank.
pub(crate) fn filled(field: &str, text: &str) -> Result<(), Invalid> {
    if text.trim().is_empty() { Err(Invalid::new(field, "it is empty; some text is needed")) } else { Ok(()) }
}

/// `#rrggbb`.
pub(crate) fn colour(field: &str, colour: Option<&str>) -> Result<(), Invalid> {
    let Some(colour) = colour else { return Ok(()) };
    let digits = colour.strip_prefix('#').filter(|digits| digits.len() == 6);
    if digits.is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit())) {
        return Ok(());
    }
    let message =
        format!("it is no colour; # and six hexadecimal digits such as {COLOUR_EXAMPLE} are expected");
    Err(Invalid::new(field, message))
}

/// Names or globs of signals, at most `most` of them.
pub(crate) fn patterns(field: &str, patterns: &[String], most: usize) -> Result<(), Invalid> {
    count(field, patterns.len(), most)?;
    for (index, pattern) in patterns.iter().enumerate() {
        name::check(pattern).map_err(|message| Invalid::new(format!("{field}[{index}]"), message))?;
    }
    Ok(())
}

/// Tags: short lines without commas, which separate them in queries.
pub(crate) fn tags(field: &str, tags: &[String]) -> Result<(), Invalid> {
    count(field, tags.len(), TAGS)?;
    for (index, tag) in tags.iter().enumerate() {
        let field = format!("{field}[{index}]");
        filled_line(&field, tag, TAG_BYTES)?;
        if tag.contains(',') {
            return Err(Invalid::new(field, "a comma separates tags; none is allowed in one"));
        }
    }
    Ok(())
}

/// No more than `most` elements.
pub(crate) fn count(field: &str, count: usize, most: usize) -> Result<(), Invalid> {
    if count <= most {
        return Ok(());
    }
    Err(Invalid::new(field, format!("it has {count} elements; at most {most} are allowed")))
}

fn length(field: &str, text: &str, most: usize) -> Result<(), Invalid> {
    if text.len() <= most {
        return Ok(());
    }
    Err(Invalid::new(field, format!("it has {} bytes; at most {most} are allowed", text.len())))
}

fn control(field: &str, c: char) -> Invalid {
    Invalid::new(field, format!("it has the control character U+{:04X}; none is allowed", c as u32))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_texts_pass_and_control_characters_do_not() {
        for text in ["<img src=x onerror=alert(1)>", "=HYPERLINK(\"x\")", "\u{202e}gnp", "👩‍🚀", ""] {
            assert_eq!(line("title", text, 256), Ok(()), "{text}");
        }
        assert_eq!(
            line("title", "a\nb", 256).unwrap_err().message.split(';').next(),
            Some("it has the control character U+000A")
        );
        assert_eq!(prose("text", "a\nb\tc", 256), Ok(()));
        assert!(prose("text", "a\u{1b}[31m", 256).is_err());
        assert!(line("title", &"é".repeat(129), 256).unwrap_err().message.contains("258 bytes"));
        assert!(filled_line("title", " \u{a0}", 256).is_err());
    }

    #[test]
    fn a_colour_is_six_hexadecimal_digits() {
        for good in [None, Some("#0b62b8"), Some("#ABCDEF")] {
            assert_eq!(colour("colour", good), Ok(()));
        }
        for bad in ["", "red", "#fff", "#0b62b8;", "#0b62bg", "url(x)"] {
            assert!(colour("colour", Some(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn tags_and_patterns_name_the_element() {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        assert_eq!(tags("tags", &texts(&["deploy", "a b"])), Ok(()));
        assert_eq!(tags("tags", &texts(&["deploy", "a,b"])).unwrap_err().field, "tags[1]");
        assert_eq!(patterns("signals", &texts(&["host.*", "\u{0}"]), 9).unwrap_err().field, "signals[1]");
        assert_eq!(patterns("signals", &texts(&["a", "b"]), 1).unwrap_err().field, "signals");
    }
}
