//! Reading ahead: what is read waits until the reader of the database has been given back.

use crate::columns::Columns;
use crate::{Bucket, Sink, Stopped, budget};

/// Points that are read before the first of them is handed on: 2 MB, and a block more. Tests read little, and go on often.
pub(super) const READ_AHEAD: usize = if cfg!(test) { 3 } else { 128 << 10 };

/// What was read and is not handed on yet.
pub(super) struct ReadAhead<'s> {
    /// Whether the points are handed on while the reader is held.
    pub(super) at_once: bool,
    sink: &'s mut dyn Sink,
    /// Whether a series was begun and has not ended.
    is_open: bool,
    /// Microseconds of the slices to which that is reduced, as far as it was read; 0 while it is whole.
    slice: i64,
    parts: Vec<Part>,
    points: usize,
}

/// What a sink is given.
enum Part {
    Series(String),
    Points(Columns),
    Slices(Vec<Bucket>),
    Reduced(i64),
}

impl<'s> ReadAhead<'s> {
    pub(super) fn new(at_once: bool, sink: &'s mut dyn Sink) -> Self {
        Self { at_once, sink, is_open: false, slice: 0, parts: Vec::new(), points: 0 }
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
        if !std::mem::replace(&mut self.is_open, true) {
            self.parts.push(Part::Series(name.to_owned()));
        }
    }

    pub(super) fn add(&mut self, columns: &Columns) {
        self.points += columns.len();
        self.parts.push(Part::Points(columns.clone()));
    }

    pub(super) fn add_slices(&mut self, slices: Vec<Bucket>) {
        self.points += slices.len();
        self.parts.push(Part::Slices(slices));
    }

    /// The series has only the extremes of each `slice` microseconds, or is whole, when they are 0.
    pub(super) fn reduce(&mut self, slice: i64) {
        self.slice = self.slice.max(slice);
    }

    /// The end of a series, if it was begun.
    pub(super) fn end(&mut self) {
        let slice = std::mem::take(&mut self.slice);
        if std::mem::take(&mut self.is_open) && slice > 0 {
            self.parts.push(Part::Reduced(slice));
        }
    }

    pub(super) fn hand_on(&mut self) -> Result<(), Stopped> {
        self.points = 0;
        for part in std::mem::take(&mut self.parts) {
            match part {
                Part::Series(name) => self.sink.series(&name)?,
                Part::Points(points) => self.sink.points(points.times(), points.values())?,
                Part::Slices(slices) => self.sink.slices(&slices)?,
                Part::Reduced(slice) => self.sink.reduced(slice)?,
            }
        }
        Ok(())
    }
}
