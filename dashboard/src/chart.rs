//! What a chart draws: columns of pixels, scales, colours, gestures, cursors and limits that are dragged.

pub mod columns;
pub mod cursors;
pub mod dashes;
pub mod gestures;
pub mod handles;
pub mod palette;
pub mod scale;
pub mod sparkline;
