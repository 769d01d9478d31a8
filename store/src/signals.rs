//! What signals there are, and which of them somebody asks for. Knows neither formats nor the database, and no actix.
//!
//! Labels (`cpu{host="a"}`) belong here: the dictionary parses them from a name when it learns it and keeps the index; the
//! selector takes matchers beside its patterns.

mod dictionary;
mod selector;

pub use dictionary::{Learned, Signals};
pub use selector::Selector;
