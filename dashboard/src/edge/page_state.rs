//! What the edges write and the frame loop reads: samples, the range, the clock, the status.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use afterglow_wire::revision::Revision;

use crate::alerts::alert_set::AlertSet;
use crate::boards::annotations::AnnotationSet;
use crate::boards::looks::Looks;
use crate::boards::metadata::SignalMetadata;
use crate::boards::selection::Selection;
use crate::chart::cursors::Cursors;
use crate::connection::backlog::Backlog;
use crate::connection::latency::Latency;
use crate::connection::status::Status;
use crate::edge::clock::Clock;
use crate::edge::shared::Shared;
use crate::edge::zones::NamedZone;
use crate::samples::archive::{Archive, Sight};
use crate::samples::exact::{Exact, Inexact};
use crate::samples::history::{History, Newest, Series};
use crate::samples::means::Means;
use crate::samples::summary::Samples;
use crate::time::timeline::{Now, Step};
use crate::time::{Follow, HOUR, Range, Span, Timeline};

/// Changes of the range that follow each other within this time are one gesture, in milliseconds.
const GESTURE: f64 = 700.0;

/// The page's plain data. Of it components follow only what is [`Shared`]; samples never are.
pub struct PageState {
    /// The samples of the last hour.
    pub history: RefCell<History>,
    /// Older and finer samples that were fetched.
    pub archive: RefCell<Archive>,
    /// Values that were looked up for single instants.
    pub exact: RefCell<Exact>,
    /// Summaries of what is here only as an outline.
    pub means: RefCell<Means>,
    /// Which range is shown.
    pub timeline: RefCell<Timeline>,
    /// The two instants that the reader measures between.
    pub cursors: RefCell<Cursors>,
    /// Whether the page begins at the newest samples when there are none of the last hour.
    pub starts_where_data_is: Cell<bool>,
    /// Whether charts beyond the screen are wanted as well, because the page is to be printed.
    pub printing: Cell<bool>,
    /// The server's time.
    pub clock: Clock,
    /// Frames that had to wait, while they are being read.
    pub backlog: RefCell<Backlog>,
    /// How long samples take to the screen.
    pub latency: RefCell<Latency>,
    /// Annotations around the range on screen.
    pub annotations: Shared<Rc<AnnotationSet>>,
    /// What fires, what fired around the range on screen, and the rules.
    pub alerts: Shared<Rc<AlertSet>>,
    /// Display names, units, colours and intervals of signals; written by [`Self::set_metadata`].
    pub metadata: Shared<Rc<SignalMetadata>>,
    /// Which colours and dashes lines have.
    pub looks: RefCell<Looks>,
    /// Which lines the reader switched on or off.
    pub selection: Shared<Rc<Selection>>,
    /// Which boards, annotations and other documents the server has; none before that is known, and nothing is asked for.
    pub revision: Shared<Option<Revision>>,
    /// The zone in which times are shown.
    pub zone: Shared<Rc<NamedZone>>,
    /// Whether a tap on a chart sets a cursor.
    pub measuring: Shared<bool>,
    status: RefCell<Status>,
    status_changed: Cell<bool>,
    gesture: Cell<f64>,
    annotate: Cell<Option<i64>>,
}

impl PageState {
    /// Nothing yet; `range` is what the page's address asks for.
    pub fn new(range: Range, zone: NamedZone) -> Self {
        Self {
            history: RefCell::new(History::new(HOUR)),
            archive: RefCell::default(),
            exact: RefCell::default(),
            means: RefCell::default(),
            timeline: RefCell::new(Timeline::new(range)),
            cursors: RefCell::default(),
            starts_where_data_is: Cell::new(false),
            printing: Cell::default(),
            clock: Clock::default(),
            backlog: RefCell::default(),
            latency: RefCell::default(),
            annotations: Shared::default(),
            alerts: Shared::default(),
            metadata: Shared::default(),
            looks: RefCell::default(),
            selection: Shared::default(),
            revision: Shared::default(),
            zone: Shared::new(Rc::new(zone)),
            measuring: Shared::default(),
            status: RefCell::default(),
            status_changed: Cell::new(true),
            gesture: Cell::new(f64::NEG_INFINITY),
            annotate: Cell::default(),
        }
    }

    /// Where live ranges end: now, or at the newest sample when a sender's clock is ahead.
    pub fn edge(&self) -> i64 {
        let now = self.clock.now();
        self.history.borrow().newest().map_or(now, |newest| newest.max(now))
    }

    /// Puts late samples in their place, and drops what left the window that ends at `edge`.
    pub fn advance(&self, edge: i64) {
        let mut history = self.history.borrow_mut();
        history.advance(edge);
        let late = history.take_late();
        let mut archive = self.archive.borrow_mut();
        if late.is_lost {
            archive.mark_stale();
        }
        for (name, samples) in &late.samples {
            archive.add_late(name, samples, late.committed);
        }
    }

    /// What ranges relate to at this moment.
    pub fn now(&self) -> Now {
        Now { edge: self.edge(), oldest: self.history.borrow().oldest() }
    }

    /// What is shown at this moment.
    pub fn span(&self) -> Span {
        self.timeline.borrow().span(self.now())
    }

    /// The value of a signal that holds at an instant of the range on screen; none where it pauses.
    pub fn held(&self, name: &str, at: i64) -> Option<Newest> {
        let span = self.span().widened(1);
        let (history, archive, exact) = (self.history.borrow(), self.archive.borrow(), self.exact.borrow());
        let means = self.means.borrow();
        archive.trace(&history, name, Sight::new(span, 1_000)).held(at)?;
        Samples { history: &history, archive: &archive, exact: &exact, means: &means }.newest(name, span, at)
    }

    /// In how many decimals a signal's values are given; none when they are continuous.
    pub fn decimals(&self, name: &str) -> Option<usize> {
        self.history.borrow().get(name).and_then(Series::decimals)
    }

    /// Which values of `signals` are shown and not known exactly: those at the cursors, and the last of the range.
    pub fn inexact(&self, signals: &[String]) -> Vec<Inexact> {
        let span = self.span();
        let cursors = *self.cursors.borrow();
        // Where the range follows the clock, its end is in the rings.
        let last = (!self.timeline.borrow().is_live()).then_some(span.to);
        let (history, archive, exact) = (self.history.borrow(), self.archive.borrow(), self.exact.borrow());
        let means = self.means.borrow();
        let samples = Samples { history: &history, archive: &archive, exact: &exact, means: &means };
        let mut found = Vec::new();
        for time in [cursors.a, cursors.b, last].into_iter().flatten() {
            found.extend(signals.iter().filter_map(|name| {
                let newest = samples.newest(name, span, time).filter(|newest| !newest.is_exact())?;
                Some(Inexact { name: name.clone(), time, newest })
            }));
        }
        found
    }

    /// Of which of `signals` something in `sight` is here only as an outline.
    pub fn reduced(&self, signals: &[String], sight: Sight) -> Vec<String> {
        let (history, archive) = (self.history.borrow(), self.archive.borrow());
        let is_reduced = |name: &&String| archive.trace(&history, name, sight).is_reduced(sight.span);
        signals.iter().filter(is_reduced).cloned().collect()
    }

    /// Shows `factor` times as much around the instant `at`; none for the middle.
    pub fn zoom(&self, at: Option<i64>, factor: f64) {
        let (now, step) = (self.now(), self.step());
        let mut timeline = self.timeline.borrow_mut();
        let span = timeline.span(now);
        // Live stays live when the reader points nowhere.
        let middle = if timeline.is_live() { span.to } else { span.from + span.width() / 2 };
        timeline.zoom_at(now, at.unwrap_or(middle), factor, step);
    }

    /// Shows what is later by this share of the width.
    pub fn pan(&self, share: f64) {
        let (now, step) = (self.now(), self.step());
        let mut timeline = self.timeline.borrow_mut();
        let by = timeline.span(now).width() as f64 * share;
        timeline.pan(now, by as i64, step);
    }

    /// Stands still, or follows the clock again.
    pub fn toggle_pause(&self) {
        let now = self.now();
        self.timeline.borrow_mut().toggle_pause(now);
    }

    /// Follows the clock, showing as much as `follow` says.
    pub fn follow(&self, follow: Follow) {
        self.timeline.borrow_mut().go(Range::Live(follow));
    }

    /// Has taps on charts set cursors, or takes the cursors away.
    pub fn set_measuring(&self, measuring: bool) {
        self.measuring.set(measuring);
        if !measuring {
            self.cursors.borrow_mut().clear();
        }
    }

    /// The reader wants to annotate an instant.
    pub fn annotate(&self, at: i64) {
        self.annotate.set(Some(at));
    }

    /// The instant that the reader wants to annotate, once.
    pub fn take_annotate(&self) -> Option<i64> {
        self.annotate.take()
    }

    fn step(&self) -> Step {
        let now = crate::edge::clock::steady();
        if now - self.gesture.replace(now) < GESTURE { Step::More } else { Step::New }
    }

    /// Takes over the metadata of signals.
    pub fn set_metadata(&self, metadata: Rc<SignalMetadata>) {
        self.history.borrow_mut().set_metadata(&metadata);
        self.archive.borrow_mut().set_metadata(&metadata);
        self.metadata.set(metadata);
    }

    /// The status.
    pub fn status(&self) -> Status {
        self.status.borrow().clone()
    }

    /// Changes the status.
    pub fn set_status(&self, change: impl FnOnce(&mut Status)) {
        change(&mut self.status.borrow_mut());
        self.status_changed.set(true);
    }

    /// Whether the status was changed since this was last asked.
    pub fn take_status_changed(&self) -> bool {
        self.status_changed.replace(false)
    }
}
