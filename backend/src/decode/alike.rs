//! Names that no eye can tell apart.

use unicode_normalization::UnicodeNormalization as _;

/// Another name that looks like `name` and `is_known`: the same characters composed in another way, or a micro sign in
/// place of a mu.
pub(super) fn other(name: &str, is_known: impl Fn(&str) -> bool) -> Option<String> {
    let composed: String = name.nfc().collect();
    let micro = |from: char, to: char| composed.replace(from, to.encode_utf8(&mut [0; 4]));
    let spellings = [
        name.nfd().collect(),
        name.nfkc().collect(),
        micro('\u{b5}', '\u{3bc}'),
        micro('\u{3bc}', '\u{b5}'),
        composed.clone(),
    ];
    spellings.into_iter().find(|spelling: &String| spelling != name && is_known(spelling))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_look_alike_are_found() {
        for (new, known) in [
            ("caf\u{e9}", "cafe\u{301}"),
            ("cafe\u{301}", "caf\u{e9}"),
            ("\u{b5}V", "\u{3bc}V"),
            ("\u{3bc}V", "\u{b5}V"),
            ("\u{ff41}", "a"),
        ] {
            assert_eq!(other(new, |name| name == known).as_deref(), Some(known));
            assert_eq!(other(new, |name| name == new), None, "itself");
        }
    }
}
