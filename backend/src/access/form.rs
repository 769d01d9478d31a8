//! Texts as addresses and forms have them.

/// Pairs as the query of an address, or the body of a form, has them.
pub(super) fn form(pairs: &[(&str, &str)]) -> String {
    let written = pairs.iter().map(|(name, value)| format!("{name}={}", escaped(value)));
    written.collect::<Vec<_>>().join("&")
}

/// A text with everything escaped that means something in an address or a form.
pub(super) fn escaped(text: &str) -> String {
    text.bytes().fold(String::with_capacity(text.len()), |mut escaped, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
        escaped
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_escaped() {
        assert_eq!(form(&[("a", "b c&d=ä"), ("e", "A-._~9")]), "a=b%20c%26d%3D%C3%A4&e=A-._~9");
    }
}
