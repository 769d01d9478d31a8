//! The link to the server: its state, when to try again, frames that wait, errors it reports.

pub mod backlog;
pub mod backoff;
pub mod latency;
pub mod refusal;
pub mod status;
