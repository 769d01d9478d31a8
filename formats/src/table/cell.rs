//! The values of a table's cells.

use std::borrow::Cow;
use std::collections::HashMap;

use afterglow_wire::Code;

use super::super::{Verdict, number};
use super::quoted;

/// The longest unit, in characters.
const UNIT: usize = 12;

/// How a file writes its numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mark {
    /// As the first number that has a mark does.
    Unknown,
    Point,
    Comma,
}

/// Reads values, all of one file in the same way.
#[derive(Debug)]
pub(super) struct Values {
    mark: Mark,
    given: bool,
}

impl Values {
    /// Of a file whose numbers have a decimal comma, or a point, or one of them.
    pub(super) fn new(comma: Option<bool>) -> Self {
        let mark = match comma {
            Some(true) => Mark::Comma,
            Some(false) => Mark::Point,
            None => Mark::Unknown,
        };
        Self { mark, given: comma.is_some() }
    }

    /// The file's cells are separated by this.
    pub(super) fn separated_by(&mut self, separator: u8) {
        // Programs separate by semicolons where numbers have commas; elsewhere `1,234` may be a thousand.
        if !self.given {
            self.mark = if separator == b';' { Mark::Unknown } else { Mark::Point };
        }
    }

    /// Reads a cell. A unit may follow the number, where it follows all of the signal's; what could be more than a unit only
    /// where it is one of those `declared`.
    pub(super) fn read(&mut self, text: &str, unit: &mut Unit, declared: &[String]) -> Result<f64, Verdict> {
        let verdict = match self.number(text) {
            Err(verdict @ (Code::NotANumber, _)) => verdict,
            Err(verdict) => return Err(verdict),
            // Nothing is nothing in every unit.
            Ok(value) if value == 0.0 => return Ok(value),
            Ok(value) => return unit.agree(text, None).map(|()| value),
        };
        let Some((value, found)) = split_unit(text) else { return Err(verdict) };
        let Ok(value) = self.number(value) else { return Err(verdict) };
        let tail = if declared.iter().any(|unit| unit == found) { Tail::Unit } else { what(found) };
        let why = match tail {
            Tail::Unit => return unit.agree(text, Some(found)).map(|()| value),
            Tail::Compass { axis, most, sign } if (0.0..=most).contains(&value) => {
                return unit
                    .agree(text, Some(axis))
                    .map(|()| if value == 0.0 { value } else { value * sign });
            }
            Tail::Compass { .. } => "makes no latitude or longitude of it",
            Tail::Multiplier => {
                "may be a multiplier; where it is the unit, the column's name says so in brackets, or a row of units below it"
            }
            Tail::Remark => "is no unit",
        };
        Err((Code::NotANumber, format!("{} is not a number: {found:?} {why}", quoted(text))))
    }

    fn number(&mut self, text: &str) -> Result<f64, Verdict> {
        let (commas, points) = (text.matches(',').count(), text.matches('.').count());
        if commas == 0 && points == 0 {
            return number::read(text);
        }
        let mark = if commas > 0 { Mark::Comma } else { Mark::Point };
        let wrong = |why: &str| Err((Code::NotANumber, format!("{} is not a number{why}", quoted(text))));
        if commas + points > 1 {
            return wrong("");
        }
        match self.mark {
            Mark::Point if mark == Mark::Comma => {
                return wrong("; with decimal commas, set `decimal` to a comma");
            }
            Mark::Comma if mark == Mark::Point => {
                return wrong(
                    ": it has a decimal point, and other numbers of the file have commas; `decimal` says which",
                );
            }
            _ => {}
        }
        let plain =
            if mark == Mark::Comma { Cow::Owned(text.replace(',', ".")) } else { Cow::Borrowed(text) };
        let value = number::read(&plain);
        match value {
            Ok(_) if self.mark == Mark::Unknown => self.mark = mark,
            Err((Code::NotANumber, _)) => return wrong(""),
            _ => {}
        }
        value
    }
}

/// The unit behind a signal's values.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) enum Unit {
    /// There was no value yet.
    #[default]
    Unseen,
    /// They have none.
    Absent,
    Given(String),
}

impl Unit {
    /// Takes the unit of the value `text`, or refuses it where those before have another one.
    fn agree(&mut self, text: &str, found: Option<&str>) -> Result<(), Verdict> {
        let known = match self {
            Self::Unseen => {
                *self = found.map_or(Self::Absent, |unit| Self::Given(unit.to_owned()));
                return Ok(());
            }
            Self::Absent => None,
            Self::Given(unit) => Some(&**unit),
        };
        if known == found {
            return Ok(());
        }
        let said = |unit: Option<&str>| unit.map_or("no unit".to_owned(), |unit| format!("the unit {unit}"));
        let message =
            format!("{} has {}, and the rows before have {}", quoted(text), said(found), said(known));
        Err((Code::NotANumber, message))
    }
}

/// Signals of a long table whose units are kept; values of others are taken without a unit.
const SIGNALS: usize = 250_000;

/// The unit that a column's name has in brackets behind it.
pub(super) fn in_brackets(name: &str) -> Option<&str> {
    let (open, inside) = match name.trim_end().as_bytes().last()? {
        b']' => ('[', name.trim_end().strip_suffix(']')?),
        b')' => ('(', name.trim_end().strip_suffix(')')?),
        _ => return None,
    };
    inside.rsplit_once(open).map(|(_, unit)| unit.trim()).filter(|unit| !unit.is_empty())
}

/// The units of a long table's signals.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Units {
    /// Those that the column's name and rows of units say.
    pub(super) declared: Vec<String>,
    known: HashMap<String, Unit>,
    others: Unit,
}

impl Units {
    /// Of a column of values with this name.
    pub(super) fn of_column(name: &str) -> Self {
        Self { declared: in_brackets(name).map(str::to_owned).into_iter().collect(), ..Self::default() }
    }

    /// The unit of this signal's values, and those that are declared.
    pub(super) fn of(&mut self, signal: &str) -> (&mut Unit, &[String]) {
        if !self.known.contains_key(signal) {
            if self.known.len() >= SIGNALS {
                self.others = Unit::Absent;
                return (&mut self.others, &self.declared);
            }
            self.known.insert(signal.to_owned(), Unit::Unseen);
        }
        (self.known.get_mut(signal).unwrap_or(&mut self.others), &self.declared)
    }
}

/// What stands behind a number.
enum Tail {
    Unit,
    /// `1.20 K` may be 1,200, or a temperature.
    Multiplier,
    /// A point of the compass: south and west are negative, as in ISO 6709. A bearing (`270° W`) is more than `most` where
    /// its sign would be wrong.
    Compass {
        axis: &'static str,
        most: f64,
        sign: f64,
    },
    /// A word that says that the number is none.
    Remark,
}

/// Words that say that a number is none.
const REMARKS: &[&str] = &[
    "error",
    "err",
    "bad",
    "n/a",
    "na",
    "nan",
    "none",
    "null",
    "invalid",
    "fault",
    "faulty",
    "fail",
    "failed",
    "failure",
    "missing",
    "offline",
    "timeout",
    "unknown",
    "unavailable",
    "stale",
    "overflow",
    "overrange",
    "ovr",
];

fn what(tail: &str) -> Tail {
    if matches!(tail, "K" | "k" | "M" | "G" | "T" | "Mil" | "Bil" | "Tri" | "Quadr") {
        return Tail::Multiplier;
    }
    let compass = |axis, most, sign| Tail::Compass { axis, most, sign };
    match tail.strip_prefix('°').map(str::trim_start) {
        Some("N") => return compass("°N or °S", 90.0, 1.0),
        Some("S") => return compass("°N or °S", 90.0, -1.0),
        Some("E") => return compass("°E or °W", 180.0, 1.0),
        Some("W") => return compass("°E or °W", 180.0, -1.0),
        _ => {}
    }
    let is_remark =
        tail.to_lowercase().split([' ', '(', ')', '!', '?', ':', ';']).any(|word| REMARKS.contains(&word));
    let is_word = tail.chars().any(|c| {
        c.is_alphabetic() || matches!(c, '%' | '°' | '‰' | '\'' | '"' | '′' | '″' | '€' | '$' | '£')
    });
    if is_remark || !is_word { Tail::Remark } else { Tail::Unit }
}

/// A number's text and the unit behind it: after a blank, or a sign that needs none.
fn split_unit(text: &str) -> Option<(&str, &str)> {
    let cut = text.rfind(|character: char| character.is_ascii_digit())? + 1;
    let (value, rest) = text.split_at(cut);
    let unit = rest.trim();
    let apart = rest.starts_with(char::is_whitespace) || unit.starts_with(['%', '°']);
    (apart && !unit.is_empty() && unit.chars().count() <= UNIT).then_some((value, unit))
}
