//! InfluxDB's line protocol: `measurement[,tag=value...] field=value[,field=value...] [timestamp]`.

use afterglow_formats::series::Tags;
use afterglow_formats::{Verdict, number};

/// A line.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Point {
    pub(super) fields: Vec<Field>,
    /// The digits of the timestamp.
    pub(super) timestamp: Option<String>,
}

/// A field of a line.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Field {
    /// Made of measurement, the tags' values in the order of the tags' names, and field, with dots between.
    pub(super) name: String,
    /// What tells it from other fields with the same name: measurement, tags and field as they are written.
    pub(super) series: String,
    pub(super) value: String,
}

/// Reads a line, of whose tags this goes into names; none when it is no line protocol.
pub(super) fn read(text: &str, in_names: Tags) -> Option<Point> {
    let mut parts = split(text, ' ').into_iter().filter(|part| !part.is_empty());
    let (head, fields, timestamp) = (parts.next()?, parts.next()?, parts.next());
    let is_integer =
        |text: &&str| text.strip_prefix('-').unwrap_or(text).bytes().all(|byte| byte.is_ascii_digit());
    if parts.next().is_some() || !timestamp.iter().all(is_integer) {
        return None;
    }
    let mut head = split(head, ',').into_iter();
    let measurement = head.next().filter(|name| is_name(name))?;
    let mut tags: Vec<_> = head.map(pair).collect::<Option<_>>()?;
    tags.sort_unstable();
    let (mut beginning, mut series) = (plain(measurement), measurement.to_owned());
    for (tag, value) in tags {
        beginning.push('.');
        if in_names == Tags::Pairs {
            beginning.push_str(&plain(tag));
            beginning.push('=');
        }
        beginning.push_str(&plain(value));
        series.extend([",", tag, "=", value]);
    }
    let field = |part| {
        pair(part).map(|(field, value)| Field {
            name: format!("{beginning}.{}", plain(field)),
            series: format!("{series} {field}"),
            value: value.to_owned(),
        })
    };
    let fields = split(fields, ',').into_iter().map(field).collect::<Option<_>>()?;
    Some(Point { fields, timestamp: timestamp.map(str::to_owned) })
}

/// A field's value: a number, an integer with `i` or `u`, or a truth.
pub(super) fn value(text: &str) -> Result<f64, Verdict> {
    match text {
        "t" | "T" => Ok(1.0),
        "f" | "F" => Ok(0.0),
        _ => {
            let digits =
                text.strip_suffix(['i', 'u']).filter(|digits| digits.ends_with(|c: char| c.is_ascii_digit()));
            number::read(digits.unwrap_or(text))
        }
    }
}

/// Whether a text without a sign can be a measurement. A word with a colon at its end is a remark, and one that begins with a
/// digit or a bracket may be the time of a log's line, each of which would be a signal of its own.
fn is_name(text: &str) -> bool {
    let begins =
        text.starts_with(|c: char| !c.is_ascii() || c.is_ascii_alphabetic() || matches!(c, '_' | '\\' | '"'));
    begins && !text.contains('=') && !text.ends_with(':')
}

/// A name and a value, both not empty.
fn pair(text: &str) -> Option<(&str, &str)> {
    let mut parts = split(text, '=').into_iter();
    let pair = (parts.next()?, parts.next()?);
    (parts.next().is_none() && !pair.0.is_empty() && !pair.1.is_empty()).then_some(pair)
}

/// The parts between separators that have no backslash before them and stand in no quotes.
fn split(text: &str, separator: char) -> Vec<&str> {
    let (mut parts, mut from, mut quoted, mut escaped) = (Vec::new(), 0, false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => quoted = !quoted,
            c if c == separator && !quoted => {
                parts.push(&text[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[from..]);
    parts
}

/// A name without the backslashes before separators.
fn plain(text: &str) -> String {
    let mut name = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        match c {
            '\\' => {
                name.push(characters.next_if(|next| matches!(next, ',' | '=' | ' ' | '\\')).unwrap_or('\\'));
            }
            other => name.push(other),
        }
    }
    name
}
