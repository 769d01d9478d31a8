//! What a chart draws: columns of pixels, scales, colours, gestures and cursors.

pub mod columns;
pub mod cursors;
pub mod dashes;
pub mod gestures;
pub mod palette;
pub mod scale;
pub mod sparkline;
