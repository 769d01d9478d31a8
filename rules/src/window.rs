//! Values of the last W seconds.
//!
//! A window is a ring of sixty slots on a grid of instants, and the running one. What lies in the slots is added in order, so that two windows with
//! the same samples have the same value to the last bit, wherever they began. The newest sample is not in its slot before another comes, so it
//! can be corrected. A sample that comes late is not added: as the next slot begins, the slots are filled again from all samples.

mod parts;

use afterglow_wire::rule::{Of, Value};

use crate::SECOND;
use parts::{Extremes, Moments, Part, Steps, Sums, Values};

/// Complete slots of a window.
const SLOTS: i64 = 60;

/// Which value of which window.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    of: Of,
    /// In microseconds.
    pub(crate) window: i64,
    slot: i64,
    counter: bool,
    per: f64,
}

impl Shape {
    /// `None` for values that are not of a window.
    pub(crate) fn of(value: &Value) -> Option<Self> {
        let window = i64::from(value.window?) * SECOND;
        let slot = (window + SLOTS - 1) / SLOTS;
        let per = value.per.unwrap_or_default().seconds();
        Some(Self { of: value.of, window, slot, counter: value.counter, per })
    }

    /// How long before a sample lie those that its value is computed of, at most, in microseconds.
    pub(crate) fn reach(&self) -> i64 {
        self.window + self.slot + 1
    }
}

/// The samples of a signal in a window.
#[derive(Clone, Debug)]
pub(crate) enum Window {
    Sums(Ring<Sums>),
    Moments(Ring<Moments>),
    Extremes(Ring<Extremes>),
    Steps(Ring<Steps>),
    Values(Ring<Values>),
}

impl Window {
    pub(crate) fn new(shape: &Shape) -> Self {
        match shape.of {
            Of::Min | Of::Max | Of::Range => Self::Extremes(Ring::new(shape.slot)),
            Of::First | Of::Rate => Self::Steps(Ring::new(shape.slot)),
            Of::Percentile(_) => Self::Values(Ring::new(shape.slot)),
            Of::Stddev => Self::Moments(Ring::new(shape.slot)),
            _ => Self::Sums(Ring::new(shape.slot)),
        }
    }

    /// A sample later than the last, or of its time.
    pub(crate) fn push(&mut self, at: i64, value: f64) {
        match self {
            Self::Sums(ring) => ring.push(at, value),
            Self::Moments(ring) => ring.push(at, value),
            Self::Extremes(ring) => ring.push(at, value),
            Self::Steps(ring) => ring.push(at, value),
            Self::Values(ring) => ring.push(at, value),
        }
    }

    /// A sample earlier than the newest came.
    pub(crate) fn miss(&mut self, at: i64) {
        match self {
            Self::Sums(ring) => ring.miss(at),
            Self::Moments(ring) => ring.miss(at),
            Self::Extremes(ring) => ring.miss(at),
            Self::Steps(ring) => ring.miss(at),
            Self::Values(ring) => ring.miss(at),
        }
    }

    /// From when on samples must be pushed again, because some were missed and the one at `at` begins another slot; `None` when
    /// nothing is to be done.
    pub(crate) fn recount(&self, at: i64) -> Option<i64> {
        match self {
            Self::Sums(ring) => ring.recount(at),
            Self::Moments(ring) => ring.recount(at),
            Self::Extremes(ring) => ring.recount(at),
            Self::Steps(ring) => ring.recount(at),
            Self::Values(ring) => ring.recount(at),
        }
    }

    /// Forgets all samples.
    pub(crate) fn clear(&mut self) {
        match self {
            Self::Sums(ring) => *ring = Ring::new(ring.slot),
            Self::Moments(ring) => *ring = Ring::new(ring.slot),
            Self::Extremes(ring) => *ring = Ring::new(ring.slot),
            Self::Steps(ring) => *ring = Ring::new(ring.slot),
            Self::Values(ring) => *ring = Ring::new(ring.slot),
        }
    }

    /// The value at the newest sample; `None` when there is none.
    pub(crate) fn value(&self, shape: &Shape) -> Option<f64> {
        match self {
            Self::Sums(ring) => ring.total()?.value(shape.of),
            Self::Moments(ring) => ring.total()?.deviation(),
            Self::Extremes(ring) => ring.total()?.value(shape.of),
            Self::Steps(ring) => ring.total()?.value(shape.of == Of::First, shape.counter, shape.per),
            Self::Values(ring) => ring.begins_slot().then(|| ring.complete())??.value(shape.of),
        }
    }
}

/// Slots in a ring.
#[derive(Clone, Debug)]
pub(crate) struct Ring<P> {
    slot: i64,
    /// Complete and running slots by number modulo their count, with their number.
    slots: Vec<Option<(i64, P)>>,
    /// The complete slots, added in order; of the running slot with this number.
    complete: Option<(i64, Option<P>)>,
    newest: Option<(i64, f64)>,
    /// The newest sample is the first of its slot.
    begins: bool,
    /// A sample that belongs here came late.
    missed: bool,
}

impl<P: Part> Ring<P> {
    fn new(slot: i64) -> Self {
        Self { slot, slots: Vec::new(), complete: None, newest: None, begins: false, missed: false }
    }

    fn push(&mut self, at: i64, value: f64) {
        if let Some(newest) = &mut self.newest
            && newest.0 == at
        {
            newest.1 = value;
            return;
        }
        let number = at.div_euclid(self.slot);
        if let Some((before, value)) = self.newest.replace((at, value)) {
            self.put(before, value);
            self.begins = before.div_euclid(self.slot) != number;
        } else {
            self.begins = true;
        }
        if self.complete.as_ref().is_none_or(|(running, _)| *running != number) {
            self.complete = Some((number, self.add(number - SLOTS, number)));
        }
    }

    fn miss(&mut self, at: i64) {
        self.missed |= self.newest.is_some_and(|(newest, _)| at >= newest - self.slot * (SLOTS + 1));
    }

    fn recount(&self, at: i64) -> Option<i64> {
        let (newest, _) = self.newest.filter(|_| self.missed)?;
        let number = |at: i64| at.div_euclid(self.slot);
        (number(newest) != number(at)).then(|| (number(newest) - SLOTS) * self.slot)
    }

    fn put(&mut self, at: i64, value: f64) {
        if self.slots.is_empty() {
            self.slots = vec![None; SLOTS as usize + 1];
        }
        let number = at.div_euclid(self.slot);
        let place = number.rem_euclid(SLOTS + 1) as usize;
        match &mut self.slots[place] {
            Some((of, part)) if *of == number => part.push(at, value),
            slot => *slot = Some((number, P::of(at, value))),
        }
    }

    /// The slots numbered from `from` up to and without `to`.
    fn add(&self, from: i64, to: i64) -> Option<P> {
        let mut total: Option<P> = None;
        for number in from..to {
            let place = number.rem_euclid(SLOTS + 1) as usize;
            let Some(Some((of, part))) = self.slots.get(place) else { continue };
            if *of == number {
                match &mut total {
                    Some(total) => total.add(part),
                    None => total = Some(part.clone()),
                }
            }
        }
        total
    }

    /// Complete slots, running one and newest sample together.
    fn total(&self) -> Option<P> {
        let (at, value) = self.newest?;
        let (number, complete) = self.complete.as_ref()?;
        let newest = P::of(at, value);
        let mut total = complete.clone();
        for part in [self.add(*number, *number + 1), Some(newest)].into_iter().flatten() {
            match &mut total {
                Some(total) => total.add(&part),
                None => total = Some(part),
            }
        }
        total
    }

    fn begins_slot(&self) -> bool {
        self.begins
    }

    fn complete(&self) -> Option<P> {
        self.complete.as_ref()?.1.clone()
    }
}
