//! What signals there are, and which of them somebody asks for. Knows neither formats nor the database, and no actix.

mod dictionary;
mod selector;

pub use dictionary::{Intern, Signals};
pub use selector::Wanted;
