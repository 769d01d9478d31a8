//! A stretch of time.

/// The shortest stretch that can be shown, in microseconds.
pub const SHORTEST: i64 = 1_000;
/// The longest, in microseconds: fifty years.
pub const LONGEST: i64 = 50 * 366 * super::DAY;

/// The instants from `from` on, up to and without `to`, in microseconds since 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Span {
    /// Where it starts.
    pub from: i64,
    /// Where it ends; not before `from`.
    pub to: i64,
}

impl Span {
    /// The same at whole seconds, or at whole tenths of what is shorter: what follows the clock changes that often.
    pub fn stepped(self) -> Self {
        let step = (self.width() / 10).clamp(1, super::SECOND);
        let to = self.to.div_euclid(step) * step;
        Self { from: to - self.width(), to }
    }

    /// From the earlier to the later of two instants.
    pub fn between(a: i64, b: i64) -> Self {
        Self { from: a.min(b), to: a.max(b) }
    }

    /// The `width` up to `to`.
    pub fn up_to(to: i64, width: i64) -> Self {
        Self { from: to.saturating_sub(width.max(0)), to }
    }

    /// Its length in microseconds.
    pub fn width(self) -> i64 {
        self.to.saturating_sub(self.from)
    }

    /// Whether `time` lies within.
    pub fn contains(self, time: i64) -> bool {
        (self.from..self.to).contains(&time)
    }

    /// Whether all of `other` lies within.
    pub fn covers(self, other: Self) -> bool {
        self.from <= other.from && other.to <= self.to
    }

    /// What both have in common; none when that is nothing.
    pub fn overlap(self, other: Self) -> Option<Self> {
        let common = Self { from: self.from.max(other.from), to: self.to.min(other.to) };
        (common.from < common.to).then_some(common)
    }

    /// The same length, later by `by` microseconds.
    #[must_use]
    pub fn shifted(self, by: i64) -> Self {
        Self { from: self.from.saturating_add(by), to: self.to.saturating_add(by) }
    }

    /// Longer by `by` microseconds at each end.
    #[must_use]
    pub fn widened(self, by: i64) -> Self {
        Self { from: self.from.saturating_sub(by), to: self.to.saturating_add(by) }
    }

    /// `factor` times as long, with `at` staying where it is.
    #[must_use]
    pub fn zoomed(self, at: i64, factor: f64) -> Self {
        let width = self.width().max(1) as f64;
        let share = ((at - self.from) as f64 / width).clamp(0.0, 1.0);
        let wanted = (width * factor).clamp(SHORTEST as f64, LONGEST as f64);
        let from = at.saturating_sub((share * wanted) as i64);
        Self { from, to: from.saturating_add(wanted as i64) }
    }

    /// At least the shortest and at most the longest stretch that can be shown, around the same middle.
    #[must_use]
    pub fn usable(self) -> Self {
        let width = self.width();
        if (SHORTEST..=LONGEST).contains(&width) {
            return self;
        }
        let from = self.from.saturating_add(width / 2) - width.clamp(SHORTEST, LONGEST) / 2;
        Self { from, to: from.saturating_add(width.clamp(SHORTEST, LONGEST)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_live_stretch_goes_in_steps_and_keeps_its_width() {
        let span = Span { from: 10_400_000, to: 70_400_000 };
        assert_eq!(span.stepped(), Span { from: 10_000_000, to: 70_000_000 });
        let narrow = Span { from: 1_234_567, to: 1_235_567 };
        assert_eq!(narrow.stepped(), Span { from: 1_234_500, to: 1_235_500 });
    }

    #[test]
    fn zooming_keeps_the_instant_under_the_pointer() {
        let span = Span { from: 0, to: 1_000_000 };
        assert_eq!(span.zoomed(250_000, 0.5), Span { from: 125_000, to: 625_000 });
        assert_eq!(span.zoomed(250_000, 0.5).zoomed(250_000, 2.0), span);
        assert_eq!(span.zoomed(500_000, 1e-9).width(), SHORTEST);
        assert_eq!(span.zoomed(500_000, 1e30).width(), LONGEST);
    }

    #[test]
    fn a_click_is_no_span_of_nothing() {
        assert_eq!(Span::between(50_000, 50_000).usable().width(), SHORTEST);
        assert!(Span::between(50_000, 50_000).usable().contains(50_000));
    }

    #[test]
    fn an_overlap_is_what_both_spans_have() {
        let span = Span { from: 10, to: 20 };
        assert_eq!(span.overlap(Span { from: 15, to: 99 }), Some(Span { from: 15, to: 20 }));
        assert_eq!(span.overlap(Span { from: 20, to: 99 }), None);
        assert!(span.covers(Span { from: 10, to: 20 }) && !span.covers(Span { from: 9, to: 20 }));
    }
}
