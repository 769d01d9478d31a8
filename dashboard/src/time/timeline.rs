//! The one range that all charts show, and the way back from where the reader went.

use super::span::{LONGEST, SHORTEST};
use super::{HOUR, MINUTE, Span};

/// Most steps that can be undone; beyond it the oldest is forgotten.
const STEPS: usize = 64;
/// The widths that a chart of a young history can have, in minutes.
const FITTING: [i64; 7] = [1, 2, 5, 10, 15, 30, 60];
/// Zooming this near to the live edge, as a share of the width, keeps following it.
const NEAR_EDGE: f64 = 0.1;

/// How much a range that follows the server's clock shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Follow {
    /// As much as there is, an hour at most: the first minute of a new signal fills the chart instead of a sixtieth.
    #[default]
    Fitting,
    /// The last stretch of this many microseconds.
    Last(i64),
}

/// What is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Range {
    /// The newest samples, following the server's clock.
    Live(Follow),
    /// What was live when the reader pressed pause. Samples keep arriving; only the view stands still.
    Paused(Span),
    /// A stretch that the reader chose.
    Fixed(Span),
}

/// Where "now" is and how far back samples reach, at this moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// The server's time, or the newest sample's when a sender's clock is ahead, in microseconds.
    pub edge: i64,
    /// The oldest sample's time in microseconds, when there is one.
    pub oldest: Option<i64>,
}

/// Whether a change is a step of its own, or more of the gesture that made the last one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Can be undone by itself.
    New,
    /// Is undone together with the one before.
    More,
}

/// The present range and those before it.
#[derive(Debug)]
pub struct Timeline {
    range: Range,
    /// What to follow when the reader asks for live again.
    follow: Follow,
    back: Vec<Range>,
    changes: u64,
}

impl Timeline {
    /// Begins with `range`, from which there is no way back.
    pub fn new(range: Range) -> Self {
        let follow = if let Range::Live(follow) = range { follow } else { Follow::default() };
        Self { range, follow, back: Vec::new(), changes: 0 }
    }

    /// What is shown.
    pub fn range(&self) -> Range {
        self.range
    }

    /// How many steps can be undone.
    pub fn depth(&self) -> usize {
        self.back.len()
    }

    /// Changes with every change of the range; the passing of time is none.
    pub fn changes(&self) -> u64 {
        self.changes
    }

    /// Whether the range follows the server's clock.
    pub fn is_live(&self) -> bool {
        matches!(self.range, Range::Live(_))
    }

    /// The stretch that is shown at this moment.
    pub fn span(&self, now: Now) -> Span {
        match self.range {
            Range::Live(Follow::Fitting) => Span::up_to(now.edge, fitting(now)),
            Range::Live(Follow::Last(width)) => Span::up_to(now.edge, width),
            Range::Paused(span) | Range::Fixed(span) => span,
        }
    }

    /// How far what is shown lies behind what is live, in microseconds; none while it is live, or was chosen.
    pub fn behind(&self, now: Now) -> Option<i64> {
        match self.range {
            Range::Paused(span) => Some((now.edge - span.to).max(0)),
            Range::Live(_) | Range::Fixed(_) => None,
        }
    }

    /// Begins at the newest sample there is, `newest`, when the range was not chosen and what it shows at `now` would be
    /// empty.
    pub fn begin_at(&mut self, now: i64, newest: Option<i64>) {
        let Some(newest) = newest.filter(|newest| now - newest > HOUR) else { return };
        if self.range == Range::Live(Follow::Fitting) && self.back.is_empty() {
            self.range = Range::Fixed(Span::up_to(newest + MINUTE, HOUR));
            self.changes += 1;
        }
    }

    /// Shows `range`, and remembers the way back.
    pub fn go(&mut self, range: Range) {
        self.change(range, Step::New);
    }

    /// Shows a stretch that was marked on a chart.
    pub fn zoom_to(&mut self, span: Span) {
        self.go(Range::Fixed(span.usable()));
    }

    /// Shows `factor` times as much, with the instant `at` staying where it is. What touches the live edge stays live.
    pub fn zoom_at(&mut self, now: Now, at: i64, factor: f64, step: Step) {
        let span = self.span(now);
        let from_edge = (span.to - at) as f64 / span.width().max(1) as f64;
        let at = if self.is_live() && from_edge < NEAR_EDGE { span.to } else { at };
        self.settle(now, span.zoomed(at, factor), step);
    }

    /// Shows what is `by` microseconds later. What reaches the live edge becomes live.
    pub fn pan(&mut self, now: Now, by: i64, step: Step) {
        self.settle(now, self.span(now).shifted(by), step);
    }

    /// Stands still, or follows the server's clock again.
    pub fn toggle_pause(&mut self, now: Now) {
        match self.range {
            // No step of the zoom stack: the same key leads back.
            Range::Live(_) => self.replace(Range::Paused(self.span(now))),
            Range::Paused(_) => self.replace(Range::Live(self.follow)),
            Range::Fixed(_) => self.go(Range::Live(self.follow)),
        }
    }

    /// Back to the range before; whether there was one.
    pub fn undo(&mut self) -> bool {
        let Some(range) = self.back.pop() else { return false };
        self.replace(range);
        true
    }

    /// Back, or forward again, to where `depth` steps could be undone, showing `range`: the browser has gone there.
    pub fn restore(&mut self, range: Range, depth: usize) {
        // The browser knows the ranges between; here only the number of steps counts.
        self.back.resize(depth.min(STEPS), self.range);
        self.replace(range);
    }

    fn settle(&mut self, now: Now, span: Span, step: Step) {
        let span = span.usable();
        let live = span.to >= now.edge && span.from < now.edge;
        let follow = || Range::Live(Follow::Last((now.edge - span.from).clamp(SHORTEST, LONGEST)));
        // Panning must not stretch: what goes beyond the edge stops at it.
        let stopped = || Range::Live(Follow::Last(span.width()));
        let range = match (live, span.width() == self.span(now).width()) {
            (true, true) => stopped(),
            (true, false) => follow(),
            (false, _) => Range::Fixed(span),
        };
        self.change(range, step);
    }

    fn change(&mut self, range: Range, step: Step) {
        if range == self.range {
            return;
        }
        if step == Step::New || self.back.is_empty() {
            if self.back.len() == STEPS {
                self.back.remove(0);
            }
            self.back.push(self.range);
        }
        self.replace(range);
    }

    fn replace(&mut self, range: Range) {
        if let Range::Live(follow) = range {
            self.follow = follow;
        }
        self.range = range;
        self.changes += 1;
    }
}

fn fitting(now: Now) -> i64 {
    let age = now.oldest.map_or(0, |oldest| now.edge.saturating_sub(oldest));
    FITTING.into_iter().map(|minutes| minutes * MINUTE).find(|width| age <= *width).unwrap_or(HOUR)
}

#[cfg(test)]
mod tests {
    use super::super::{DAY, SECOND};
    use super::*;

    const EDGE: i64 = 1_795_608_000_000_000;

    fn now(later: i64) -> Now {
        Now { edge: EDGE + later, oldest: Some(EDGE - DAY) }
    }

    fn hour() -> Timeline {
        Timeline::new(Range::Live(Follow::Last(HOUR)))
    }

    #[test]
    fn a_page_begins_where_there_are_samples() {
        let begun = |range, newest| {
            let mut timeline = Timeline::new(range);
            timeline.begin_at(100 * HOUR, newest);
            timeline.range()
        };
        let live = Range::Live(Follow::Fitting);
        let old = Range::Fixed(Span::up_to(50 * HOUR + MINUTE, HOUR));
        assert_eq!(begun(live, Some(50 * HOUR)), old);
        assert_eq!(begun(live, Some(100 * HOUR - MINUTE)), live);
        assert_eq!(begun(live, None), live);
        let chosen = Range::Live(Follow::Last(MINUTE));
        assert_eq!(begun(chosen, Some(50 * HOUR)), chosen);
    }

    #[test]
    fn live_follows_the_clock_and_a_zoom_does_not() {
        let mut timeline = hour();
        assert_eq!(timeline.span(now(SECOND)), Span::up_to(EDGE + SECOND, HOUR));
        let zoomed = Span { from: EDGE - 30 * MINUTE, to: EDGE - 20 * MINUTE };
        timeline.zoom_to(zoomed);
        assert_eq!(timeline.span(now(DAY)), zoomed);
    }

    #[test]
    fn a_young_history_fills_the_chart() {
        let check = |age_seconds: i64, minutes: i64| {
            let now = Now { edge: EDGE, oldest: Some(EDGE - age_seconds * SECOND) };
            assert_eq!(fitting(now), minutes * MINUTE, "{age_seconds} s");
        };
        check(0, 1);
        check(60, 1);
        check(61, 2);
        check(899, 15);
        check(3_600, 60);
        check(99_999, 60);
        assert_eq!(fitting(Now::default()), MINUTE);
    }

    #[test]
    fn pause_says_how_far_behind_and_returns_to_the_same_width() {
        let mut timeline = hour();
        timeline.toggle_pause(now(0));
        assert_eq!(timeline.span(now(5 * SECOND)), Span::up_to(EDGE, HOUR));
        assert_eq!(timeline.behind(now(5 * SECOND)), Some(5 * SECOND));
        timeline.toggle_pause(now(5 * SECOND));
        assert_eq!(timeline.range(), Range::Live(Follow::Last(HOUR)));
        assert_eq!(timeline.depth(), 0);
    }

    #[test]
    fn every_zoom_is_undone_by_itself_and_a_gesture_at_once() {
        let mut timeline = hour();
        timeline.zoom_to(Span::up_to(EDGE - MINUTE, 10 * MINUTE));
        timeline.zoom_at(now(0), EDGE - 5 * MINUTE, 0.5, Step::New);
        timeline.zoom_at(now(0), EDGE - 5 * MINUTE, 0.5, Step::More);
        assert_eq!(timeline.depth(), 2);
        assert!(timeline.undo());
        assert_eq!(timeline.range(), Range::Fixed(Span::up_to(EDGE - MINUTE, 10 * MINUTE)));
        assert!(timeline.undo() && !timeline.undo());
        assert_eq!(timeline.range(), Range::Live(Follow::Last(HOUR)));
    }

    #[test]
    fn the_edge_is_sticky() {
        let mut timeline = hour();
        timeline.zoom_at(now(0), EDGE - MINUTE, 0.5, Step::New);
        assert_eq!(timeline.range(), Range::Live(Follow::Last(HOUR / 2)));
        timeline.pan(now(0), -10 * MINUTE, Step::New);
        assert_eq!(timeline.range(), Range::Fixed(Span::up_to(EDGE - 10 * MINUTE, HOUR / 2)));
        timeline.pan(now(0), HOUR / 4, Step::More);
        assert_eq!(timeline.range(), Range::Live(Follow::Last(HOUR / 2)));
        timeline.zoom_at(now(0), EDGE - HOUR / 4, 0.5, Step::New);
        assert!(matches!(timeline.range(), Range::Fixed(_)));
        timeline.zoom_at(now(0), EDGE - HOUR / 4, 8.0, Step::New);
        assert!(timeline.is_live());
    }

    #[test]
    fn the_stack_is_bounded() {
        let mut timeline = hour();
        for minutes in 1..200 {
            timeline.zoom_to(Span::up_to(EDGE - minutes * MINUTE, MINUTE));
        }
        assert_eq!(timeline.depth(), STEPS);
    }

    #[test]
    fn the_browser_goes_back_several_steps_at_once() {
        let mut timeline = hour();
        for minutes in 1..5 {
            timeline.zoom_to(Span::up_to(EDGE - minutes * MINUTE, MINUTE));
        }
        timeline.restore(Range::Live(Follow::Fitting), 1);
        assert_eq!((timeline.depth(), timeline.range()), (1, Range::Live(Follow::Fitting)));
    }
}
