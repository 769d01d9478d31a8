//! The actors, one file each, with their messages.

pub mod alerts;
pub mod broadcaster;
pub mod certificate;
pub mod committer;
pub mod compactor;
pub mod engine;
pub mod follower;
pub mod issuer_keys;
pub mod keeper;
pub mod notifier;
pub(crate) mod rate_limit;
pub mod retention;
pub mod session;
