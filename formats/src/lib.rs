//! How texts of other programs say samples. The backend (requests, import) and the producer (CSV files, lines of programs)
//! read with this crate, so they take the same texts and refuse the same ones for the same reasons.
//!
//! - [`number`]: values, and the spellings of what is none.
//! - [`json`]: JSON one token at a time, tolerant where one bad value would sink the others.
//! - [`records`]: the lines of a file of comma-separated values, and their cells.
//! - [`series`]: names that are made of several texts.
//! - [`table`]: what the columns of such a file mean.
//! - [`sheet`]: names that a spreadsheet would take for formulas.
//! - [`time_name`]: times under a name of their own.
//! - [`zone`]: local times.
//!
//! Pure but for the reader that [`records`] is given; no clock.

pub mod json;
pub mod number;
pub mod records;
pub mod series;
pub mod sheet;
pub mod table;
pub mod time_name;
pub mod zone;

use afterglow_wire::Code;

/// Why a value, a row or a whole object cannot be used.
pub type Verdict = (Code, String);

/// The beginning of a text, so that a message stays small.
pub fn shown(text: &str) -> String {
    match text.char_indices().nth(80) {
        Some((cut, _)) => format!("{}...", &text[..cut]),
        None => text.to_owned(),
    }
}
