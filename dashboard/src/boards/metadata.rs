//! Metadata of signals: how each is called, measured and drawn, and how often its samples come.

use std::collections::BTreeMap;

use afterglow_wire::metadata::Metadata;

use crate::time::SECOND;
use crate::values::unit::Unit;

/// The metadata of a signal that has none.
static NOTHING: Metadata =
    Metadata { display_name: None, unit: None, description: None, colour: None, expected_period: None };

/// The metadata of signals, by their names.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SignalMetadata(BTreeMap<String, Metadata>);

impl SignalMetadata {
    /// As `GET /api/signals?metadata=1` answers.
    pub fn new(all: BTreeMap<String, Metadata>) -> Self {
        Self(all)
    }

    /// Sets the metadata of one signal.
    pub fn set(&mut self, name: &str, said: Metadata) {
        self.0.insert(name.to_owned(), said);
    }

    /// The metadata of a signal.
    pub fn of(&self, name: &str) -> &Metadata {
        self.0.get(name).unwrap_or(&NOTHING)
    }

    /// What a signal is called on the page.
    pub fn name<'a>(&'a self, name: &'a str) -> &'a str {
        self.of(name).display_name.as_deref().unwrap_or(name)
    }

    /// What a signal's values are measured in: the unit of its metadata, or else that of its name.
    pub fn unit(&self, name: &str) -> Unit {
        self.of(name).unit.as_deref().map_or_else(|| Unit::of(name), Unit::named)
    }

    /// The time between a signal's samples, in microseconds, where its metadata says it.
    pub fn period(&self, name: &str) -> Option<i64> {
        let seconds = self.of(name).expected_period?;
        Some(((seconds * SECOND as f64) as i64).max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_said_is_told_by_the_name() {
        let said = Metadata {
            display_name: Some("Oven".into()),
            unit: Some("°C".into()),
            expected_period: Some(0.5),
            ..Metadata::default()
        };
        let metadata = SignalMetadata::new(BTreeMap::from([("t1".into(), said)]));
        assert_eq!(
            (metadata.name("t1"), metadata.unit("t1"), metadata.period("t1")),
            ("Oven", Unit::named("°C"), Some(SECOND / 2))
        );
        assert_eq!(
            (metadata.name("cpu_percent"), metadata.unit("cpu_percent"), metadata.period("cpu_percent")),
            ("cpu_percent", Unit::named("%"), None)
        );
    }
}
