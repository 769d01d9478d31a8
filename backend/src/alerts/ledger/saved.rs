//! What people have saved that decides who is notified.

use std::collections::BTreeMap;

use afterglow_wire::Timestamp;
use afterglow_wire::channel::Channel;
use afterglow_wire::metadata::Metadata;
use afterglow_wire::rule::Rule;

use super::super::quiet::Quiet;

/// What people have saved, as it is now.
#[derive(Clone, Debug, Default)]
pub struct Saved {
    /// Rules by name, each with the time of its first version.
    pub rules: BTreeMap<String, (Rule, Timestamp)>,
    /// Channels, without secrets.
    pub channels: Vec<Channel>,
    /// Which alerts nobody is notified of.
    pub silences: Vec<Quiet>,
    /// What is known of signals, by name.
    pub metadata: BTreeMap<String, Metadata>,
    /// The address of the page.
    pub page: Option<String>,
}
