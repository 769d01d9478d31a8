//! A client of Afterglow in Rust: [`publish`] sends samples and loses none, [`subscribe`] follows signals live.
//!
//! Both block a thread of their own and need no async runtime. The features `publish` and `subscribe` leave one of
//! them out.

pub mod access;
pub mod backoff;
pub mod clock;
#[cfg(feature = "publish")]
pub mod publish;
#[cfg(feature = "subscribe")]
pub mod subscribe;
pub mod throttle;
