//! What rules, channels and silences have in common: a name, a version, and rules under which they are saved.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::invalid::Invalid;
use crate::limits::{RULES, SLUG_BYTES};
use crate::rule::Rule;

/// Something that people save under a name and replace version by version.
pub trait Document: Clone + PartialEq + Serialize + DeserializeOwned + Send + 'static {
    /// What one is called, in messages and in the database.
    const KIND: &'static str;
    /// Where they are listed.
    const LIST: &'static str;
    /// How many are kept.
    const MOST: usize;

    /// Its name in addresses; empty when a new one leaves it to its title.
    fn id(&self) -> &str;

    /// What a name is made from when it brings none.
    fn title(&self) -> &str;

    /// Counts its changes, from 1.
    fn version(&self) -> i32;

    /// Gives it a name and a version.
    fn number(&mut self, id: String, version: i32);

    /// Checks everything that may be saved.
    ///
    /// # Errors
    /// Names the field, and says what is allowed.
    fn check(&self) -> Result<(), Invalid>;
}

impl Document for Rule {
    const KIND: &'static str = "rule";
    const LIST: &'static str = "/api/rules";
    const MOST: usize = RULES;

    fn id(&self) -> &str {
        &self.id
    }

    fn title(&self) -> &str {
        &self.title
    }

    fn version(&self) -> i32 {
        self.version
    }

    fn number(&mut self, id: String, version: i32) {
        (self.id, self.version) = (id, version);
    }

    fn check(&self) -> Result<(), Invalid> {
        Self::check(self)
    }
}

/// Checks a document's name in addresses: lower-case letters, digits and hyphens; empty when it is left to the title.
///
/// # Errors
/// Says what is allowed.
pub fn check_id(field: &str, id: &str) -> Result<(), Invalid> {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if id.len() <= SLUG_BYTES && id.bytes().all(allowed) {
        return Ok(());
    }
    let message = format!("1 to {SLUG_BYTES} lower-case letters of a to z, digits and hyphens are allowed");
    Err(Invalid::new(field, message))
}

/// A name made from a title: its words in lower case, with hyphens between them; `otherwise` when it has none.
pub fn slug(title: &str, otherwise: &str) -> String {
    let words = title.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let mut slug = words.map(str::to_ascii_lowercase).collect::<Vec<_>>().join("-");
    slug.truncate(SLUG_BYTES);
    let slug = slug.trim_end_matches('-');
    if slug.is_empty() { otherwise.into() } else { slug.into() }
}
