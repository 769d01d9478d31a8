//! Alerts: from what the evaluation finds to the messages that people get. Pure but for `send`, which talks to receivers.

pub mod compose;
pub mod delivery;
pub mod ledger;
pub mod pace;
pub mod quiet;
pub mod render;
pub mod send;
pub mod target;
pub mod text;
