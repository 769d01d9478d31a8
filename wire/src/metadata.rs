//! Signal metadata: how a signal is shown. It belongs to the signal, not to each sample.

use serde::{Deserialize, Deserializer, Serialize};

use crate::invalid::{self, Invalid};
use crate::limits::{LONGEST_PERIOD_SECONDS, PROSE_BYTES, TITLE_BYTES, UNIT_BYTES};

/// How a signal is shown.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Metadata {
    /// What it is called on the page, instead of its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// What its values are measured in, as it is written after them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// What it measures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The colour of its line, `#rrggbb`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub colour: Option<String>,
    /// Seconds between its samples; learned from them when absent. What stays away longer is a gap.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_period: Option<f64>,
}

/// The body of `PATCH /api/signals/{name}`: a field that is absent stays, one that is null or empty is taken away.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MetadataPatch {
    /// See [`Metadata::display_name`].
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub display_name: Option<Option<String>>,
    /// See [`Metadata::unit`].
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub unit: Option<Option<String>>,
    /// See [`Metadata::description`].
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub description: Option<Option<String>>,
    /// See [`Metadata::colour`].
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub colour: Option<Option<String>>,
    /// See [`Metadata::expected_period`].
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub expected_period: Option<Option<f64>>,
}

impl Metadata {
    /// Whether no field is set.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Changes what `patch` has.
    ///
    /// # Errors
    /// The first field that is not allowed; nothing is changed then.
    pub fn apply(&mut self, patch: MetadataPatch) -> Result<(), Invalid> {
        let text = |new: Option<Option<String>>, old: &Option<String>| match new {
            Some(new) => new.filter(|text| !text.trim().is_empty()),
            None => old.clone(),
        };
        let changed = Self {
            display_name: text(patch.display_name, &self.display_name),
            unit: text(patch.unit, &self.unit),
            description: text(patch.description, &self.description),
            colour: text(patch.colour, &self.colour),
            expected_period: patch.expected_period.unwrap_or(self.expected_period),
        };
        changed.check()?;
        *self = changed;
        Ok(())
    }

    /// Checks every field.
    ///
    /// # Errors
    /// The first field that is not allowed.
    pub fn check(&self) -> Result<(), Invalid> {
        invalid::line("display_name", self.display_name.as_deref().unwrap_or_default(), TITLE_BYTES)?;
        invalid::line("unit", self.unit.as_deref().unwrap_or_default(), UNIT_BYTES)?;
        invalid::prose("description", self.description.as_deref().unwrap_or_default(), PROSE_BYTES)?;
        invalid::colour("colour", self.colour.as_deref())?;
        match self.expected_period {
            Some(period) if !(period > 0.0 && period <= LONGEST_PERIOD_SECONDS) => {
                let message =
                    format!("a number of seconds above 0 and up to {LONGEST_PERIOD_SECONDS} is expected");
                Err(Invalid::new("expected_period", message))
            }
            _ => Ok(()),
        }
    }
}

/// Tells `null` from absence: this is only called for a field that is there.
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patched(before: &str, patch: &str) -> Result<String, Invalid> {
        let mut metadata: Metadata = serde_json::from_str(before).unwrap();
        metadata.apply(serde_json::from_str(patch).unwrap())?;
        Ok(serde_json::to_string(&metadata).unwrap())
    }

    #[test]
    fn a_patch_changes_what_it_has() {
        let before = r##"{"display_name":"Oven","unit":"°C","colour":"#c2410c","expected_period":0.5}"##;
        assert_eq!(patched(before, "{}").as_deref(), Ok(before));
        assert_eq!(
            patched(before, r#"{"unit":"K","colour":null,"display_name":"","expected_period":null}"#)
                .as_deref(),
            Ok(r#"{"unit":"K"}"#)
        );
        assert!(serde_json::from_str::<MetadataPatch>(r#"{"units":"K"}"#).is_err());
    }

    #[test]
    fn refusals_name_their_field_and_change_nothing() {
        let mut metadata = Metadata { unit: Some("K".into()), ..Metadata::default() };
        let mut check = |patch: &str, field: &str| {
            let patch = serde_json::from_str(patch).unwrap();
            assert_eq!(metadata.apply(patch).unwrap_err().field, field);
            assert_eq!(metadata.unit.as_deref(), Some("K"));
        };
        check(r#"{"unit":"m","display_name":"a\nb"}"#, "display_name");
        check(&format!(r#"{{"unit":"{}"}}"#, "x".repeat(UNIT_BYTES + 1)), "unit");
        check(r#"{"colour":"red"}"#, "colour");
        check(r#"{"description":"\u001b"}"#, "description");
        for period in ["0", "-1", "1e300"] {
            check(&format!(r#"{{"expected_period":{period}}}"#), "expected_period");
        }
    }

    #[test]
    fn a_patch_round_trips() {
        let text = r#"{"display_name":null,"unit":"K"}"#;
        assert_eq!(
            serde_json::to_string(&serde_json::from_str::<MetadataPatch>(text).unwrap()).unwrap(),
            text
        );
    }
}
