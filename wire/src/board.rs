//! Boards: which panels a page shows, how they look and where they stand. Saved on the server, written as JSON.
//!
//! The generated view of everything is a board too, so a panel has one definition.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::invalid::{self, Invalid};
use crate::limits::{
    BOARD_PANELS, COLUMNS, PANEL_ROWS, PANEL_SIGNALS, PANEL_THRESHOLDS, TITLE_BYTES, UNIT_BYTES,
};
use crate::slug;

/// The address of the view that shows every signal and is saved nowhere; no saved board may have it.
pub const EVERYTHING: &str = "everything";

/// A page of panels.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Board {
    /// Its address: lower-case letters, digits and hyphens. Made from the title when a new board brings none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub id: String,
    /// Counts its changes, from 1. A change must bring the version that it replaces.
    #[serde(default)]
    pub version: i32,
    /// What people call it.
    #[cfg_attr(feature = "schema", schema(required = true, min_length = 1))]
    #[serde(default)]
    pub title: String,
    /// Its panels, in reading order.
    #[serde(default)]
    pub panels: Vec<Panel>,
}

/// One chart or tile.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Panel {
    /// Unique on its board, and the same while the board changes: lower-case letters, digits and hyphens. Numbered when a
    /// new panel brings none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub id: String,
    /// What people call it; its signals' names when empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub title: String,
    /// What it draws.
    #[serde(default)]
    pub kind: PanelKind,
    /// Names of signals, or patterns in which `*` stands for any characters.
    #[serde(default)]
    pub signals: Vec<String>,
    /// The unit of its values, instead of its signals' own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// Where its value axis begins; found from the values when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<f64>,
    /// Where its value axis ends; found from the values when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<f64>,
    /// Lines and bands behind the values.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub thresholds: Vec<Threshold>,
    /// Its width in columns of the grid, 1 to [`COLUMNS`].
    #[serde(default = "half")]
    pub width: u8,
    /// Its height in rows of the grid, 1 to [`PANEL_ROWS`].
    #[serde(default = "usual_height")]
    pub height: u8,
}

/// What a panel draws.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum PanelKind {
    /// Lines over time.
    #[default]
    Line,
    /// The newest value of each signal, large, with a sparkline.
    Stat,
}

/// A line at `value`, or a band between `from` and `to`, of which one may be absent: the band is open on that side.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Threshold {
    /// Where the line is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// The band's lower end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<f64>,
    /// The band's upper end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<f64>,
    /// `#rrggbb`; the theme's warning colour when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub colour: Option<String>,
    /// What it means.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub label: String,
}

/// How a threshold is drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Mark {
    /// A line at this value.
    Line(f64),
    /// A shaded band between two values; infinite on an open side.
    Band(f64, f64),
}

/// An element of `GET /api/boards`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct BoardSummary {
    /// Its address.
    pub id: String,
    /// Its version.
    pub version: i32,
    /// What people call it.
    pub title: String,
}

impl Board {
    /// Checks everything but the version; a board that passes can be saved.
    ///
    /// # Errors
    /// The first field that is not allowed, in reading order.
    pub fn check(&self) -> Result<(), Invalid> {
        if !self.id.is_empty() {
            slug::check("id", &self.id)?;
            if self.id == EVERYTHING {
                return Err(Invalid::new(
                    "id",
                    "this is the address of the view of all signals; choose another",
                ));
            }
        }
        invalid::filled_line("title", &self.title, TITLE_BYTES)?;
        invalid::count("panels", self.panels.len(), BOARD_PANELS)?;
        for (index, panel) in self.panels.iter().enumerate() {
            let twin = !panel.id.is_empty() && self.panels[..index].iter().any(|other| other.id == panel.id);
            let unique =
                if twin { Err(Invalid::new("id", "another panel of the board has it")) } else { Ok(()) };
            unique
                .and_then(|()| panel.check())
                .map_err(|error| error.within(format_args!("panels[{index}]")))?;
        }
        Ok(())
    }

    /// The names and patterns of all panels in order, each once.
    pub fn signals(&self) -> Vec<String> {
        let signals: BTreeSet<_> = self.panels.iter().flat_map(|panel| &panel.signals).collect();
        signals.into_iter().cloned().collect()
    }

    /// Gives each panel that has no id the first free number.
    pub fn number_panels(&mut self) {
        for index in 0..self.panels.len() {
            if self.panels[index].id.is_empty() {
                self.panels[index].id = self.free_panel_id();
            }
        }
    }

    /// The first number that no panel has as its id.
    pub fn free_panel_id(&self) -> String {
        let taken = |id: &String| self.panels.iter().any(|panel| panel.id == *id);
        (1..).map(|number: u32| number.to_string()).find(|id| !taken(id)).unwrap_or_default()
    }
}

impl Panel {
    /// A line chart of these signals, half of the page wide.
    pub fn of(signals: Vec<String>) -> Self {
        Self {
            id: String::new(),
            title: String::new(),
            kind: PanelKind::Line,
            signals,
            unit: None,
            min: None,
            max: None,
            thresholds: Vec::new(),
            width: half(),
            height: usual_height(),
        }
    }

    fn check(&self) -> Result<(), Invalid> {
        if !self.id.is_empty() {
            slug::check("id", &self.id)?;
        }
        invalid::line("title", &self.title, TITLE_BYTES)?;
        invalid::patterns("signals", &self.signals, PANEL_SIGNALS)?;
        invalid::line("unit", self.unit.as_deref().unwrap_or_default(), UNIT_BYTES)?;
        finite("min", self.min)?;
        finite("max", self.max)?;
        if self.min.zip(self.max).is_some_and(|(min, max)| min >= max) {
            return Err(Invalid::new("max", "it is not above min"));
        }
        invalid::count("thresholds", self.thresholds.len(), PANEL_THRESHOLDS)?;
        for (index, threshold) in self.thresholds.iter().enumerate() {
            threshold.check().map_err(|error| error.within(format_args!("thresholds[{index}]")))?;
        }
        within("width", self.width, COLUMNS)?;
        within("height", self.height, PANEL_ROWS)
    }
}

impl Threshold {
    /// How it is drawn; `None` when it does not say where it is.
    pub fn mark(&self) -> Option<Mark> {
        match (self.value, self.from, self.to) {
            (Some(value), ..) => Some(Mark::Line(value)),
            (None, None, None) => None,
            (None, from, to) => {
                Some(Mark::Band(from.unwrap_or(f64::NEG_INFINITY), to.unwrap_or(f64::INFINITY)))
            }
        }
    }

    fn check(&self) -> Result<(), Invalid> {
        finite("value", self.value)?;
        finite("from", self.from)?;
        finite("to", self.to)?;
        let band = self.from.is_some() || self.to.is_some();
        if self.value.is_some() == band {
            return Err(Invalid::new(
                "value",
                "either value is needed, for a line, or from and to, for a band",
            ));
        }
        if self.from.zip(self.to).is_some_and(|(from, to)| from >= to) {
            return Err(Invalid::new("to", "it is not above from"));
        }
        invalid::colour("colour", self.colour.as_deref())?;
        invalid::line("label", &self.label, TITLE_BYTES)
    }
}

/// The address that a board's title suggests: the one that all signals have is not among them.
pub fn slug(title: &str) -> String {
    Some(slug::of(title, "board")).filter(|slug| slug != EVERYTHING).unwrap_or_else(|| "board".into())
}

fn finite(field: &str, number: Option<f64>) -> Result<(), Invalid> {
    match number {
        Some(number) if !number.is_finite() => Err(Invalid::new(field, "a finite number is expected")),
        _ => Ok(()),
    }
}

fn within(field: &str, number: u8, most: u8) -> Result<(), Invalid> {
    if (1..=most).contains(&number) {
        return Ok(());
    }
    Err(Invalid::new(field, format!("it is {number}; 1 to {most} is allowed")))
}

fn half() -> u8 {
    COLUMNS / 2
}

fn usual_height() -> u8 {
    4
}

#[cfg(test)]
mod tests {
    use super::*;

    fn board(panels: Vec<Panel>) -> Board {
        Board { title: "Machine room".into(), panels, ..Board::default() }
    }

    fn refused(panel: Panel) -> String {
        board(vec![Panel::of(vec![]), panel]).check().unwrap_err().field
    }

    #[test]
    fn a_board_round_trips_with_nothing_superfluous() {
        let text = r##"{"id":"a","version":3,"title":"A","panels":[{"id":"1","kind":"stat","signals":["host.*"],"min":0.0,"thresholds":[{"from":80.0,"colour":"#b91c3c"}],"width":3,"height":2}]}"##;
        let board: Board = serde_json::from_str(text).unwrap();
        assert_eq!(board.check(), Ok(()));
        assert_eq!(serde_json::to_string(&board).unwrap(), text);
    }

    #[test]
    fn what_is_left_out_has_defaults() {
        let board: Board = serde_json::from_str(r#"{"title":"A","panels":[{"signals":["a"]}]}"#).unwrap();
        assert_eq!(board.panels, [Panel::of(vec!["a".into()])]);
        assert!(serde_json::from_str::<Board>(r#"{"title":"A","pannels":[]}"#).is_err());
    }

    #[test]
    fn refusals_name_their_field() {
        let panel = || Panel::of(vec!["a".into()]);
        let threshold =
            |threshold| refused(Panel { thresholds: vec![Threshold::default(), threshold], ..panel() });
        assert_eq!(refused(Panel { title: "\u{7}".into(), ..panel() }), "panels[1].title");
        assert_eq!(refused(Panel { signals: vec!["x".repeat(257)], ..panel() }), "panels[1].signals[0]");
        assert_eq!(refused(Panel { unit: Some("x".repeat(99)), ..panel() }), "panels[1].unit");
        assert_eq!(refused(Panel { min: Some(1.0), max: Some(1.0), ..panel() }), "panels[1].max");
        assert_eq!(refused(Panel { width: 13, ..panel() }), "panels[1].width");
        assert_eq!(refused(Panel { height: 0, ..panel() }), "panels[1].height");
        assert_eq!(threshold(Threshold::default()), "panels[1].thresholds[0].value");
        let at = Threshold { value: Some(1.0), ..Threshold::default() };
        let refused_second = |second| refused(Panel { thresholds: vec![at.clone(), second], ..panel() });
        assert_eq!(
            refused_second(Threshold { from: Some(1.0), ..at.clone() }),
            "panels[1].thresholds[1].value"
        );
        assert_eq!(
            refused_second(Threshold { colour: Some("red".into()), ..at.clone() }),
            "panels[1].thresholds[1].colour"
        );
        let upside_down = Threshold { from: Some(2.0), to: Some(1.0), ..Threshold::default() };
        assert_eq!(refused_second(upside_down), "panels[1].thresholds[1].to");
    }

    #[test]
    fn addresses_are_checked_and_unique() {
        let with_id =
            |id: &str| Board { id: id.into(), ..board(vec![]) }.check().map_err(|error| error.field);
        assert_eq!(with_id("machine-room-2"), Ok(()));
        for id in ["A", "a b", "../x", "é", EVERYTHING, &"x".repeat(65)] {
            assert_eq!(with_id(id), Err("id".into()), "{id}");
        }
        let twin = || Panel { id: "1".into(), ..Panel::of(vec![]) };
        assert_eq!(board(vec![twin(), twin()]).check().unwrap_err().field, "panels[1].id");
        assert_eq!(board(vec![Panel::of(vec![]); BOARD_PANELS + 1]).check().unwrap_err().field, "panels");
        assert_eq!(Board::default().check().unwrap_err().field, "title");
    }

    #[test]
    fn panels_get_the_numbers_that_are_free() {
        let mut board =
            board(vec![Panel::of(vec![]), Panel { id: "1".into(), ..Panel::of(vec![]) }, Panel::of(vec![])]);
        board.number_panels();
        assert_eq!(board.panels.iter().map(|panel| &*panel.id).collect::<Vec<_>>(), ["2", "1", "3"]);
    }

    #[test]
    fn slugs_of_titles() {
        let check = |title: &str, expected: &str| assert_eq!(slug(title), expected, "{title}");
        check("Machine room 2", "machine-room-2");
        check("  <b>Öfen</b>  ", "b-fen-b");
        check("👩‍🚀", "board");
        check("Everything", "board");
        check(&"ab ".repeat(99), &format!("{}a", "ab-".repeat(21)));
    }

    #[test]
    fn a_threshold_is_a_line_or_a_band() {
        let band = |from, to| Threshold { from, to, ..Threshold::default() }.mark();
        assert_eq!(Threshold { value: Some(3.0), ..Threshold::default() }.mark(), Some(Mark::Line(3.0)));
        assert_eq!(band(Some(80.0), None), Some(Mark::Band(80.0, f64::INFINITY)));
        assert_eq!(band(None, Some(0.0)), Some(Mark::Band(f64::NEG_INFINITY, 0.0)));
        assert_eq!(band(None, None), None);
    }
}
