//! Afterglow's page: what the signals do, now and over any range.
//!
//! The core is plain data and pure functions, tested natively: [`stream`] knows what the server's frames mean,
//! [`history`] keeps the samples, [`columns`] decides what a chart draws of them. The edges exist only in a browser:
//! `feed` (the socket), `frame` (the one paint loop), `plot` (the chart library), `view` (the components). No sample
//! goes through the reactive graph: the stream writes rings, the frame loop reads them, and components only see a few
//! summaries a second.

pub mod archive;
pub mod backlog;
pub mod backoff;
pub mod columns;
pub mod cursors;
pub mod described;
pub mod draft;
pub mod format;
pub mod gaps;
pub mod gestures;
pub mod history;
pub mod latency;
pub mod mode;
pub mod notes;
pub mod palette;
pub mod panels;
pub mod place;
pub mod pyramid;
pub mod refusal;
pub mod scale;
pub mod selection;
pub mod sparkline;
pub mod status;
pub mod stream;
pub mod summary;
pub mod time;
pub mod unit;

#[cfg(target_arch = "wasm32")]
pub mod address;
#[cfg(target_arch = "wasm32")]
pub mod clock;
#[cfg(target_arch = "wasm32")]
pub mod download;
#[cfg(target_arch = "wasm32")]
pub mod feed;
#[cfg(target_arch = "wasm32")]
pub mod frame;
#[cfg(target_arch = "wasm32")]
pub mod loader;
#[cfg(target_arch = "wasm32")]
pub mod plot;
#[cfg(target_arch = "wasm32")]
pub mod rest;
#[cfg(target_arch = "wasm32")]
pub mod store;
#[cfg(target_arch = "wasm32")]
pub mod timer;
#[cfg(target_arch = "wasm32")]
pub mod view;
#[cfg(target_arch = "wasm32")]
pub mod zones;
