//! The names of documents in addresses: lower-case letters, digits and hyphens.

use crate::invalid::Invalid;
use crate::limits::SLUG_BYTES;

/// A name made from a title: its words in lower case, with hyphens between them; `otherwise` when it has none.
pub fn of(title: &str, otherwise: &str) -> String {
    let words = title.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let mut slug = words.map(str::to_ascii_lowercase).collect::<Vec<_>>().join("-");
    slug.truncate(SLUG_BYTES);
    let slug = slug.trim_end_matches('-');
    if slug.is_empty() { otherwise.into() } else { slug.into() }
}

/// Checks a name.
pub(crate) fn check(field: &str, slug: &str) -> Result<(), Invalid> {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if (1..=SLUG_BYTES).contains(&slug.len()) && slug.bytes().all(allowed) {
        return Ok(());
    }
    let message = format!("1 to {SLUG_BYTES} lower-case letters of a to z, digits and hyphens are allowed");
    Err(Invalid::new(field, message))
}

/// Checks a name that a new document may leave to its title.
pub(crate) fn check_new(field: &str, slug: &str) -> Result<(), Invalid> {
    if slug.is_empty() { Ok(()) } else { check(field, slug) }
}
