//! The schemas of saved things.

use utoipa::ToSchema;

/// A page of panels.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only its schema is used")]
pub(in crate::http) struct Board {
    /// Its address: lower-case letters, digits and hyphens. Made from the title when a new board brings none.
    id: Option<String>,
    /// Counts its changes, from 1. A change brings the version that it replaces.
    version: i32,
    /// What people call it.
    title: String,
    /// In reading order.
    panels: Vec<Panel>,
}

/// An element of the list of boards.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only its schema is used")]
pub(in crate::http) struct BoardSummary {
    id: String,
    version: i32,
    title: String,
}

/// One chart or tile.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only its schema is used")]
pub(in crate::http) struct Panel {
    /// Unique on its board; numbered when a new panel brings none.
    id: Option<String>,
    /// What people call it.
    title: Option<String>,
    kind: Option<PanelKind>,
    /// Names of signals, or patterns in which `*` stands for any characters.
    signals: Vec<String>,
    /// Instead of its signals' own.
    unit: Option<String>,
    /// Where its value axis begins; found from the values when absent.
    min: Option<f64>,
    /// Where its value axis ends; found from the values when absent.
    max: Option<f64>,
    thresholds: Option<Vec<Threshold>>,
    /// Columns of the grid, 1 to 12; 6 when absent.
    width: Option<u8>,
    /// Rows of the grid, 1 to 12; 4 when absent.
    height: Option<u8>,
}

/// Lines over time, or the newest value with a sparkline.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "only its schema is used")]
pub(in crate::http) enum PanelKind {
    Line,
    Stat,
}

/// A line at `value`, or a band between `from` and `to`, open on the side that is absent.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only its schema is used")]
pub(in crate::http) struct Threshold {
    value: Option<f64>,
    from: Option<f64>,
    to: Option<f64>,
    /// `#rrggbb`.
    colour: Option<String>,
    label: Option<String>,
}

/// A mark on the time axis.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only its schema is used")]
pub(in crate::http) struct Annotation {
    id: i64,
    /// When it happened, or began, ISO 8601.
    from: String,
    /// When it ended, ISO 8601; absent for an instant.
    to: Option<String>,
    text: String,
    tags: Option<Vec<String>>,
    /// Names or patterns of the signals it is about; of all when empty.
    signals: Option<Vec<String>>,
}

/// An annotation to be saved.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only its schema is used")]
pub(in crate::http) struct NewAnnotation {
    /// ISO 8601 or an integer epoch; the server's time when absent.
    from: Option<String>,
    /// ISO 8601 or an integer epoch; absent for an instant.
    to: Option<String>,
    text: String,
    /// To find it by; no commas.
    tags: Option<Vec<String>>,
    /// Names or patterns of the signals it is about; of all when empty.
    signals: Option<Vec<String>>,
}

/// The annotations of a span.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only its schema is used")]
pub(in crate::http) struct Annotations {
    /// At most 1000: the newest.
    annotations: Vec<Annotation>,
    /// How many there are in the span.
    total: usize,
}

/// What people say about a signal.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only its schema is used")]
pub(in crate::http) struct Metadata {
    /// What it is called on the page, instead of its name.
    display_name: Option<String>,
    /// As it is written after its values.
    unit: Option<String>,
    description: Option<String>,
    /// `#rrggbb`.
    colour: Option<String>,
    /// Seconds between its samples; what stays away longer is a gap.
    expected_period: Option<f64>,
}

/// A number for each kind of saved things, another after every change.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only its schema is used")]
pub(in crate::http) struct Revision {
    boards: u64,
    annotations: u64,
    metadata: u64,
}

#[cfg(test)]
mod tests {
    use afterglow_wire::annotation::{Annotations, NewAnnotation};
    use afterglow_wire::board::{Board, BoardSummary, Threshold};
    use afterglow_wire::metadata::Metadata;
    use afterglow_wire::revision::Revision;
    use serde_json::json;

    use super::super::tests::check;

    #[test]
    fn the_schemas_have_the_fields_of_wires_types() {
        let document = super::super::document();
        let board: Board = serde_json::from_value(json!({
            "id": "a",
            "panels": [{
                "id": "1", "title": "A", "unit": "K", "min": 0, "max": 1,
                "thresholds": [{"value": 0, "from": 0, "to": 1, "colour": "#000000", "label": "a"}],
            }],
        }))
        .unwrap();
        let threshold: &Threshold = &board.panels[0].thresholds[0];
        check(document, "Board", &board);
        check(document, "Panel", &board.panels[0]);
        check(document, "Threshold", threshold);
        check(document, "BoardSummary", BoardSummary { id: "a".into(), version: 1, title: "A".into() });
        let new: NewAnnotation = serde_json::from_value(json!({
            "from": 1, "to": 2, "text": "x", "tags": ["a"], "signals": ["a"],
        }))
        .unwrap();
        check(document, "NewAnnotation", &new);
        check(document, "Annotation", new.accept(1, afterglow_wire::Timestamp::MIN).unwrap());
        check(document, "Annotations", Annotations::default());
        let metadata: Metadata = serde_json::from_value(json!({
            "display_name": "a", "unit": "K", "description": "a", "colour": "#000000", "expected_period": 1,
        }))
        .unwrap();
        check(document, "Metadata", metadata);
        check(document, "Revision", Revision::default());
    }
}
