//! Afterglow's backend: takes samples in, keeps them, and shows them at once.
//!
//! Start reading at [`pipeline`], which wires everything; then follow a sample through [`decode`],
//! [`actors::ingest`], [`store`] and [`actors::broadcaster`].

pub mod activity;
pub mod actors;
pub mod admission;
pub mod batch;
pub mod cli;
pub mod clock;
pub mod config;
pub mod decode;
pub mod encode;
mod fault;
pub mod http;
pub mod lifeline;
pub mod live;
pub mod memory;
pub mod metrics;
pub mod pipeline;
pub mod saved;
pub mod signals;
pub mod store;
pub mod tools;
