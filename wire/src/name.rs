//! What a signal may be called.

use memchr::memmem;

use crate::limits::{PATTERN_STARS, PATTERNS, SIGNAL_NAME_BYTES};

/// Checks a signal's name: 1 to 256 bytes of UTF-8 without control characters.
///
/// # Errors
/// A sentence that says what is wrong and what is allowed.
pub fn check(name: &str) -> Result<(), String> {
    if name.is_empty() {
        return Err("the signal's name is empty; it takes 1 to 256 bytes".into());
    }
    if name.len() > SIGNAL_NAME_BYTES {
        return Err(format!(
            "the signal's name has {} bytes; at most {SIGNAL_NAME_BYTES} are allowed",
            name.len()
        ));
    }
    match name.chars().find(|c| c.is_control()) {
        Some(c) => {
            Err(format!("the signal's name has the control character U+{:04X}; none is allowed", c as u32))
        }
        None => Ok(()),
    }
}

/// Checks the name of a new signal: one that [`check`] allows, and of which every character can be seen.
///
/// Characters that are invisible or change the direction of others (Unicode's categories Cf, Zl and Zp, and unusual blanks)
/// would let one signal look like another. The two joiners (U+200C, U+200D) are allowed between characters beyond ASCII: emoji and Persian need
/// them. What could not be read (U+FFFD) would let several names become one. Signals that have such names keep them.
///
/// # Errors
/// A sentence that says what is wrong and what is allowed.
pub fn check_new(name: &str) -> Result<(), String> {
    check(name)?;
    if name.contains(char::REPLACEMENT_CHARACTER) {
        return Err(
            "the signal's name has the character U+FFFD, which stands for one that could not be read; a new \
                    signal's name is UTF-8, and in JSON has no half of a surrogate pair"
                .into(),
        );
    }
    let mut before = None;
    let mut characters = name.chars().peekable();
    let hidden = loop {
        let Some(c) = characters.next() else { return Ok(()) };
        let joins = matches!(c, '\u{200c}' | '\u{200d}')
            && [before, characters.peek().copied()]
                .iter()
                .all(|c| c.is_some_and(|c| !c.is_ascii() && is_visible(c)));
        if !joins && !is_visible(c) {
            break c;
        }
        before = Some(c);
    };
    Err(format!(
        "the signal's name has the character U+{:04X}, which cannot be seen; a new signal's name takes visible ones",
        hidden as u32
    ))
}

/// Whether it can be seen, if only as a mark at the character before it.
fn is_visible(c: char) -> bool {
    c.is_ascii() || c.escape_debug().len() == 1 || is_mark(c)
}

/// Whether it combines with the character before it, and is escaped by `escape_debug` for that alone.
fn is_mark(c: char) -> bool {
    // `str::escape_debug` escapes such characters only at the beginning.
    let mut text = String::from("a");
    text.push(c);
    text.escape_debug().eq(text.chars())
}

/// Whether `name` matches `pattern`, in which `*` stands for any run of characters, also none, and `\*` for a star.
///
/// Linear in both lengths, since a piece between two `*` is looked for only after the one before it; there is no other
/// special character. Backslashes before a `*` escape each other too, so `\\*` is a backslash and any characters; others
/// are characters like any.
///
/// ```
/// use afterglow_wire::name::matches;
/// assert!(matches("host.*", "host.cpu"));
/// assert!(matches("*", ""));
/// assert!(!matches("host.*", "sine"));
/// assert!(matches(r"temp\*", "temp*") && !matches(r"temp\*", "temp1"));
/// ```
pub fn matches(pattern: &str, name: &str) -> bool {
    if pattern.contains("\\*") {
        let pieces = pieces(pattern);
        return matches_pieces(pieces.iter().map(String::as_str), name);
    }
    matches_pieces(pattern.split('*'), name)
}

fn matches_pieces<'p>(mut pieces: impl DoubleEndedIterator<Item = &'p str>, name: &str) -> bool {
    let first = pieces.next().unwrap_or_default();
    let Some(last) = pieces.next_back() else { return name == first };
    let between = name.strip_prefix(first).and_then(|rest| rest.strip_suffix(last));
    let Some(mut rest) = between.map(str::as_bytes) else { return false };
    for piece in pieces {
        let Some(at) = memmem::find(rest, piece.as_bytes()) else { return false };
        rest = &rest[at + piece.len()..];
    }
    true
}

/// What stands between the `*` of a pattern, without escapes; a single piece is a name.
pub fn pieces(pattern: &str) -> Vec<String> {
    let mut pieces = vec![String::new()];
    for (number, part) in pattern.split('*').enumerate() {
        let Some(piece) = pieces.last_mut() else { break };
        if number > 0 {
            let backslashes = piece.len() - piece.trim_end_matches('\\').len();
            piece.truncate(piece.len() - backslashes.div_ceil(2));
            if backslashes % 2 == 1 {
                piece.push('*');
            } else {
                pieces.push(String::new());
            }
        }
        if let Some(piece) = pieces.last_mut() {
            piece.push_str(part);
        }
    }
    pieces
}

/// Checks that patterns are few and simple enough to be compared with every name.
///
/// # Errors
/// The pattern at fault, and a sentence that says what is wrong and what is allowed.
pub fn check_patterns(patterns: &[String]) -> Result<(), (&str, String)> {
    let mut with_star = 0;
    for pattern in patterns {
        let stars = pieces(pattern).len() - 1;
        if stars > PATTERN_STARS {
            return Err((pattern, format!("it has {stars} *; at most {PATTERN_STARS} are allowed")));
        }
        with_star += usize::from(stars > 0);
        if with_star > PATTERNS {
            let message =
                format!("there are more than {PATTERNS} patterns with *; names without are not limited");
            return Err((pattern, message));
        }
    }
    Ok(())
}

/// The pattern that only `name` matches.
pub fn exactly(name: &str) -> String {
    let mut pattern = String::with_capacity(name.len());
    for character in name.chars() {
        if character == '*' {
            double_backslashes(&mut pattern);
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern
}

/// The names or patterns in a list that has commas between them, without the blanks around them.
///
/// A comma, blank or backslash after a backslash is part of its name, and `\*` stays what it is in a pattern; any other
/// backslash is one.
///
/// ```
/// use afterglow_wire::name::split;
/// assert_eq!(split(r"host.*, a\,b"), ["host.*", "a,b"]);
/// ```
pub fn split(list: &str) -> Vec<String> {
    let mut names = vec![String::new()];
    // How long the last name is with the blanks in it that were meant.
    let mut meant = 0;
    let mut characters = list.chars().peekable();
    while let Some(character) = characters.next() {
        let Some(name) = names.last_mut() else { break };
        match character {
            '\\' if characters.peek() == Some(&'*') => {
                double_backslashes(name);
                name.push('\\');
                name.extend(characters.next());
                meant = name.len();
            }
            '\\' => {
                let is_special = |next: &char| matches!(next, ',' | '\\') || next.is_whitespace();
                name.push(characters.next_if(is_special).unwrap_or('\\'));
                meant = name.len();
            }
            '*' => {
                double_backslashes(name);
                name.push('*');
                meant = name.len();
            }
            ',' => {
                name.truncate(meant);
                names.push(String::new());
                meant = 0;
            }
            blank if blank.is_whitespace() => {
                if meant > 0 {
                    name.push(blank);
                }
            }
            other => {
                name.push(other);
                meant = name.len();
            }
        }
    }
    if let Some(name) = names.last_mut() {
        name.truncate(meant);
    }
    names
}

/// The list that [`split`] makes these names or patterns of, with a blank after each comma.
///
/// ```
/// use afterglow_wire::name::join;
/// assert_eq!(join(&["host.*".to_owned(), "a,b".to_owned()]), r"host.*, a\,b");
/// ```
pub fn join(names: &[String]) -> String {
    let escaped = names.iter().map(|name| {
        let mut text = String::with_capacity(name.len());
        // Blanks at the ends are meant, too.
        let inner = name.trim();
        let start = name.len() - name.trim_start().len();
        let mut characters = name.char_indices().peekable();
        while let Some((at, character)) = characters.next() {
            match character {
                '\\' => {
                    let mut backslashes = 1;
                    while characters.next_if(|(_, next)| *next == '\\').is_some() {
                        backslashes += 1;
                    }
                    // Before a star they are escaped already.
                    let is_escaped = characters.peek().is_some_and(|(_, next)| *next == '*');
                    text.extend(std::iter::repeat_n(
                        '\\',
                        if is_escaped { backslashes } else { 2 * backslashes },
                    ));
                }
                ',' => text.push_str("\\,"),
                blank if blank.is_whitespace() && !(start..start + inner.len()).contains(&at) => {
                    text.push('\\');
                    text.push(blank);
                }
                other => text.push(other),
            }
        }
        text
    });
    escaped.collect::<Vec<_>>().join(", ")
}

/// Lets the backslashes at a pattern's end stand for themselves before a star.
fn double_backslashes(pattern: &mut String) {
    let backslashes = pattern.len() - pattern.trim_end_matches('\\').len();
    pattern.extend(std::iter::repeat_n('\\', backslashes));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_within_the_limits_pass() {
        for name in ["a", "host.cpu", "température", "a b", &"x".repeat(256)] {
            assert_eq!(check(name), Ok(()), "{name}");
        }
    }

    #[test]
    fn names_outside_the_limits_are_refused_with_the_reason() {
        assert!(check("").unwrap_err().contains("empty"));
        assert!(check(&"x".repeat(257)).unwrap_err().contains("257 bytes"));
        assert!(check("a\nb").unwrap_err().contains("U+000A"));
        assert!(check("a\u{7f}").unwrap_err().contains("U+007F"));
    }

    #[test]
    fn new_names_have_no_character_that_could_not_be_read() {
        assert_eq!(check("k\u{fffd}che"), Ok(()), "known ones stay");
        assert!(check_new("k\u{fffd}che").unwrap_err().contains("U+FFFD"));
    }

    #[test]
    fn new_names_are_visible() {
        for name in ["größe", "温度", "e\u{301}", "it's \"a\\b\"", "हिन्दी", "👩‍🚀🏳️‍🌈", "نمی\u{200c}خواهم"]
        {
            assert_eq!(check_new(name), Ok(()), "{name}");
        }
        for name in [
            "temp\u{202e}gpj.exe",
            "\u{200b}host.cpu",
            "a\u{2028}b",
            "a\u{ad}b",
            "a\u{200d}b",
            "é\u{200d}",
            "é\u{200d}\u{200d}é",
            "\u{feff}a",
            "a\u{a0}b",
        ] {
            assert_eq!(check(name), Ok(()), "{name}: known ones stay");
            assert!(check_new(name).unwrap_err().contains("cannot be seen"), "{name}");
        }
    }

    #[test]
    fn an_asterisk_stands_for_any_characters() {
        let check =
            |pattern, name, expected| assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        check("sine", "sine", true);
        check("sine", "cosine", false);
        check("*sine", "cosine", true);
        check("h*.c*u", "host.cpu", true);
        check("a*b*c", "a1b2b3c", true);
        check("a*b*c", "a1b2b3", false);
        check("", "", true);
        check("", "a", false);
        check("**", "anything", true);
        check("a*a", "a", false);
        check("*ab*ab*", "aab", false);
        check("é*é", "é1é", true);
    }

    #[test]
    fn a_star_after_a_backslash_is_a_star() {
        let check =
            |pattern, name, expected| assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        check(r"a\*", "a*", true);
        check(r"a\*", r"a\b", false);
        check(r"a\\*", r"a\b", true);
        check(r"a\\*", r"ab", false);
        check(r"a\\\*", r"a\*", true);
        check(r"\**\*", "*b*", true);
        check(r"\**\*", "b*", false);
        check(r"C:\temp", r"C:\temp", true);
        for (list, name) in [(r"a\*", "a*"), (r"a\\\*", r"a\*"), (r"a\\*", r"a\b"), (r"\ \*,x", " *")] {
            assert!(matches(&split(list)[0], name), "{list} {name} {:?}", split(list));
        }
        assert_eq!(split("\\\u{a0}a"), ["\u{a0}a"]);
        assert_eq!(check_patterns(&[r"\*\*\*\*\*\*".into()]), Ok(()));
    }

    /// The definition, as slow as it may be.
    fn matches_slowly(pattern: &[u8], name: &[u8]) -> bool {
        match pattern.split_first() {
            None => name.is_empty(),
            Some((b'*', rest)) => (0..=name.len()).any(|taken| matches_slowly(rest, &name[taken..])),
            Some((byte, rest)) => name.first() == Some(byte) && matches_slowly(rest, &name[1..]),
        }
    }

    proptest! {
        #[test]
        fn a_pattern_matches_what_its_definition_says(pattern in "[ab°*]{0,8}", name in "[ab°]{0,10}") {
            let expected = matches_slowly(pattern.as_bytes(), name.as_bytes());
            prop_assert_eq!(matches(&pattern, &name), expected);
        }
    }

    proptest! {
        #[test]
        fn a_name_is_a_pattern_that_only_it_matches(name in r"[ab*\\]{0,8}", other in r"[ab*\\]{0,8}") {
            let pattern = exactly(&name);
            prop_assert!(matches(&pattern, &name), "{pattern}");
            prop_assert_eq!(matches(&pattern, &other), name == other, "{}", pattern);
        }
    }

    proptest! {
        #[test]
        fn a_list_has_what_was_listed(names in prop::collection::vec(r"[ab*\\, ]{1,8}", 1..4)) {
            let patterns: Vec<_> = names.iter().map(|name| exactly(name)).collect();
            prop_assert_eq!(split(&join(&patterns)), patterns);
        }

        #[test]
        fn a_list_has_the_patterns_that_were_listed(names in prop::collection::vec(r"[ab, ]{0,3}\*[ab\\, ]{0,5}", 1..4)) {
            prop_assert_eq!(split(&join(&names)), names);
        }
    }

    #[test]
    fn too_many_or_too_long_patterns_are_refused_with_the_reason() {
        let names = vec!["plain".to_owned(); 10 * PATTERNS];
        assert_eq!(check_patterns(&names), Ok(()));
        let mut patterns = vec!["a*".to_owned(); PATTERNS];
        patterns.extend(names);
        assert_eq!(check_patterns(&patterns), Ok(()));
        patterns.push("last*".into());
        let (pattern, message) = check_patterns(&patterns).unwrap_err();
        assert!(pattern == "last*" && message.contains("100"), "{message}");
        assert_eq!(check_patterns(&["*a*b*c*".into()]), Ok(()));
        assert!(check_patterns(&["*a*b*c*d*".into()]).unwrap_err().1.contains("5 *"));
    }

    #[test]
    fn names_are_split_whatever_they_have() {
        let check = |list, expected: &[&str]| assert_eq!(split(list), expected, "{list}");
        check("", &[""]);
        check(" a b ,, host.* ,", &["a b", "", "host.*", ""]);
        check(r"a\,b,\ c\ ,d", &["a,b", " c ", "d"]);
        check(r"C:\temp,end\\,e", &[r"C:\temp", r"end\", "e"]);
    }
}
