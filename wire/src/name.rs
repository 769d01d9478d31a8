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
}
