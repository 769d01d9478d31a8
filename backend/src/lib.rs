//! Afterglow's backend: takes samples in, keeps them, and shows them at once.

pub mod batch;
pub mod clock;
pub mod decode;
pub mod store;
