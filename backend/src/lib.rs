//! Afterglow's backend: takes samples in, keeps them, and shows them at once.
//!
//! Start reading at [`pipeline`], which wires everything; then follow a sample through [`decode`],
//! [`actors::committer`], [`store`] and [`actors::broadcaster`].

pub mod access;
pub mod actors;
pub mod admission;
pub mod alerts;
pub mod authority;
pub mod backtest;
pub mod bus;
pub mod cli;
pub mod committed;
pub mod config;
pub mod decode;
pub mod deletions;
pub mod documents;
pub mod encode;
#[cfg(test)]
mod fuzz;
pub mod health;
pub mod http;
pub mod ingest_report;
pub mod intake;
pub mod lifeline;
pub mod live;
pub mod memory;
pub mod metrics;
pub mod pace;
pub mod pipeline;
pub mod places;
pub mod pool;
pub mod refusal;
pub mod shares;
pub mod tenants;
pub mod tls;
pub mod tools;

// The store is a crate of its own, so that nothing here can name what it is built on. What it shares with the rest comes along.
pub use afterglow_store as store;
pub use afterglow_store::{batch, clock, fault, signals};
