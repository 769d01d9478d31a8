//! Foreign text on terminals and in logs.

use std::borrow::Cow;
use std::fmt::Write as _;

/// `text` as a terminal or a log may get it: control characters, line separators, and characters that are invisible
/// or change the direction of others become escapes such as `\u{1b}`.
///
/// Everything that a program did not write itself goes through here before it is printed: names, messages of a server,
/// reasons of a close.
pub fn printable(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    // Quotes and backslashes would be escaped as well.
    for part in text.split_inclusive(['"', '\'', '\\']) {
        let (plain, quote) = part.split_at(part.trim_end_matches(['"', '\'', '\\']).len());
        let _ = write!(shown, "{}{quote}", plain.escape_debug());
    }
    Cow::Owned(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_steers_a_terminal_or_hides_is_escaped_and_the_rest_is_not() {
        let check = |text, expected: &str| assert_eq!(printable(text), expected);
        check("host.cpu \"a\\b\" it's", "host.cpu \"a\\b\" it's");
        check("größe 温度 e\u{301} 😀", "größe 温度 e\u{301} 😀");
        check("\u{1b}]0;pwned\u{7}\u{1b}[2J", "\\u{1b}]0;pwned\\u{7}\\u{1b}[2J");
        check("a\nb\r\t\0", "a\\nb\\r\\t\\0");
        check(
            "temp\u{202e}gpj\u{200b}\u{2028}\u{feff}\u{9b}",
            "temp\\u{202e}gpj\\u{200b}\\u{2028}\\u{feff}\\u{9b}",
        );
    }
}
