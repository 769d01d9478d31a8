//! What pointers on a chart mean: marking a stretch, panning, pinching, tapping.
//!
//! Knows pixels and no time, no chart and no browser. A mouse marks a stretch, or pans with shift; one finger pans, two
//! pinch; whatever does not move is a tap.

/// A pointer that moved less than this has not moved, in pixels.
const STILL: f64 = 4.0;

/// A pointer's kind, as far as it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A mouse or a pen, with shift held down or not.
    Mouse {
        /// Pans instead of marking.
        shift: bool,
    },
    /// A finger.
    Touch,
}

/// What is to be done. Positions are pixels from the plotting area's left edge.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Action {
    /// Nothing.
    Nothing,
    /// Show that this stretch is being marked.
    Mark {
        /// Its left end.
        from: f64,
        /// Its right end.
        to: f64,
    },
    /// Zoom to this stretch.
    Zoom {
        /// Its left end.
        from: f64,
        /// Its right end.
        to: f64,
    },
    /// Move what is shown to the right by `by` pixels.
    Pan {
        /// Pixels.
        by: f64,
    },
    /// Show `factor` times as much with `at` staying where it is, then move it by `by` pixels.
    Pinch {
        /// The middle between the fingers.
        at: f64,
        /// Below 1 when fingers part.
        factor: f64,
        /// How far the middle moved.
        by: f64,
    },
    /// It was a tap, or a click.
    Tap {
        /// Where.
        at: f64,
    },
    /// It was broken off: show nothing any more.
    Cancel,
}

#[derive(Clone, Copy, Debug)]
struct Pointer {
    id: i32,
    kind: Kind,
    start: f64,
    x: f64,
}

/// The pointers that are down on one chart.
#[derive(Debug, Default)]
pub struct Gestures {
    pointers: Vec<Pointer>,
    moved: bool,
}

impl Gestures {
    /// A pointer went down at `x`.
    pub fn down(&mut self, id: i32, kind: Kind, x: f64) -> Action {
        // A pointer whose end was never told must not live on.
        self.pointers.retain(|pointer| pointer.id != id && pointer.kind == kind && kind == Kind::Touch);
        if self.pointers.is_empty() {
            self.moved = false;
        }
        self.pointers.truncate(1);
        self.pointers.push(Pointer { id, kind, start: x, x });
        if self.pointers.len() > 1 { Action::Cancel } else { Action::Nothing }
    }

    /// A pointer moved to `x`.
    pub fn moved(&mut self, id: i32, x: f64) -> Action {
        let other = self.pointers.iter().find(|pointer| pointer.id != id).map(|pointer| pointer.x);
        let Some(pointer) = self.pointers.iter_mut().find(|pointer| pointer.id == id) else {
            return Action::Nothing;
        };
        if !self.moved && (x - pointer.start).abs() < STILL {
            return Action::Nothing;
        }
        self.moved = true;
        let before = std::mem::replace(&mut pointer.x, x);
        match (pointer.kind, other) {
            (Kind::Mouse { shift: false }, _) => {
                Action::Mark { from: pointer.start.min(x), to: pointer.start.max(x) }
            }
            (Kind::Mouse { shift: true } | Kind::Touch, None) => Action::Pan { by: x - before },
            (_, Some(other)) => {
                let apart = |x: f64| (x - other).abs().max(1.0);
                let factor = (apart(before) / apart(x)).clamp(0.5, 2.0);
                Action::Pinch { at: f64::midpoint(x, other), factor, by: (x - before) / 2.0 }
            }
        }
    }

    /// A pointer was lifted at `x`.
    pub fn up(&mut self, id: i32, x: f64) -> Action {
        let Some(at) = self.pointers.iter().position(|pointer| pointer.id == id) else {
            return Action::Nothing;
        };
        let pointer = self.pointers.remove(at);
        match pointer.kind {
            _ if !self.moved && self.pointers.is_empty() => Action::Tap { at: x },
            Kind::Mouse { shift: false } => {
                Action::Zoom { from: pointer.start.min(x), to: pointer.start.max(x) }
            }
            _ => Action::Nothing,
        }
    }

    /// The browser took a pointer away, to scroll the page with it, or the reader pressed Escape.
    pub fn cancel(&mut self) -> Action {
        self.pointers.clear();
        Action::Cancel
    }

    /// Whether a pointer is down.
    pub fn active(&self) -> bool {
        !self.pointers.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUSE: Kind = Kind::Mouse { shift: false };

    #[test]
    fn a_mouse_marks_and_zooms() {
        let mut gestures = Gestures::default();
        assert_eq!(gestures.down(1, MOUSE, 100.0), Action::Nothing);
        assert_eq!(gestures.moved(1, 102.0), Action::Nothing);
        assert_eq!(gestures.moved(1, 60.0), Action::Mark { from: 60.0, to: 100.0 });
        assert_eq!(gestures.up(1, 50.0), Action::Zoom { from: 50.0, to: 100.0 });
        assert!(!gestures.active());
    }

    #[test]
    fn what_does_not_move_is_a_tap() {
        let mut gestures = Gestures::default();
        gestures.down(1, MOUSE, 100.0);
        assert_eq!(gestures.moved(1, 101.0), Action::Nothing);
        assert_eq!(gestures.up(1, 101.0), Action::Tap { at: 101.0 });
        gestures.down(2, Kind::Touch, 30.0);
        assert_eq!(gestures.up(2, 30.0), Action::Tap { at: 30.0 });
    }

    #[test]
    fn shift_and_one_finger_pan() {
        for kind in [Kind::Mouse { shift: true }, Kind::Touch] {
            let mut gestures = Gestures::default();
            gestures.down(1, kind, 100.0);
            assert_eq!(gestures.moved(1, 90.0), Action::Pan { by: -10.0 });
            assert_eq!(gestures.moved(1, 95.0), Action::Pan { by: 5.0 });
            assert_eq!(gestures.up(1, 95.0), Action::Nothing);
        }
    }

    #[test]
    fn two_fingers_pinch() {
        let mut gestures = Gestures::default();
        gestures.down(1, Kind::Touch, 100.0);
        assert_eq!(gestures.down(2, Kind::Touch, 200.0), Action::Cancel);
        assert_eq!(gestures.moved(2, 220.0), Action::Pinch { at: 160.0, factor: 100.0 / 120.0, by: 10.0 });
        gestures.up(2, 220.0);
        assert_eq!(gestures.moved(1, 90.0), Action::Pan { by: -10.0 });
        assert_eq!(gestures.up(1, 90.0), Action::Nothing);
    }

    #[test]
    fn what_was_broken_off_does_nothing() {
        let mut gestures = Gestures::default();
        gestures.down(1, Kind::Touch, 100.0);
        assert_eq!(gestures.cancel(), Action::Cancel);
        assert_eq!(gestures.moved(1, 300.0), Action::Nothing);
        assert_eq!(gestures.up(1, 300.0), Action::Nothing);
    }
}
