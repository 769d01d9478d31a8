//! The samples in memory, what was fetched beyond them, and their summary.

pub mod archive;
pub mod exact;
pub mod history;
pub mod means;
pub mod summary;
