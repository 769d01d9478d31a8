//! The values of a table's cells.

use std::borrow::Cow;

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

    /// Reads a cell. A unit may follow the number, the same in all of a column.
    pub(super) fn read(&mut self, text: &str, unit: &mut Option<String>) -> Result<f64, Verdict> {
        let verdict = match self.number(text) {
            Err(verdict @ (Code::NotANumber, _)) => verdict,
            read => return read,
        };
        let Some((value, found)) = split_unit(text) else { return Err(verdict) };
        let Ok(value) = self.number(value) else { return Err(verdict) };
        match unit {
            Some(known) if known != found => {
                let message =
                    format!("{} has the unit {found}, and the rows before have {known}", quoted(text));
                Err((Code::NotANumber, message))
            }
            Some(_) => Ok(value),
            None => {
                *unit = Some(found.to_owned());
                Ok(value)
            }
        }
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

/// A number's text and the unit behind it: after a blank, or a sign that needs none.
fn split_unit(text: &str) -> Option<(&str, &str)> {
    let cut = text.rfind(|character: char| character.is_ascii_digit())? + 1;
    let (value, rest) = text.split_at(cut);
    let unit = rest.trim();
    let apart = rest.starts_with(char::is_whitespace) || unit.starts_with(['%', '°']);
    (apart && !unit.is_empty() && unit.chars().count() <= UNIT).then_some((value, unit))
}
