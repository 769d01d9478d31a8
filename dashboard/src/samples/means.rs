//! Means and extremes over ranges of which only outlines are here: the mean of extremes would be wrong, and those of the
//! slices at the range's ends may lie outside. So the server is asked for summaries.

use std::collections::HashMap;

use crate::samples::archive::ADDRESS;
use crate::samples::history::Trace;
use crate::samples::history::pyramid::{Extent, Stats};
use crate::time::{MINUTE, Span};

/// Into how many slices the server cuts a range: while the range moves on, those that have left it no longer count.
pub const SLICES: i64 = 100;
/// Most signals in one query.
const SIGNALS: usize = 100;
/// Most signals whose summaries are kept; beyond it they are asked for again.
const KEPT: usize = 1_000;
/// A range that has moved on by this share of its length is asked for again.
const SHARE: i64 = 4;
/// Late samples change what is found: it is asked for again after this long, in microseconds.
const USABLE: i64 = 5 * MINUTE;

/// What was found.
#[derive(Debug, Default)]
pub struct Means {
    found: HashMap<String, Found>,
    changes: u64,
}

/// A query for summaries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// Of which stretch.
    pub span: Span,
    /// Of which signals.
    pub signals: Vec<String>,
}

/// The samples of a stretch of time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Slice {
    /// Where it begins, in microseconds.
    pub from: i64,
    /// How many samples it has.
    pub count: u64,
    /// Their mean.
    pub mean: f64,
    /// The lowest and the highest.
    pub extent: Extent,
}

/// What is known of the samples of a range.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Figures {
    /// Their mean.
    pub mean: f64,
    /// Whether that is the mean of all stored samples of the range, and of no others.
    pub is_exact: bool,
    /// The lowest and the highest; none unless the figures are exact.
    pub extent: Option<Extent>,
}

/// What an answer has of one signal.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Summarized {
    /// In order of time.
    pub slices: Vec<Slice>,
    /// Whether every sample counts where it lies, because none has expired.
    pub is_exact: bool,
}

#[derive(Debug)]
struct Found {
    span: Span,
    summarized: Summarized,
    /// When it was asked for, by the server's time.
    asked: i64,
}

impl Found {
    /// Whether it says something about `span`, together with what has arrived since.
    fn covers(&self, span: Span) -> bool {
        let moved = self.span.width() / SHARE;
        (self.span.from..=self.span.from + moved).contains(&span.from)
            && (self.span.to..=self.span.to + moved).contains(&span.to)
    }
}

impl Means {
    /// Changes with every answer.
    pub fn changes(&self) -> u64 {
        self.changes
    }

    /// The figures of a signal over `span`; none while the server was not asked. What has arrived since is taken from
    /// `trace`.
    pub fn figures(&self, name: &str, trace: &Trace, span: Span) -> Option<Figures> {
        let found = self.found.get(name).filter(|found| found.covers(span))?;
        let middle = found.span.width() / SLICES / 2;
        let slices = found.summarized.slices.iter().filter(|slice| slice.from + middle >= span.from);
        let stats = slices.map(|slice| Stats {
            extent: slice.extent,
            sum: slice.mean * slice.count as f64,
            count: slice.count,
        });
        let since = Span { from: found.span.to, to: span.to };
        let new = if since.from < since.to {
            if trace.is_reduced(since) {
                return None;
            }
            trace.stats(since)
        } else {
            None
        };
        let stats = stats.chain(new).reduce(Stats::union)?;
        let is_exact = found.summarized.is_exact && span.from == found.span.from;
        Some(Figures { mean: stats.mean(), is_exact, extent: Some(stats.extent).filter(|_| is_exact) })
    }

    /// What to ask for so that the means of signals that are `reduced` over `span` are known: exactly where it `rests`, and
    /// nearly while it moves.
    pub fn wanted(&self, reduced: &[String], span: Span, rests: bool, edge: i64) -> Option<Question> {
        let is_same = |other: Span| other.from == span.from && (other.to == span.to || span.to > edge + 1);
        let is_open = |name: &&String| {
            self.found.get(*name).is_none_or(|found| {
                !found.covers(span) || (rests && !is_same(found.span)) || edge - found.asked > USABLE
            })
        };
        let mut room = ADDRESS;
        let mut signals = Vec::new();
        for name in reduced.iter().filter(is_open).take(SIGNALS) {
            // A byte of a name takes at most six in an address.
            let Some(left) = room.checked_sub(6 * name.len() + 1) else { break };
            room = left;
            signals.push(name.clone());
        }
        let span = Span { to: span.to.min(edge + 1), ..span };
        (!signals.is_empty() && span.from < span.to).then_some(Question { span, signals })
    }

    /// Takes the answer to `question`, asked for at the server's time `asked`. Signals that it does not have have no samples.
    pub fn insert(&mut self, question: &Question, mut answer: HashMap<String, Summarized>, asked: i64) {
        self.changes += 1;
        if self.found.len() + question.signals.len() > KEPT {
            self.found.clear();
        }
        for name in &question.signals {
            let summarized = answer.remove(name).unwrap_or_default();
            self.found.insert(name.clone(), Found { span: question.span, summarized, asked });
        }
    }

    /// Samples of any age may have been stored unnoticed.
    pub fn mark_stale(&mut self) {
        self.found.clear();
        self.changes += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::history::{Outline, Part, Series};
    use crate::time::{HOUR, SECOND};

    /// A signal that is 1 except for one sample of a hundred, of which the page has the extremes until `until`.
    fn outlined(until: i64) -> Series {
        let mut series = Series::new("s".into());
        series.merge(vec![(0, 1.0), (HOUR, 100.0), (until + SECOND, 7.0)]);
        series.mark(Outline { until, resolution: HOUR });
        series
    }

    fn summarized(span: Span) -> HashMap<String, Summarized> {
        let width = span.width() / SLICES;
        let extent = Extent { min: 0.0, max: 4.0 };
        let slice = |n| Slice {
            from: span.from + n * width,
            count: 10,
            mean: if n < 50 { 1.0 } else { 3.0 },
            extent,
        };
        [("s".to_owned(), Summarized { slices: (0..SLICES).map(slice).collect(), is_exact: true })].into()
    }

    #[test]
    fn a_mean_is_that_of_the_samples_and_not_of_their_extremes() {
        let span = Span { from: 0, to: 100 * HOUR };
        let series = outlined(span.to);
        let trace =
            Trace::new(vec![Part { source: 0, span: Span { from: 0, to: i64::MAX }, series: &series }]);
        let (mut means, signals) = (Means::default(), vec!["s".to_owned()]);
        let question = means.wanted(&signals, span, true, span.to).unwrap();
        assert_eq!(means.figures("s", &trace, span), None);
        means.insert(&question, summarized(question.span), span.to);
        let exact = Figures { mean: 2.0, is_exact: true, extent: Some(Extent { min: 0.0, max: 4.0 }) };
        assert_eq!(means.figures("s", &trace, span), Some(exact));
        assert_eq!(means.wanted(&signals, span, true, span.to), None);
        // Two slices have left the range, and a sample has come.
        let later = Span { from: 2 * HOUR, to: 102 * HOUR };
        let expected = (48.0 * 10.0 + 50.0 * 30.0 + 7.0) / (98.0 * 10.0 + 1.0);
        let moved = Figures { mean: expected, is_exact: false, extent: None };
        assert_eq!(means.figures("s", &trace, later), Some(moved));
        assert_eq!(means.wanted(&signals, later, false, span.to + MINUTE), None, "while it moves a little");
        assert_eq!(means.wanted(&signals, later, true, later.to).unwrap().span, later, "where it rests");
        let closer = Span { from: 40 * HOUR, to: 60 * HOUR };
        assert_eq!(means.figures("s", &trace, closer), None);
        assert_eq!(means.wanted(&signals, closer, false, later.to).unwrap().span, closer);
    }

    #[test]
    fn what_arrives_as_an_outline_has_no_mean() {
        let span = Span { from: 0, to: 100 * HOUR };
        let series = outlined(101 * HOUR);
        let trace =
            Trace::new(vec![Part { source: 0, span: Span { from: 0, to: i64::MAX }, series: &series }]);
        let mut means = Means::default();
        means.insert(&Question { span, signals: vec!["s".into()] }, summarized(span), 0);
        assert_eq!(means.figures("s", &trace, Span { from: HOUR, to: 102 * HOUR }), None);
    }
}
