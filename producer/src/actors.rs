//! The two roles: a [`generator::Generator`] makes samples, the [`uplink::Uplink`] sends them.

pub mod generator;
pub mod uplink;
