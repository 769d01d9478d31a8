//! What a signal may be called.

use crate::limits::SIGNAL_NAME_BYTES;

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

/// Whether `name` matches `pattern`, in which `*` stands for any run of characters, also none.
///
/// Linear in the product of both lengths at worst; there is no other special character.
///
/// ```
/// use afterglow_wire::name::matches;
/// assert!(matches("host.*", "host.cpu"));
/// assert!(matches("*", ""));
/// assert!(!matches("host.*", "sine"));
/// ```
pub fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.as_bytes(), name.as_bytes());
    let (mut p, mut n) = (0, 0);
    // Where to go on when a guess about the last `*` fails: after it, one more byte swallowed.
    let mut retry: Option<(usize, usize)> = None;
    while n < name.len() {
        if p < pattern.len() && pattern[p] == b'*' {
            retry = Some((p + 1, n));
            p += 1;
        } else if p < pattern.len() && pattern[p] == name[n] {
            p += 1;
            n += 1;
        } else if let Some((after_star, swallowed)) = retry {
            p = after_star;
            n = swallowed + 1;
            retry = Some((after_star, n));
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

/// The names or patterns in a list that has commas between them, without the blanks around them.
///
/// A comma, blank or backslash after a backslash is part of its name; any other backslash is one.
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
            '\\' => {
                name.push(characters.next_if(|next| matches!(next, ',' | ' ' | '\\')).unwrap_or('\\'));
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

#[cfg(test)]
mod tests {
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
    fn patterns() {
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
