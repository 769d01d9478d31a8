//! Annotations: marks on the time axis that say what happened.

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::invalid::{self, Invalid};
use crate::limits::{PANEL_SIGNALS, PROSE_BYTES};

/// A saved mark: an instant, or a range when it has an end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Annotation {
    /// Its number; never used again for another.
    pub id: i64,
    /// When it happened, or began.
    pub from: Timestamp,
    /// When it ended; absent for an instant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Timestamp>,
    /// What happened.
    pub text: String,
    /// Words to find it by.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Names or patterns of the signals it is about; of all when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub signals: Vec<String>,
}

/// The body of `POST /api/annotations`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewAnnotation {
    /// When it happened, or began; the server's time when absent.
    #[cfg_attr(feature = "schema", schema(schema_with = crate::schema::instant))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Timestamp>,
    /// When it ended; absent for an instant.
    #[cfg_attr(feature = "schema", schema(schema_with = crate::schema::instant))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Timestamp>,
    /// What happened.
    #[cfg_attr(feature = "schema", schema(required = true, min_length = 1))]
    #[serde(default)]
    pub text: String,
    /// Words to find it by.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Names or patterns of the signals it is about; of all when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub signals: Vec<String>,
}

/// The answer to `GET /api/annotations`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Annotations {
    /// The newest of the asked span, in the order of their beginnings; at most
    /// [`crate::limits::ANNOTATIONS_LISTED`] of them.
    pub annotations: Vec<Annotation>,
    /// How many there are in the span.
    pub total: usize,
}

impl NewAnnotation {
    /// The annotation that this becomes as number `id` at the server's time `now`.
    ///
    /// # Errors
    /// The first field that is not allowed.
    pub fn accept(self, id: i64, now: Timestamp) -> Result<Annotation, Invalid> {
        let from = self.from.unwrap_or(now);
        if self.to.is_some_and(|to| to < from) {
            return Err(Invalid::new("to", format!("it lies before {from}, where the annotation begins")));
        }
        invalid::filled("text", &self.text)?;
        invalid::prose("text", &self.text, PROSE_BYTES)?;
        invalid::tags("tags", &self.tags)?;
        invalid::patterns("signals", &self.signals, PANEL_SIGNALS)?;
        let to = self.to.filter(|to| *to > from);
        Ok(Annotation { id, from, to, text: self.text, tags: self.tags, signals: self.signals })
    }
}

impl Annotation {
    /// When it ended; for an instant, when it happened.
    pub fn end(&self) -> Timestamp {
        self.to.unwrap_or(self.from)
    }

    /// Whether it is about the signal called `name`.
    pub fn concerns(&self, name: &str) -> bool {
        self.signals.is_empty() || self.signals.iter().any(|pattern| crate::name::matches(pattern, name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);

    fn new(text: &str) -> NewAnnotation {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn what_is_left_out_is_now_and_about_everything() {
        let annotation = new(r#"{"text":"deployed"}"#).accept(7, NOW).unwrap();
        assert_eq!((annotation.from, annotation.to, annotation.end()), (NOW, None, NOW));
        assert!(annotation.concerns("anything"));
        let text = r#"{"id":7,"from":"2023-11-14T22:13:20.000000Z","text":"deployed"}"#;
        assert_eq!(serde_json::to_string(&annotation).unwrap(), text);
    }

    #[test]
    fn some_are_about_some_signals() {
        let annotation = new(r#"{"text":"x","signals":["host.*","sine"]}"#).accept(1, NOW).unwrap();
        assert!(
            annotation.concerns("host.cpu") && annotation.concerns("sine") && !annotation.concerns("cosine")
        );
    }

    #[test]
    fn refusals_name_their_field() {
        let check = |text: &str, field: &str| {
            assert_eq!(new(text).accept(1, NOW).unwrap_err().field, field, "{text}");
        };
        check(r#"{"text":"x","from":1700000002,"to":1700000001}"#, "to");
        check(r#"{"text":"  "}"#, "text");
        check(r#"{"text":"\u0000"}"#, "text");
        check(&format!(r#"{{"text":"{}"}}"#, "x".repeat(PROSE_BYTES + 1)), "text");
        check(r#"{"text":"x","tags":["a","b,c"]}"#, "tags[1]");
        check(r#"{"text":"x","signals":[""]}"#, "signals[0]");
    }

    #[test]
    fn a_range_without_length_is_an_instant() {
        assert_eq!(new(r#"{"text":"x","from":5,"to":5}"#).accept(1, NOW).unwrap().to, None);
    }
}
