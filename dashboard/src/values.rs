//! Values as text: numbers and units.

pub mod format;
pub mod resolution;
pub mod ticks;
pub mod unit;
