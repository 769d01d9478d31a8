//! The edge to what is stored: asks for samples that are on screen and not in memory.
//!
//! It asks when the range no longer changes, for all charts together, and cancels what no chart needs any more.
//! Failed queries are asked again, at growing intervals, for as long as they are needed.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::rc::Rc;

use afterglow_wire::Timestamp;
use afterglow_wire::telemetry::{self, SeriesHistory};
use wasm_bindgen_futures::spawn_local;

use crate::connection::backoff::Backoff;
use crate::edge::page_state::PageState;
use crate::edge::rest::{self, Cancel};
use crate::samples::archive::{Sight, Want};
use crate::samples::exact::{Inexact, Lookup};
use crate::samples::history::pyramid::Extent;
use crate::samples::history::{Fetched, Series};
use crate::samples::means::{Question, SLICES, Slice, Summarized};
use crate::time::Span;

/// A range that still moves is not asked for, in milliseconds since it last did.
const REST: f64 = 120.0;
/// Points that one answer may have, all signals together: it is read in one go, which must not be felt.
const POINTS: usize = 9_000;
/// Points that the very first answer may have: over a slow line the first panel is there long before the others.
const FIRST_POINTS: usize = 6_000;
/// Most queries under way: browsers allow six connections to a host, and boards need some.
const QUERIES: usize = 4;

/// The state of loading, as shown to the reader.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Progress {
    /// Everything on screen is here.
    #[default]
    Done,
    /// Samples are on their way.
    Loading,
    /// They could not be had; they are asked for again.
    Failed(String),
}

/// Signals that are on screen on as many pixels.
pub struct Group {
    /// Their names.
    pub signals: Vec<String>,
    /// What is on screen.
    pub sight: Sight,
    /// A wider stretch that is wanted as well, because the reader may go there.
    pub ahead: Sight,
}

/// Asks for what is missing.
pub struct Loader {
    page_state: Rc<PageState>,
    state: RefCell<State>,
}

#[derive(Default)]
struct State {
    /// What was on screen at the loader's last check, and since when.
    sight: Option<(Sight, f64)>,
    running: Vec<Running>,
    looking: Option<Looking>,
    /// A query for summaries.
    summarizing: Option<Cancel>,
    /// The range at the last check for summaries.
    summarized: Option<Span>,
    last: u64,
    progress: Progress,
    backoff: Backoff,
    not_before: f64,
}

struct Running {
    number: u64,
    want: Want,
    _cancel: Cancel,
}

/// A query for values at an instant; dropped, and so cancelled, when others are wanted.
struct Looking {
    lookup: Lookup,
    _cancel: Cancel,
}

impl Loader {
    /// A loader that has nothing to do yet.
    pub fn new(page_state: Rc<PageState>) -> Rc<Self> {
        Rc::new(Self { page_state, state: RefCell::default() })
    }

    /// The state of loading, as shown to the reader.
    pub fn progress(&self) -> Progress {
        self.state.borrow().progress.clone()
    }

    /// Called with every frame: `groups` are on screen, the widest first, at `now` milliseconds of the frame clock.
    pub fn frame(self: &Rc<Self>, groups: &[Group], now: f64) {
        let mut state = self.state.borrow_mut();
        let state = &mut *state;
        if let Some(Group { sight, .. }) = groups.first() {
            let before = state.sight;
            let moved = before.is_none_or(|(old, _)| jumped(old, *sight));
            let since = if moved { now } else { before.map_or(now, |(_, since)| since) };
            state.sight = Some((*sight, since));
            if moved && before.is_some() {
                state.running.retain(|running| useful(&running.want, *sight));
                state.not_before = now + REST;
            }
        }
        // Before, nobody knows what is missing, nor how far back a range reaches that fits the samples.
        let history = self.page_state.history.borrow();
        if history.since().is_none() || !history.is_described() || now < state.not_before {
            return;
        }
        let edge = self.page_state.edge();
        let mut archive = self.page_state.archive.borrow_mut();
        let mut wants = Vec::new();
        let mut seen: HashSet<&String> =
            state.running.iter().flat_map(|running| &running.want.signals).collect();
        for Group { signals, sight, ahead } in groups {
            archive.tidy(*sight, edge);
            let open: Vec<String> = signals.iter().filter(|name| seen.insert(name)).cloned().collect();
            // A live range moves on: what was before it is not needed.
            let more = if ahead == sight { 0 } else { ahead.span.width() / 2 };
            let want = archive.wanted(&history, &open, *ahead, more, edge);
            wants.extend(want.map(|want| {
                let points = |name: &String| history.get(name).map_or(usize::MAX, Series::most_points);
                let most = want.signals.iter().map(points).max().unwrap_or_default();
                let most = most.clamp(1, want.loaded.max_points);
                (want, most)
            }));
        }
        if state.running.is_empty() && wants.is_empty() {
            archive.settle();
            if !matches!(state.progress, Progress::Done) {
                state.progress = Progress::Done;
                state.backoff.reset();
            }
        }
        let (points, queries) = if archive.is_empty() { (FIRST_POINTS, 1) } else { (POINTS, QUERIES) };
        drop((seen, archive, history));
        let free = queries.saturating_sub(state.running.len());
        let portions = wants.into_iter().flat_map(|(want, most)| want.portions((points / most).max(1)));
        for portion in portions.take(free) {
            self.ask(state, portion, self.page_state.clock.now());
        }
    }

    /// Called several times a second with the values that are shown and not known exactly: looks them up, one query
    /// after the other, while nothing else is on its way.
    pub fn look_up(self: &Rc<Self>, values: &[Inexact]) {
        let mut state = self.state.borrow_mut();
        let is_wanted = |looking: &Looking| values.iter().any(|value| value.time == looking.lookup.time);
        if state.looking.as_ref().is_some_and(|looking| !is_wanted(looking)) {
            state.looking = None;
        }
        let now = crate::edge::clock::steady();
        if state.looking.is_some() || !state.running.is_empty() || now < state.not_before {
            return;
        }
        let (Some(lookup), Some(cancel)) = (self.page_state.exact.borrow().lookup(values), Cancel::new())
        else {
            return;
        };
        let (signal, asked) = (cancel.signal(), self.page_state.clock.now());
        state.looking = Some(Looking { lookup: lookup.clone(), _cancel: cancel });
        drop(state);
        let loader = Rc::downgrade(self);
        spawn_local(async move {
            let answer = rest::get::<SeriesHistory>(&address(&lookup.want), Some(&signal)).await;
            if let Some(loader) = loader.upgrade() {
                loader.looked_up(&lookup, answer, asked);
            }
        });
    }

    fn looked_up(&self, lookup: &Lookup, answer: Result<SeriesHistory, String>, asked: i64) {
        let mut state = self.state.borrow_mut();
        if state.looking.as_ref().is_none_or(|looking| looking.lookup != *lookup) {
            return;
        }
        state.looking = None;
        match answer {
            Ok(history) => self.page_state.exact.borrow_mut().insert(lookup, &fetched(history), asked),
            Err(_) => {
                // The value stays marked as inexact meanwhile.
                let wait = state.backoff.next(js_sys::Math::random());
                state.not_before = crate::edge::clock::steady() + f64::from(wait);
            }
        }
    }

    /// Called several times a second with the signals that are `reduced` over `span`: asks for their means, one query after
    /// the other, while nothing else is on its way.
    pub fn summarize(self: &Rc<Self>, span: Span, reduced: &[String]) {
        let mut state = self.state.borrow_mut();
        let rests = state.summarized.replace(span) == Some(span);
        let is_busy = state.summarizing.is_some() || state.looking.is_some() || !state.running.is_empty();
        if is_busy || crate::edge::clock::steady() < state.not_before {
            return;
        }
        let asked = self.page_state.edge();
        let Some(question) = self.page_state.means.borrow().wanted(reduced, span, rests, asked) else {
            return;
        };
        let Some(cancel) = Cancel::new() else { return };
        let signal = cancel.signal();
        state.summarizing = Some(cancel);
        drop(state);
        let loader = Rc::downgrade(self);
        spawn_local(async move {
            let answer =
                rest::get::<BTreeMap<String, telemetry::Summary>>(&summary(&question), Some(&signal)).await;
            let Some(loader) = loader.upgrade() else { return };
            let mut state = loader.state.borrow_mut();
            state.summarizing = None;
            match answer {
                Ok(answer) => {
                    loader.page_state.means.borrow_mut().insert(&question, summarized(answer), asked);
                }
                Err(_) => {
                    // The means stay marked as inexact meanwhile.
                    let wait = state.backoff.next(js_sys::Math::random());
                    state.not_before = crate::edge::clock::steady() + f64::from(wait);
                }
            }
        });
    }

    fn ask(self: &Rc<Self>, state: &mut State, want: Want, asked: i64) {
        let Some(cancel) = Cancel::new() else { return };
        let signal = cancel.signal();
        state.last += 1;
        let number = state.last;
        state.running.push(Running { number, want: want.clone(), _cancel: cancel });
        if matches!(state.progress, Progress::Done) {
            state.progress = Progress::Loading;
        }
        let loader = Rc::downgrade(self);
        spawn_local(async move {
            let answer = rest::get::<SeriesHistory>(&address(&want), Some(&signal)).await;
            if let Some(loader) = loader.upgrade() {
                loader.answered(number, &want, answer, asked);
            }
        });
    }

    fn answered(&self, number: u64, want: &Want, answer: Result<SeriesHistory, String>, asked: i64) {
        let mut state = self.state.borrow_mut();
        let Some(at) = state.running.iter().position(|running| running.number == number) else { return };
        state.running.remove(at);
        match answer {
            Ok(history) => {
                let known = self.page_state.history.borrow();
                self.page_state.archive.borrow_mut().insert(&known, want, fetched(history), asked);
                drop(known);
                state.progress = if state.running.is_empty() { Progress::Done } else { Progress::Loading };
            }
            Err(reason) => {
                let wait = state.backoff.next(js_sys::Math::random());
                state.not_before = crate::edge::clock::steady() + f64::from(wait);
                state.progress = Progress::Failed(reason);
                self.page_state.archive.borrow_mut().settle();
            }
        }
    }
}

/// Signal names and what the answer has of them.
fn fetched(history: SeriesHistory) -> Vec<(String, Fetched)> {
    let fetched = history.into_iter().map(|(name, series)| {
        let samples = series.points.into_iter().map(|point| (point.timestamp.micros(), point.value));
        (name, Fetched { samples: samples.collect(), slice: series.slice })
    });
    fetched.collect()
}

fn address(want: &Want) -> String {
    let [from, to] = [want.loaded.span.from, want.loaded.span.to].map(Timestamp::from_micros);
    format!(
        "/api/telemetry?from={from}&to={to}&max_points={}&slice=1&signals={}",
        want.loaded.max_points,
        rest::names(&want.signals)
    )
}

fn summarized(answer: BTreeMap<String, telemetry::Summary>) -> HashMap<String, Summarized> {
    let slice = |slice: telemetry::Slice| Slice {
        from: slice.from.micros(),
        count: slice.count,
        mean: slice.mean,
        extent: Extent { min: slice.min, max: slice.max },
    };
    let signals = answer.into_iter().map(|(name, summary)| {
        let slices = summary.slices.into_iter().map(slice).collect();
        (name, Summarized { slices, is_exact: summary.slice.is_none() })
    });
    signals.collect()
}

fn summary(question: &Question) -> String {
    let [from, to] = [question.span.from, question.span.to - 1].map(Timestamp::from_micros);
    let signals = rest::names(&question.signals);
    format!("/api/telemetry/summary?from={from}&to={to}&slices={SLICES}&signals={signals}")
}

/// Whether the range changed, and did not just follow the clock.
fn jumped(old: Sight, new: Sight) -> bool {
    let width = new.span.width();
    old.column != new.column && old.span.width() != width || (new.span.to - old.span.to).abs() > width / 4
}

/// Whether an answer to `want` would still be drawn.
fn useful(want: &Want, sight: Sight) -> bool {
    let shown = want.loaded.span.overlap(sight.span);
    want.loaded.slice() <= 4 * sight.column
        && shown.is_some_and(|shown| shown.width() > sight.span.width() / 2)
}
