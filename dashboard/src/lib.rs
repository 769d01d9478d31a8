//! Afterglow's page: what the signals do, now and over any range.
//!
//! The core is plain data and pure functions, tested natively; [`edge`](self) exists only in a browser: the socket, the
//! one paint loop, the chart library, the components. No sample goes through the reactive graph: the stream writes
//! rings, the paint loop reads them, and components only see a few summaries a second.

pub mod alerts;
pub mod boards;
pub mod chart;
pub mod connection;
pub mod order;
pub mod samples;
pub mod stream;
pub mod time;
pub mod values;

#[cfg(target_arch = "wasm32")]
pub mod edge;
