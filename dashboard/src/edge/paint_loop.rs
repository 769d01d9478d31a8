//! The one frame loop: paints the charts that need it, asks for what they lack, and tells the components what changed.

use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::{Rc, Weak};

use wasm_bindgen::JsCast as _;
use wasm_bindgen::prelude::Closure;

use crate::boards::panels::Panel;
use crate::chart::cursors::Cursors;
use crate::chart::handles::Handle;
use crate::chart::sparkline;
use crate::connection::status::Status;
use crate::edge::address::Address;
use crate::edge::clock;
use crate::edge::loader::{Group, Loader, Progress};
use crate::edge::page_state::PageState;
use crate::edge::plot::{OnMoved, Plot};
use crate::edge::timer::Timer;
use crate::order;
use crate::samples::archive::Sight;
use crate::samples::summary::{Samples, Summary};
use crate::time::{Range, SECOND, Span};

/// Components hear of samples at most this often, in milliseconds.
const SUMMARY_EVERY: f64 = 250.0;
/// Ages grow also when nothing arrives; then components hear this often, in milliseconds.
const AGES_EVERY: f64 = 1_000.0;

/// How often values that are not known exactly are looked up, in milliseconds.
const LOOK_UP_EVERY: f64 = 50.0;
/// New samples are painted at most this often, in milliseconds.
const PAINT_EVERY: f64 = 50.0;
/// A frame begins no other chart after it has painted for this long, in milliseconds: the others wait for the next one.
const WITHIN: f64 = 12.0;
/// Painting may take this share of the time: after a round of 12 ms the next waits 100 ms.
const SHARE: f64 = 0.12;
/// Nothing waits longer than this, in milliseconds, however slow the machine.
const PAINT_WITHIN: f64 = 1_000.0;
/// A page without a visible chart is summarised as if it had one of this width, in pixels.
const USUAL_PIXELS: usize = 1_000;
/// Lines that are not drawn are known as well as if they had this width, in pixels.
const FEW_PIXELS: usize = 50;

/// What the loop tells the components.
pub enum News {
    /// The connection or the history.
    Status(Status),
    /// The newest values, and whether only the time has changed.
    Summary(Summary, bool),
    /// The keys of the charts that are on screen, or almost.
    Sight(BTreeSet<String>),
    /// The range.
    Time(TimeNews),
    /// The reader wants to annotate this instant.
    Annotate(i64),
}

/// What components show of the range.
#[derive(Clone, Debug, PartialEq)]
pub struct TimeNews {
    /// What was chosen.
    pub range: Range,
    /// What is shown at this moment, to the second.
    pub span: Span,
    /// How many steps can be undone.
    pub depth: usize,
    /// How many whole seconds what is shown lies behind what is live, when it was paused.
    pub behind: Option<i64>,
    /// Whether samples of it are on their way.
    pub progress: Progress,
    /// The two instants that are measured between.
    pub cursors: Cursors,
}

/// All charts, and the loop that paints them.
pub struct PaintLoop {
    page_state: Rc<PageState>,
    loader: Rc<Loader>,
    address: Rc<Address>,
    plots: RefCell<Vec<Rc<Plot>>>,
    /// The signals of panels of tiles, by panel.
    tiles: RefCell<BTreeMap<String, Vec<String>>>,
    summarised: Cell<(f64, (u64, u64, u64))>,
    looked_up: Cell<f64>,
    /// Whether a backlog is being read.
    behind: Cell<bool>,
    told: RefCell<Option<TimeNews>>,
    /// The charts that were on screen at the last frame.
    sight: RefCell<BTreeSet<String>>,
    cursors: Cell<Cursors>,
    painted_at: Cell<f64>,
    /// How long the browser took for each of the last two rounds over all charts, its own drawing included.
    costs: Rc<Cell<[f64; 2]>>,
    /// How long it took so far for that which is not over.
    spent: Rc<Cell<f64>>,
    /// The oldest commit that a round paints.
    committed: Cell<Option<i64>>,
    measuring: Cell<Option<Timer>>,
    tell: Box<dyn Fn(News)>,
}

impl PaintLoop {
    /// A paint_loop without charts. `tell` is called from the loop.
    pub fn new(page_state: Rc<PageState>, address: Rc<Address>, tell: impl Fn(News) + 'static) -> Rc<Self> {
        Rc::new(Self {
            loader: Loader::new(Rc::clone(&page_state)),
            page_state,
            address,
            plots: RefCell::default(),
            tiles: RefCell::default(),
            summarised: Cell::new((f64::NEG_INFINITY, (0, 0, 0))),
            looked_up: Cell::new(f64::NEG_INFINITY),
            behind: Cell::new(false),
            told: RefCell::default(),
            sight: RefCell::default(),
            cursors: Cell::default(),
            painted_at: Cell::new(f64::NEG_INFINITY),
            costs: Rc::default(),
            spent: Rc::default(),
            committed: Cell::default(),
            measuring: Cell::default(),
            tell: Box::new(tell),
        })
    }

    /// Starts the loop, which ends when the paint_loop is dropped. A hidden page gets no frames.
    pub fn run(self: &Rc<Self>) {
        request(Rc::downgrade(self), Rc::default());
    }

    /// Puts a panel's chart into `element`.
    pub fn mount(&self, panel: &Panel, shown: &[bool], element: web_sys::Element) {
        self.unmount(panel.key());
        if let Some(plot) = Plot::new(Rc::clone(&self.page_state), panel, shown, element) {
            self.plots.borrow_mut().push(plot);
        }
    }

    /// Tells a panel's chart which signals it has and which of them to show.
    pub fn configure(&self, panel: &Panel, shown: &[bool]) {
        if let Some(plot) = self.plots.borrow().iter().find(|plot| plot.is(panel.key())) {
            plot.configure(panel, shown);
        }
    }

    /// Has limits on a panel's chart that can be dragged: `on_moved` hears of it.
    pub fn set_handles(&self, key: &str, handles: Vec<Handle>, on_moved: OnMoved) {
        if let Some(plot) = self.plots.borrow().iter().find(|plot| plot.is(key)) {
            plot.set_handles(handles, on_moved);
        }
    }

    /// Has the browser save a panel's chart as an image.
    pub fn save_picture(&self, key: &str) {
        if let Some(plot) = self.plots.borrow().iter().find(|plot| plot.is(key)) {
            plot.save_picture();
        }
    }

    /// Removes a panel's chart.
    pub fn unmount(&self, key: &str) {
        self.plots.borrow_mut().retain(|plot| !plot.is(key));
    }

    /// The panel of tiles `key` shows `signals` over the range.
    pub fn show_tiles(&self, key: &str, signals: Vec<String>) {
        self.tiles.borrow_mut().insert(key.to_owned(), signals);
    }

    /// The panel of tiles `key` is gone.
    pub fn hide_tiles(&self, key: &str) {
        self.tiles.borrow_mut().remove(key);
    }

    /// Builds everything again, in the colours of the present theme.
    pub fn restyle(&self) {
        self.plots.borrow().iter().for_each(|plot| plot.rebuild());
    }

    /// Paints everything again: the zone changed.
    pub fn repaint(&self) {
        self.plots.borrow().iter().for_each(|plot| plot.repaint());
    }

    /// Paints all charts at once, in the present theme and size, for paper.
    pub fn paint_all(&self) {
        self.restyle();
        let span = self.page_state.span();
        for plot in self.plots.borrow().iter() {
            plot.set_due();
            plot.frame(span, true);
        }
    }

    /// Whether nothing that is wanted is missing or on its way.
    pub fn is_loaded(&self) -> bool {
        let lacks = |name: &String, sight: Sight| {
            let (history, archive) = (self.page_state.history.borrow(), self.page_state.archive.borrow());
            archive.lacks(&history, name, sight, self.page_state.edge())
        };
        let span = self.page_state.span();
        let is_here = self.plots.borrow().iter().all(|plot| plot.seen().is_some());
        is_here
            && self.loader.progress() == Progress::Done
            && !self.seen().iter().any(|(Reverse(pixels), signals)| {
                signals.iter().any(|name| lacks(name, Sight::new(span, *pixels)))
            })
    }

    /// Goes on with a round over the charts, or begins one when it is time.
    fn paint(&self, now: f64, span: Span) {
        let plots = self.plots.borrow();
        let mut wanted: Vec<&Rc<Plot>> = plots.iter().filter(|plot| plot.is_wanted()).collect();
        order::sort_by_key(&mut wanted, |plot| !plot.is_on_screen());
        // The smaller one: a browser that was once busy with something else is not slow.
        let [before, last] = self.costs.get();
        let wait = (before.min(last) / SHARE).clamp(PAINT_EVERY, PAINT_WITHIN);
        let is_over = || !plots.iter().any(|plot| plot.is_due());
        if is_over() && !self.behind.get() && now - self.painted_at.get() >= wait {
            wanted.iter().for_each(|plot| plot.set_due());
            self.committed.set(self.page_state.latency.borrow_mut().leave());
        }
        let started = clock::steady();
        let (mut has_painted, mut has_time) = (false, true);
        for plot in wanted {
            has_painted |= plot.frame(span, has_time);
            has_time = clock::steady() - started < WITHIN;
        }
        // A round may end in a frame that has nothing to paint any more.
        if !has_painted && self.spent.get() == 0.0 {
            return;
        }
        self.painted_at.set(now);
        let (costs, spent, is_over) = (Rc::clone(&self.costs), Rc::clone(&self.spent), is_over());
        let (page_state, committed) =
            (Rc::clone(&self.page_state), if is_over { self.committed.take() } else { None });
        // What the library asked the canvas for is drawn after this frame's callbacks; then the timer fires.
        self.measuring.set(Timer::after(0, move || {
            spent.set(spent.get() + clock::steady() - started);
            if is_over {
                costs.set([costs.get()[1], spent.take()]);
            }
            if let Some(committed) = committed {
                page_state.latency.borrow_mut().painted(committed, page_state.clock.now());
            }
        }));
    }

    /// The signals on screen by how many pixels they are drawn on, the most first, and then in the order of their panels. Those
    /// of lines that are not drawn count: the legend has their figures.
    fn seen(&self) -> BTreeMap<Reverse<usize>, Vec<String>> {
        let mut seen: BTreeMap<Reverse<usize>, Vec<String>> = BTreeMap::new();
        for (drawn, hidden, pixels) in self.plots.borrow().iter().filter_map(|plot| plot.seen()) {
            seen.entry(Reverse(pixels)).or_default().extend(drawn);
            seen.entry(Reverse(FEW_PIXELS)).or_default().extend(hidden);
        }
        let tiles = self.tiles.borrow();
        seen.entry(Reverse(sparkline::WIDTH)).or_default().extend(tiles.values().flatten().cloned());
        seen.retain(|_, signals| !signals.is_empty());
        for signals in seen.values_mut() {
            let mut known = BTreeSet::new();
            signals.retain(|name| known.insert(name.clone()));
        }
        seen
    }

    fn frame(&self, now: f64) {
        let edge = self.page_state.edge();
        self.page_state.advance(edge);
        let span = self.page_state.span();
        if self.cursors.replace(*self.page_state.cursors.borrow()) != *self.page_state.cursors.borrow() {
            self.repaint();
        }
        let behind = self.page_state.backlog.borrow().is_under_way(clock::steady())
            || self.page_state.archive.borrow().is_doubtful();
        let was_behind = self.behind.replace(behind);
        self.paint(now, span);
        self.address.frame(now);
        let live = self.page_state.timeline.borrow().is_live();
        let mut groups: Vec<Group> = Vec::new();
        for (Reverse(pixels), signals) in self.seen() {
            let sight = Sight::new(span, pixels);
            let history = self.page_state.history.borrow();
            let reach = |name: &String| history.reach(name, span);
            let usual = span.width() / 4;
            let (sparse, dense): (Vec<_>, Vec<_>) = signals.into_iter().partition(|name| reach(name) > usual);
            // A reader who looks around probably goes on: a little more than what is seen is kept at hand.
            let more = if live { 0 } else { usual };
            let far = sparse.iter().map(reach).max().unwrap_or_default();
            for (signals, more) in [(dense, more), (sparse, far)] {
                let ahead = Sight { span: span.widened(more), ..sight };
                groups.extend((!signals.is_empty()).then_some(Group { signals, sight, ahead }));
            }
        }
        self.loader.frame(&groups, now);
        let names: Vec<String> = groups.iter().flat_map(|group| group.signals.iter().cloned()).collect();
        let sight = groups.first().map_or_else(|| Sight::new(span, USUAL_PIXELS), |group| group.sight);
        if now - self.looked_up.get() >= LOOK_UP_EVERY {
            self.looked_up.set(now);
            self.loader.look_up(&self.page_state.inexact(&names));
            let sight = closed(sight);
            self.loader.summarize(sight.span, &self.page_state.reduced(&names, sight));
        }
        if self.page_state.take_status_changed() || self.behind.get() != was_behind {
            (self.tell)(News::Status(self.page_state.status().behind(self.behind.get())));
            self.summarised.set((f64::NEG_INFINITY, (0, 0, 0)));
        }
        if let Some(at) = self.page_state.take_annotate() {
            (self.tell)(News::Annotate(at));
        }
        self.tell_time(span);
        self.tell_sight();
        self.tell_summary(now, sight);
    }

    fn tell_time(&self, span: Span) {
        let timeline = self.page_state.timeline.borrow();
        let news = TimeNews {
            range: timeline.range(),
            span: if timeline.is_live() { span.stepped() } else { span },
            depth: timeline.depth(),
            behind: timeline.behind(self.page_state.now()).map(|micros| micros / SECOND),
            progress: self.loader.progress(),
            cursors: *self.page_state.cursors.borrow(),
        };
        drop(timeline);
        if self.told.borrow().as_ref() != Some(&news) {
            *self.told.borrow_mut() = Some(news.clone());
            (self.tell)(News::Time(news));
        }
    }

    fn tell_sight(&self) {
        let plots = self.plots.borrow();
        let wanted = plots.iter().filter(|plot| plot.is_wanted());
        let sight: BTreeSet<String> = wanted.map(|plot| plot.key()).collect();
        drop(plots);
        if *self.sight.borrow() != sight {
            self.sight.replace(sight.clone());
            (self.tell)(News::Sight(sight));
        }
    }

    fn tell_summary(&self, now: f64, sight: Sight) {
        let (told, seen) = self.summarised.get();
        let history = self.page_state.history.borrow();
        let archive = self.page_state.archive.borrow();
        let (exact, means) = (self.page_state.exact.borrow(), self.page_state.means.borrow());
        let fetched = archive.changes() + exact.changes() + means.changes();
        let changes = (history.changes(), fetched, self.page_state.timeline.borrow().changes());
        let is_quiet = changes == seen;
        let due = if is_quiet { AGES_EVERY } else { SUMMARY_EVERY };
        if now - told >= due && !self.behind.get() {
            self.summarised.set((now, changes));
            let sight = closed(sight);
            let metadata = self.page_state.metadata.get();
            let samples = Samples { history: &history, archive: &archive, exact: &exact, means: &means };
            let summary = Summary::new(&samples, &metadata, sight, self.page_state.clock.now());
            drop((history, archive, exact, means));
            (self.tell)(News::Summary(summary, is_quiet));
        }
    }
}

/// The same with its end: the newest sample lies on the edge, and its column is on screen.
fn closed(sight: Sight) -> Sight {
    Sight { span: Span { to: sight.span.to + 1, ..sight.span }, ..sight }
}

type Callback = Rc<RefCell<Option<Closure<dyn FnMut(f64)>>>>;

fn request(paint_loop: Weak<PaintLoop>, callback: Callback) {
    let again = Rc::clone(&callback);
    *callback.borrow_mut() = Some(Closure::new(move |now: f64| {
        match paint_loop.upgrade() {
            Some(paint_loop) => {
                paint_loop.frame(now);
                schedule(&again);
            }
            // Breaks the circle of the callback that holds itself.
            None => drop(again.take()),
        }
    }));
    schedule(&callback);
}

fn schedule(callback: &Callback) {
    if let (Some(window), Some(callback)) = (web_sys::window(), callback.borrow().as_ref()) {
        // Refused only when the page is being torn down: then there is nothing to paint.
        let _ = window.request_animation_frame(callback.as_ref().unchecked_ref());
    }
}
