//! Values as text: numbers and units.

pub mod format;
pub mod unit;
