//! Reading ahead: what is read waits until the reader of the database has been given back.

use crate::columns::Columns;
use crate::{Sink, Stopped, budget};

/// Points that are read before the first of them is handed on: 2 MB, and a block more. Tests read little, and go on often.
pub(super) const READ_AHEAD: usize = if cfg!(test) { 3 } else { 128 << 10 };

/// What was read and is not handed on yet.
pub(super) struct ReadAhead<'s> {
    /// Whether the points are handed on while the reader is held.
    pub(super) at_once: bool,
    sink: &'s mut dyn Sink,
    /// The series begun last.
    series: String,
    parts: Vec<Part>,
    points: usize,
}

/// Points, and the series that begins with them, if one does.
type Part = (Option<String>, Vec<i64>, Vec<f64>);

impl<'s> ReadAhead<'s> {
    pub(super) fn new(at_once: bool, sink: &'s mut dyn Sink) -> Self {
        Self { at_once, sink, series: String::new(), parts: Vec::new(), points: 0 }
    }

    pub(super) fn is_full(&self) -> bool {
        self.points >= READ_AHEAD
    }

    pub(super) fn check(&mut self) -> Result<(), Stopped> {
        self.sink.check()?;
        budget::check()
    }

    /// An answer that goes on is no new series.
    pub(super) fn begin(&mut self, name: &str) {
        if self.series != name {
            self.series = name.to_owned();
            self.parts.push((Some(name.to_owned()), Vec::new(), Vec::new()));
        }
    }

    pub(super) fn add(&mut self, columns: &Columns) {
        self.points += columns.len();
        self.parts.push((None, columns.times().to_vec(), columns.values().to_vec()));
    }

    pub(super) fn hand_on(&mut self) -> Result<(), Stopped> {
        self.points = 0;
        for (series, times, values) in std::mem::take(&mut self.parts) {
            if let Some(name) = series {
                self.sink.series(&name)?;
            }
            if !times.is_empty() {
                self.sink.points(&times, &values)?;
            }
        }
        Ok(())
    }
}
