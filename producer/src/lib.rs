//! Sends simulated and real signals to Afterglow, and loses nothing that fits its spool.
//!
//! [`fleet`] is the screen to read first: it wires one [`actors::generator::Generator`] per signal or
//! source to the one [`actors::uplink::Uplink`]. [`signal`] is what is simulated, [`source`] is what is
//! read from the world, [`afterglow_client::publish`] is how samples reach the backend; none of these three knows actix.

pub mod actors;
pub mod cli;
pub mod config;
pub mod fleet;
pub mod post;
pub mod signal;
pub mod source;
pub mod status;
pub mod ticks;
