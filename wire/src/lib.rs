//! The language Afterglow's programs share.
//!
//! Messages of the HTTP and WebSocket contract, the limits every endpoint enforces, and the error codes
//! that endpoints answer with. Builds natively and for the browser. No input or output, no clock, no actors,
//! no database: whatever needs one of these takes it as a parameter.

pub mod access;
pub mod alert;
pub mod annotation;
pub mod backtest;
pub mod board;
pub mod channel;
pub mod close;
pub mod document;
pub mod error;
pub mod health;
pub mod ingest_report;
pub mod invalid;
pub mod limits;
pub mod live;
pub mod metadata;
pub mod name;
pub mod people;
pub mod placeholder;
mod printable;
pub mod revision;
pub mod rule;
#[cfg(feature = "schema")]
mod schema;
pub mod secret;
pub mod silence;
pub mod slug;
pub mod telemetry;
pub mod tenant;
pub mod timestamp;
pub mod v1;

pub use error::{Code, ErrorBody};
pub use invalid::Invalid;
pub use printable::printable;
pub use timestamp::Timestamp;
