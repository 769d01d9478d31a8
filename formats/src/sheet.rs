//! Names in files for spreadsheets, which take some texts for formulas and run them.

use std::borrow::Cow;

/// Whether spreadsheets may take a text for a formula, and run it.
fn is_formula(text: &str) -> bool {
    // Some ignore leading blanks.
    text.starts_with(['\t', '\r'])
        || text.trim_start().starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠'])
}

/// Whether a text is a formula behind at least one apostrophe.
fn is_escaped(text: &str) -> bool {
    let bare = text.trim_start_matches('\'');
    bare.len() < text.len() && is_formula(bare)
}

/// A name for a spreadsheet: an apostrophe stands before what would be a formula. [`read`] gives it back.
pub fn for_people(name: &str) -> Cow<'_, str> {
    if is_formula(name) { Cow::Owned(format!("'{name}")) } else { for_programs(name) }
}

/// A name as it is, unless it looks like one of [`for_people`]. [`read`] gives it back.
pub fn for_programs(name: &str) -> Cow<'_, str> {
    if is_escaped(name) { Cow::Owned(format!("'{name}")) } else { Cow::Borrowed(name) }
}

/// The name that [`for_people`] or [`for_programs`] wrote.
pub fn read(text: &str) -> &str {
    if is_escaped(text) { &text[1..] } else { text }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_for_people_are_no_formulas() {
        for (name, expected) in [
            ("+3.3V", "'+3.3V"),
            ("=1+1", "'=1+1"),
            (" =1", "' =1"),
            ("＝1", "'＝1"),
            ("a=1", "a=1"),
            ("'a", "'a"),
            ("'-5V", "''-5V"),
        ] {
            assert_eq!(for_people(name), expected);
        }
        assert_eq!((for_programs("+3.3V"), for_programs("'+3.3V")), ("+3.3V".into(), "''+3.3V".into()));
    }

    proptest! {
        #[test]
        fn every_name_is_read_back(name in "['+=\\-@ a]{0,6}") {
            for written in [for_people(&name), for_programs(&name)] {
                prop_assert_eq!(read(&written), &*name);
            }
        }
    }
}
