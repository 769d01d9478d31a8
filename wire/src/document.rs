//! What rules, channels and silences have in common: a name, a version, and rules under which they are saved.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::invalid::Invalid;
use crate::limits::RULES;
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

/// The members of [`Document`] whose values stand in fields of the same names.
macro_rules! named {
    () => {
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
    };
}
pub(crate) use named;

impl Document for Rule {
    const KIND: &'static str = "rule";
    const LIST: &'static str = "/api/rules";
    const MOST: usize = RULES;

    named!();

    fn check(&self) -> Result<(), Invalid> {
        Self::check(self)
    }
}
