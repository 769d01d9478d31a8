//! Samples to the backend: batched, retried, and kept on disk while the backend is down.
//!
//! [`Publisher`] does all of it on a thread of its own. The parts are there for programs that have a loop already, as
//! the producer has its actor; they read no clock. A sample's way: [`batch`] groups it with others, [`outbox`] holds the
//! batch in memory or in the [`spool`] until [`delivery`] has an answer from the backend, which [`courier`] asks over
//! HTTP, [`verdict`] reads and [`backoff`](crate::backoff) asks again.

pub mod batch;
pub mod courier;
pub mod delivery;
pub mod outbox;
mod publisher;
mod ready;
pub mod spool;
pub mod verdict;

pub use publisher::{Closed, PublishError, Publisher};
pub use ready::{NotReady, ready};
