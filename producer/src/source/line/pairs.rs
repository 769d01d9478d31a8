//! `name=value` or `name: value`, one after the other.

use afterglow_wire::Timestamp;

use super::{TIMESTAMP, short};

/// A part of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Item<'t> {
    /// A name and the text of its value.
    Pair(&'t str, String),
    /// A word that is neither.
    Bare(String),
}

/// Reads a line's parts. Blanks, commas and semicolons separate them; blanks may stand around the sign of a pair.
///
/// # Errors
/// When the line does not come apart in one way only: nothing of it can be trusted.
pub(super) fn read(text: &str) -> Result<Vec<Item<'_>>, String> {
    // Colons are in times and in names, so they are signs only where there is no other.
    let sign = if text.contains(':') && !text.contains('=') { ':' } else { '=' };
    let mut items: Vec<Item<'_>> = Vec::new();
    let mut rest = text;
    // Whether commas or semicolons separate.
    let mut listed = false;
    let mut bare = None;
    loop {
        rest = rest.trim_start();
        if let Some(after) = rest.strip_prefix([',', ';']) {
            (rest, listed) = (after, true);
            continue;
        }
        if rest.is_empty() {
            break;
        }
        let end = rest.find(|c: char| c == sign || is_separator(c)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        match after.trim_start().strip_prefix(sign) {
            Some(after) => {
                let (value, after) = value(after.trim_start())?;
                if sign == ':' && value.contains(':') && is_time(&format!("{word}:{value}")) {
                    return Err(unnamed_time(&format!("{word}:{value}")));
                }
                items.push(Item::Pair(word, value.to_owned()));
                rest = after;
            }
            None => {
                rest = after;
                // A time of day after its date belongs to it.
                match items.last_mut() {
                    Some(Item::Pair(TIMESTAMP, stamp)) if bare.is_none() && word.starts_with(starts_time) => {
                        *stamp = format!("{stamp} {word}");
                        if stamp.parse::<Timestamp>().is_err() {
                            return Err(format!("{TIMESTAMP}: {} is not a time", short(stamp)));
                        }
                    }
                    _ => {
                        if is_time(word) {
                            return Err(unnamed_time(word));
                        }
                        bare.get_or_insert(word);
                        items.push(Item::Bare(word.to_owned()));
                    }
                }
            }
        }
    }
    match bare {
        // `a=1,5` may be one value or two, and `a b: 1` have one name or two.
        Some(word) if listed || sign == ':' => Err(format!(
            "{}: the line cannot be told apart into name{sign}value; nothing of it is used",
            short(word)
        )),
        _ => Ok(items),
    }
}

/// A value's text, and what follows it. A value in quotes goes on to their end.
fn value(text: &str) -> Result<(&str, &str), String> {
    if let Some(quoted) = text.strip_prefix('"') {
        let end = quoted.find('"').ok_or_else(|| format!("{}: the quotes do not end", short(text)))?;
        return Ok(text.split_at(end + 2));
    }
    Ok(text.split_at(text.find(is_separator).unwrap_or(text.len())))
}

fn unnamed_time(word: &str) -> String {
    format!("{}: the line's own time must be called {TIMESTAMP}; nothing of it is used", short(word))
}

/// Whether a word without a name is a time or a part of one, which its samples would lack: a date, a time of day, or a recent
/// epoch.
fn is_time(word: &str) -> bool {
    let word = word.trim_matches(['[', ']', '(', ')', '<', '>']);
    let has_all = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_day_time = |text: &str| {
        let mut parts = text.trim_end_matches('Z').splitn(3, ':');
        matches!((parts.next(), parts.next()), (Some(hours), Some(minutes)) if has_all(hours) && has_all(minutes))
    };
    let is_epoch =
        || word.len() >= 10 && word.parse::<Timestamp>().is_ok_and(|time| time > Timestamp::default());
    word.starts_with(|c: char| c.is_ascii_digit())
        && (is_day_time(word) || Timestamp::parse(word).is_ok() || is_epoch())
}

fn is_separator(c: char) -> bool {
    c.is_whitespace() || matches!(c, ',' | ';')
}

/// Whether a time of day, an offset or the name of UTC can begin like this.
fn starts_time(c: char) -> bool {
    c.is_ascii_digit() || matches!(c, '+' | '-' | 'U' | 'G' | 'Z')
}
