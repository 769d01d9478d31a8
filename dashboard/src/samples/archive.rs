//! What was fetched of samples that are older than the stream, and what of it a chart draws.
//!
//! An *excerpt* is the answer to one query: some signals over some stretch, whole or reduced to its lowest and highest
//! points. The least recently used go when there are too many samples. Samples that are stored later come with the stream and
//! are added; where only lowest and highest points are here, or an answer was on its way, the signal is asked for again.

mod fill;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use crate::boards::metadata::SignalMetadata;
use crate::order;
use crate::samples::history::{Fetched, History, Loaded, Newest, Part, Series, Trace};
use crate::time::{SECOND, Span};
use fill::fill;

/// Most samples in all excerpts together: about 50 MB. What is on screen is kept even if it is more.
const SAMPLES: usize = 2_000_000;
/// Late samples come in bursts: a signal is asked for again at most this often, in microseconds.
const AGAIN: i64 = 2 * SECOND;
/// By how much the page may take a question for later than the server does, in microseconds.
const DOUBT: i64 = SECOND;
/// Most points of one signal that are asked for.
const MOST_POINTS: usize = 20_000;
/// A stretch of so few columns is not worth a query: the ends of what is known never fall on columns.
const COLUMNS: i64 = 3;
/// A stretch of so few columns may be missing in figures: it is on its way.
const UNSEEN: i64 = 10;

/// All excerpts.
#[derive(Debug, Default)]
pub struct Archive {
    excerpts: Vec<Excerpt>,
    /// What they have, by signal: there may be hundreds of excerpts, of which few have the same signal.
    held: HashMap<String, Vec<Held>>,
    is_doubtful: bool,
    last: u64,
    /// What `last` was when there were not too many samples.
    tidied: u64,
    changes: u64,
    metadata: Rc<SignalMetadata>,
}

#[derive(Debug)]
struct Excerpt {
    number: u64,
    loaded: Loaded,
    used: i64,
}

/// What an excerpt has of a signal.
#[derive(Debug)]
struct Held {
    /// The excerpt's number.
    excerpt: u64,
    /// Its source number in a [`Part`]; 0 is the ring's.
    id: u64,
    loaded: Loaded,
    series: Series,
    /// The server's time when it was asked for, or had everything that was stored; the earliest there is when it is in doubt.
    asked: i64,
    /// Where it is known: the excerpt's stretch, or everything before its end as well.
    span: Span,
}

/// The server reads addresses of at least this many bytes.
pub const ADDRESS: usize = 60_000;
/// The most bytes that one byte of a name takes in an address: a comma and its escape.
const ESCAPED: usize = 6;

/// A query that would complete what is on screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Want {
    /// What to ask for.
    pub loaded: Loaded,
    /// Of which signals.
    pub signals: Vec<String>,
}

impl Want {
    /// The same in portions of at most `most` signals whose names an address has room for.
    pub fn portions(&self, most: usize) -> Vec<Self> {
        let mut portions: Vec<Self> = Vec::new();
        let mut room = 0;
        for name in &self.signals {
            let length = ESCAPED * name.len() + 1;
            match portions.last_mut() {
                Some(portion) if portion.signals.len() < most && length <= room => {
                    portion.signals.push(name.clone());
                }
                _ => {
                    room = ADDRESS;
                    portions.push(Self { signals: vec![name.clone()], ..self.clone() });
                }
            }
            room = room.saturating_sub(length);
        }
        portions
    }
}

/// What is on screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sight {
    /// The stretch.
    pub span: Span,
    /// How much of it a pixel column shows, in microseconds.
    pub column: i64,
}

impl Sight {
    /// `span` on a width of `pixels`.
    pub fn new(span: Span, pixels: usize) -> Self {
        let pixels = i64::try_from(pixels.max(1)).unwrap_or(i64::MAX);
        Self { span, column: (span.width() / pixels).max(1) }
    }
}

impl Archive {
    /// Whether nothing was fetched yet.
    pub fn is_empty(&self) -> bool {
        self.excerpts.is_empty()
    }

    /// Changes when there is something new to draw.
    pub fn changes(&self) -> u64 {
        self.changes
    }

    /// The best that is known of a signal for what is on screen: every sample from its ring as far as that reaches,
    /// before it excerpts that are fine enough, and the coarser ones while those are on their way.
    pub fn trace<'a>(&'a self, history: &'a History, name: &str, sight: Sight) -> Trace<'a> {
        let ring = history.get(name);
        let sources = self.sources(history, ring, name, sight.column);
        let parts = fill(sight.span, sources.iter().map(|source| source.part.span));
        let parts = parts.into_iter().filter_map(|(span, index)| {
            let part = sources.get(index)?.part;
            Some(Part { span, ..part })
        });
        Trace::new(parts.collect())
    }

    /// The newest known sample of a signal at or before `time`, from the finest of what is there. `span` is what is on
    /// screen: nothing older is read, except in the source that reaches over its beginning.
    pub fn newest(&self, history: &History, name: &str, span: Span, time: i64) -> Option<Newest> {
        let span = Span { from: span.from.min(time), to: span.to.max(time.saturating_add(1)) };
        self.trace(history, name, Sight { span, column: 1 }).newest(time)
    }

    /// What to ask for so that `signals` are known over all of `sight`, and `more` microseconds on each side. Until then it is
    /// drawn as well as it is known.
    pub fn wanted(
        &self,
        history: &History,
        signals: &[String],
        sight: Sight,
        more: i64,
        edge: i64,
    ) -> Option<Want> {
        let lacking: Vec<String> =
            signals.iter().filter(|name| self.lacks(history, name, sight, edge)).cloned().collect();
        if lacking.is_empty() {
            return None;
        }
        let wide = sight.span.widened(more);
        let span = Span { from: wide.from, to: wide.to.min(edge + SECOND).max(sight.span.from + 1) };
        let slices = usize::try_from(span.width() / sight.column).unwrap_or(MOST_POINTS) + 2;
        let loaded = Loaded { span, max_points: (2 * slices).clamp(100, MOST_POINTS) };
        Some(Want { loaded, signals: lacking })
    }

    /// Whether something is known of a signal all over `sight`, however coarse.
    pub fn knows(&self, history: &History, name: &str, sight: Sight, edge: i64) -> bool {
        let parts = self.trace(history, name, sight);
        let span = Span { to: sight.span.to.min(edge), ..sight.span };
        let known = parts.parts().iter().map(|part| part.span);
        holes(span, known).all(|hole| hole.width() <= UNSEEN * sight.column)
    }

    /// Whether a signal is not known well enough somewhere in `sight`.
    pub fn lacks(&self, history: &History, name: &str, sight: Sight, edge: i64) -> bool {
        let span = Span { to: sight.span.to.min(edge), ..sight.span };
        let ring = history.get(name);
        let late = ring.and_then(Series::late);
        let good = self.sources(history, ring, name, sight.column);
        let fresh = good.iter().filter(|source| source.fine && !source.lacks_late(late, edge));
        let known = fill(span, fresh.map(|source| source.part.span));
        holes(span, known.into_iter().map(|(span, _)| span)).any(|hole| hole.width() > COLUMNS * sight.column)
    }

    /// Takes over how often people say that samples come.
    pub fn set_metadata(&mut self, metadata: &Rc<SignalMetadata>) {
        self.metadata = Rc::clone(metadata);
        self.changes += 1;
        for (name, held) in &mut self.held {
            held.iter_mut().for_each(|held| held.series.expect(metadata.period(name)));
        }
    }

    /// Keeps the answer to a query that was asked for at the server's time `asked`. Signals that it does not have
    /// have no samples there.
    pub fn insert(
        &mut self,
        history: &History,
        want: &Want,
        answer: impl IntoIterator<Item = (String, Fetched)>,
        asked: i64,
    ) {
        let empty = want.signals.iter().map(|name| (name.clone(), Series::new(name.clone())));
        let mut series: HashMap<String, Series> = empty.collect();
        for (name, fetched) in answer {
            let outline = fetched.outline();
            let known = series.entry(name.clone()).or_insert_with(|| Series::new(name));
            known.merge(fetched.samples);
            if let Some(outline) = outline {
                known.mark(outline);
            }
        }
        for (name, series) in &mut series {
            series.expect(self.metadata.period(name));
        }
        self.last += 1;
        self.changes += 1;
        let number = self.last;
        for (name, series) in series {
            let is_first = series.outline().is_none()
                && history
                    .get(&name)
                    .and_then(Series::first)
                    .is_some_and(|first| want.loaded.span.from <= first);
            // What is older than the first sample comes with the stream.
            let from = if is_first { i64::MIN } else { want.loaded.span.from };
            let span = Span { from, ..want.loaded.span };
            let new = Held { excerpt: number, id: number, loaded: want.loaded, series, asked, span };
            let held = self.held.entry(name).or_default();
            held.retain(|old| !new.replaces(old));
            held.push(new);
        }
        let kept: HashSet<u64> = self.held.values().flatten().map(|held| held.excerpt).collect();
        self.excerpts.retain(|excerpt| kept.contains(&excerpt.number));
        self.excerpts.push(Excerpt { number, loaded: want.loaded, used: asked });
    }

    /// Adds samples of a signal that were committed at the server's time `committed`, long after they were taken.
    pub fn add_late(&mut self, name: &str, samples: &[(i64, f64)], committed: i64) {
        for held in self.held.get_mut(name).into_iter().flatten() {
            let within = samples.iter().filter(|(time, _)| held.span.contains(*time));
            let within: Vec<(i64, f64)> = within.copied().collect();
            if within.is_empty() {
                continue;
            }
            if held.series.outline().is_none() && held.asked != i64::MIN {
                held.asked = held.asked.max(committed + DOUBT);
            }
            held.series.merge(within);
            // All of it is drawn again.
            self.last += 1;
            self.changes += 1;
            held.id = self.last;
        }
    }

    /// Samples of any age may have been stored unnoticed: what is here is drawn until it has been asked for again.
    pub fn mark_stale(&mut self) {
        self.is_doubtful = !self.excerpts.is_empty();
        for held in self.held.values_mut().flatten() {
            held.asked = i64::MIN;
        }
    }

    /// Whether what is on screen is in doubt, and better answers are on their way.
    pub fn is_doubtful(&self) -> bool {
        self.is_doubtful
    }

    /// What is on screen has been asked for again, or cannot be had.
    pub fn settle(&mut self) {
        self.is_doubtful = false;
    }

    /// Notes which excerpts `sight` uses, and forgets the least recently used beyond the bound.
    pub fn tidy(&mut self, sight: Sight, now: i64) {
        for excerpt in &mut self.excerpts {
            if excerpt.loaded.span.overlap(sight.span).is_some() {
                excerpt.used = now;
            }
        }
        if self.tidied == self.last {
            return;
        }
        let length = |held: &Held| held.series.ring().len();
        let mut samples: usize = self.held.values().flatten().map(length).sum();
        order::sort_by_key(&mut self.excerpts, |excerpt| (excerpt.used, excerpt.number));
        while samples > SAMPLES && self.excerpts.first().is_some_and(|oldest| oldest.used < now) {
            let oldest = self.excerpts.remove(0).number;
            for held in self.held.values_mut() {
                held.retain(|held| {
                    let stays = held.excerpt != oldest;
                    samples -= if stays { 0 } else { length(held) };
                    stays
                });
            }
        }
        self.held.retain(|_, held| !held.is_empty());
        // What is on screen may be more than the bound, and leave it.
        if samples <= SAMPLES {
            self.tidied = self.last;
        }
    }

    /// Everything that has samples of a signal, best first.
    fn sources<'a>(
        &'a self,
        history: &'a History,
        ring: Option<&'a Series>,
        name: &str,
        column: i64,
    ) -> Vec<Source<'a>> {
        let mut sources = Vec::new();
        if let Some(series) = ring {
            // Before the stream began, what arrived live is all there is.
            let first = series.ring().first_time().unwrap_or(i64::MAX);
            let complete = history.complete_since(series).unwrap_or(first);
            let part = Part { source: 0, span: Span { from: complete, to: i64::MAX }, series };
            sources.push(Source { part, fine: true, resolution: 0, asked: i64::MAX });
        }
        let excerpts = self.held.get(name).into_iter().flatten().map(|held| {
            let resolution = held.series.outline().map_or(0, |outline| outline.resolution);
            let part = Part { source: held.id, span: held.span, series: &held.series };
            // What has expired is as good as it gets.
            let fine = resolution <= column || held.loaded.is_finest(resolution);
            Source { part, fine, resolution, asked: held.asked }
        });
        let rest = sources.len().min(1);
        sources.extend(excerpts);
        // The ring's own samples first; then what is fine enough, the newest answers first; then the least coarse.
        if let Some(rest) = sources.get_mut(rest..) {
            rest.sort_by_key(|source| {
                let coarse = if source.fine { 0 } else { source.resolution };
                (!source.fine, coarse, std::cmp::Reverse(source.part.source))
            });
        }
        sources
    }
}

/// What of `span` is left by what is `known`, in time order.
fn holes(span: Span, known: impl Iterator<Item = Span>) -> impl Iterator<Item = Span> {
    let mut at = span.from;
    known.chain([Span { from: span.to, to: span.to }]).map(move |part| {
        let hole = Span { from: at, to: part.from.clamp(at, span.to.max(at)) };
        at = part.to;
        hole
    })
}

/// Something that has samples of a signal.
struct Source<'a> {
    part: Part<'a>,
    /// Whether it is good enough for what is on screen.
    fine: bool,
    resolution: i64,
    asked: i64,
}

impl Source<'_> {
    /// Whether samples that came `late` may be missing here.
    fn lacks_late(&self, late: Option<(Span, i64)>, edge: i64) -> bool {
        let is_later = |(span, committed): (Span, i64)| {
            self.part.span.overlap(span).is_some()
                && committed > self.asked.saturating_sub(DOUBT)
                && edge.saturating_sub(self.asked) > AGAIN
        };
        self.asked == i64::MIN || late.is_some_and(is_later)
    }
}

impl Held {
    /// Whether an older answer is of no use beside this one.
    fn replaces(&self, old: &Self) -> bool {
        let is_finer = self.loaded.slice() <= old.loaded.slice();
        is_finer && self.loaded.span.covers(old.loaded.span) && self.asked >= old.asked
    }
}
