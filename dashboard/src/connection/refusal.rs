//! Why the server did not do what it was asked.

use afterglow_wire::board::{Board, Panel};
use afterglow_wire::{Code, ErrorBody};

/// A refusal, and what the page can make of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    /// For people.
    pub message: String,
    /// The path of the field that is not allowed.
    pub field: Option<String>,
    /// The board as another has saved it meanwhile.
    pub current: Option<Box<Board>>,
    /// The version that a document has by now, when that is why it was not replaced.
    pub version: Option<i64>,
    /// Whether only a one-time code is missing.
    pub needs_code: bool,
}

impl Refusal {
    /// What the server said when it answered with `status` and `text`.
    pub fn of(status: u16, text: &str) -> Self {
        let Ok(ErrorBody { error }) = serde_json::from_str(text) else {
            return Self::because(format!("the server answered with status {status}"));
        };
        let detail = |key| error.details.as_ref().and_then(|details| details.get(key));
        let current = detail("current").filter(|_| error.code == Code::Conflict.name());
        Self {
            version: current.and_then(|document| document.get("version")?.as_i64()),
            field: detail("field").and_then(|field| field.as_str()).map(str::to_owned),
            current: current.and_then(|board| serde_json::from_value(board.clone()).ok()).map(Box::new),
            needs_code: detail("needs_code").and_then(serde_json::Value::as_bool).unwrap_or(false),
            message: error.message,
        }
    }

    /// A refusal of which only this is known.
    pub fn because(message: impl Into<String>) -> Self {
        Self { message: message.into(), field: None, current: None, version: None, needs_code: false }
    }

    /// What is wrong with this field, or with something in it.
    pub fn at(&self, field: &str) -> Option<&str> {
        let rest = self.field.as_deref()?.strip_prefix(field)?;
        let within = rest.is_empty() || rest.starts_with(['.', '[']);
        // The message begins with the path, which the reader sees.
        within.then(|| self.message.split_once(": ").map_or(self.message.as_str(), |(_, reason)| reason))
    }

    /// The message for a reader, who knows panels by their titles and fields by their labels.
    pub fn in_words(&self, panels: &[Panel]) -> String {
        let Some(place) = self.panel() else { return self.message.clone() };
        let field =
            self.field.as_deref().and_then(|field| field.split_once("].")).map_or("", |(_, field)| field);
        let label = match field {
            "min" => "axis minimum",
            "max" => "axis maximum",
            other => other,
        };
        let title = panels.get(place).map(|panel| panel.title.as_str()).filter(|title| !title.is_empty());
        let panel = title.map_or_else(|| format!("Panel {}", place + 1), |title| format!("“{title}”"));
        let reason = self.at(self.field.as_deref().unwrap_or_default()).unwrap_or(&self.message);
        format!("{panel}, {label}: {reason}")
    }

    /// The message, when it is about no field.
    pub fn general(&self) -> Option<&str> {
        self.field.is_none().then_some(self.message.as_str())
    }

    /// The panel that has the field, by its place on the board.
    pub fn panel(&self) -> Option<usize> {
        let rest = self.field.as_deref()?.strip_prefix("panels[")?;
        rest.split_once(']')?.0.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_found_by_its_path() {
        let refusal = Refusal::of(
            422,
            r#"{"error":{"code":"invalid","message":"panels[2].max: it is not above min","details":{"field":"panels[2].max"}}}"#,
        );
        assert_eq!(refusal.at("panels[2].max"), Some("it is not above min"));
        assert_eq!(refusal.at("panels[2]"), Some("it is not above min"));
        assert_eq!((refusal.at("panels[2].ma"), refusal.at("title")), (None, None));
        assert_eq!(refusal.panel(), Some(2));
        let panel = |title: &str| Panel { title: title.into(), ..Panel::of(vec![]) };
        let panels = ["Air", "Oven", "Vibration"].map(panel);
        assert_eq!(refusal.in_words(&panels), "“Vibration”, axis maximum: it is not above min");
        assert_eq!(refusal.in_words(&[]), "Panel 3, axis maximum: it is not above min");
    }

    #[test]
    fn a_conflict_brings_the_board() {
        let refusal = Refusal::of(
            409,
            r#"{"error":{"code":"conflict","message":"changed","details":{"current":{"id":"a","version":3,"title":"A"}}}}"#,
        );
        assert_eq!(refusal.version, Some(3));
        assert_eq!(refusal.current.map(|board| (board.id, board.version)), Some(("a".into(), 3)));
    }

    #[test]
    fn what_is_no_error_body_is_told_by_its_status() {
        let refusal = Refusal::of(502, "<html>");
        assert_eq!(
            (refusal.message.as_str(), refusal.panel()),
            ("the server answered with status 502", None)
        );
    }
}
