//! Which signals share a chart.
//!
//! Signals of one kind are readable together; ±10 beside bytes per second is not. What belongs together is
//! guessed from the names: the part before the first dot, and the unit that the name ends with.

use std::collections::BTreeMap;

use crate::format::Unit;

/// The panel of signals whose names have no dot.
const UNPREFIXED: &str = "signals";

/// How many lines a panel shows before the reader chooses: more are a tangle.
pub const SHOWN_AT_FIRST: usize = 12;

/// One chart and its legend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Panel {
    /// Unique among panels, and the same while signals come and go.
    pub key: String,
    /// What its signals' names start with.
    pub title: String,
    /// What its values are measured in.
    pub unit: Unit,
    /// Its signals' names, sorted.
    pub signals: Vec<String>,
}

impl Panel {
    /// A signal's name without what the panel's title says already.
    pub fn short<'a>(&self, name: &'a str) -> &'a str {
        let rest =
            name.strip_prefix(self.title.as_str()).and_then(|rest| rest.strip_prefix('.')).unwrap_or(name);
        rest.strip_suffix(self.unit.ending()).filter(|rest| !rest.is_empty()).unwrap_or(rest)
    }
}

/// Distributes signals over panels. Unprefixed signals come first, then prefixes in their order.
pub fn arrange<'a>(names: impl IntoIterator<Item = &'a str>) -> Vec<Panel> {
    let mut groups: BTreeMap<(Option<&str>, Unit), Vec<String>> = BTreeMap::new();
    for name in names {
        let prefix = name.split_once('.').map(|(prefix, _)| prefix).filter(|prefix| !prefix.is_empty());
        groups.entry((prefix, Unit::of(name))).or_default().push(name.to_owned());
    }
    let panels = groups.into_iter().map(|((prefix, unit), mut signals)| {
        signals.sort_unstable();
        let kind = if prefix.is_some() { "" } else { "." };
        let title = prefix.unwrap_or(UNPREFIXED).to_owned();
        Panel { key: format!("{kind}{title}:{}", unit.key()), title, unit, signals }
    });
    panels.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_and_units_make_panels() {
        let names = [
            "host.cpu_percent",
            "sine",
            "host.rx_bytes_per_second",
            "host.mem_percent",
            "cosine",
            "host.load",
        ];
        let panels = arrange(names);
        let keys: Vec<&str> = panels.iter().map(|panel| panel.key.as_str()).collect();
        assert_eq!(keys, [".signals:plain", "host:percent", "host:plain", "host:rate"]);
        assert_eq!(panels[0].signals, ["cosine", "sine"]);
        assert_eq!(panels[1].short("host.cpu_percent"), "cpu");
        assert_eq!(panels[0].short("sine"), "sine");
    }
}
