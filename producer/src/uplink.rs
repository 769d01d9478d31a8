//! How samples reach the backend: the parts of the uplink that know no actix and read no clock.
//!
//! A sample's way: [`batch`] groups it with others, [`outbox`] holds the batch in memory or in the [`spool`]
//! until [`delivery`] has an answer from the backend, which [`courier`] asks over HTTP, [`verdict`] reads and
//! [`backoff`] asks again.

pub mod backoff;
pub mod batch;
pub mod courier;
pub mod delivery;
pub mod outbox;
pub mod spool;
pub mod verdict;
