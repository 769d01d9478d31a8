//! The actors, one file each, with their messages.

pub mod broadcaster;
pub mod compactor;
pub mod ingest;
pub mod retention;
pub mod session;
