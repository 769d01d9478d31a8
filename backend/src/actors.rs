//! The actors, one file each, with their messages.

pub mod broadcaster;
pub mod ingest;
pub mod session;
