//! Annotations around the range on screen, and which of them a chart has room for.

use afterglow_wire::annotation::{Annotation, Annotations};

use crate::time::Span;

/// Marks that begin closer to each other than this share a flag, in pixels.
const APART: i64 = 12;
/// Texts of a flag that are read at the pointer; the others are counted.
const TEXTS: usize = 4;
/// When not all annotations were listed, others are asked for once the stretch shown is this many times shorter.
const FINER: i64 = 8;

/// The annotations of a stretch of time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AnnotationSet {
    /// The stretch that was asked for; none when nothing was.
    pub span: Option<Span>,
    /// The newest of them, in the order of their beginnings.
    pub list: Vec<Annotation>,
    /// How many there are in all.
    pub total: usize,
}

/// One or several marks that begin at about the same pixel.
#[derive(Clone, Debug, PartialEq)]
pub struct Flag {
    /// Where the first begins.
    pub from: i64,
    /// Where the last ends; the same for an instant.
    pub to: i64,
    /// How many there are.
    pub count: usize,
    /// What the first of them say.
    pub texts: Vec<String>,
}

impl AnnotationSet {
    /// What the server answered about `span`.
    pub fn new(span: Span, answer: Annotations) -> Self {
        Self { span: Some(span), list: answer.annotations, total: answer.total }
    }

    /// Whether nothing else needs to be known to show `span`.
    pub fn covers(&self, span: Span) -> bool {
        let Some(asked) = self.span else { return false };
        let all = self.list.len() >= self.total;
        asked.covers(span) && (all || span.width() > asked.width() / FINER)
    }

    /// Those that touch `span`.
    pub fn within(&self, span: Span) -> impl DoubleEndedIterator<Item = &Annotation> {
        let touches =
            move |note: &&Annotation| note.from.micros() <= span.to && note.end().micros() >= span.from;
        self.list.iter().filter(touches)
    }

    /// The flags of a chart of `signals` that shows `span` on `pixels`.
    pub fn flags(&self, signals: &[String], span: Span, pixels: usize) -> Vec<Flag> {
        let apart = span.width() * APART / i64::try_from(pixels.max(1)).unwrap_or(i64::MAX);
        let concerns =
            |note: &&Annotation| signals.is_empty() || signals.iter().any(|name| note.concerns(name));
        let mut flags: Vec<Flag> = Vec::new();
        for note in self.within(span).filter(concerns) {
            let (from, to) = (note.from.micros(), note.end().micros());
            match flags.last_mut().filter(|flag| from - flag.from.max(span.from) < apart) {
                Some(flag) => {
                    flag.to = flag.to.max(to);
                    flag.count += 1;
                    if flag.texts.len() < TEXTS {
                        flag.texts.push(note.text.clone());
                    }
                }
                None => flags.push(Flag { from, to, count: 1, texts: vec![note.text.clone()] }),
            }
        }
        flags
    }
}

impl Flag {
    /// Whether its marks are at `time`, give or take `reach` microseconds.
    pub fn is_at(&self, time: i64, reach: i64) -> bool {
        (self.from - reach..=self.to + reach).contains(&time)
    }
}

#[cfg(test)]
mod tests {
    use afterglow_wire::Timestamp;

    use super::*;

    fn note(from: i64, to: Option<i64>, signals: &[&str]) -> Annotation {
        Annotation {
            id: from,
            from: Timestamp::from_micros(from),
            to: to.map(Timestamp::from_micros),
            text: format!("at {from}"),
            tags: vec![],
            signals: signals.iter().map(|name| (*name).to_owned()).collect(),
        }
    }

    fn notes(list: Vec<Annotation>, total: usize) -> AnnotationSet {
        AnnotationSet::new(Span { from: 0, to: 10_000 }, Annotations { annotations: list, total })
    }

    #[test]
    fn marks_that_are_close_share_a_flag() {
        let notes = notes(
            vec![
                note(10, None, &[]),
                note(100, Some(400), &[]),
                note(110, None, &[]),
                note(900, None, &["b"]),
            ],
            4,
        );
        let span = Span { from: 0, to: 1_000 };
        let flags = |signals: &[&str], pixels| {
            let signals: Vec<String> = signals.iter().map(|name| (*name).to_owned()).collect();
            let flags = notes.flags(&signals, span, pixels);
            flags.iter().map(|flag| (flag.from, flag.to, flag.count)).collect::<Vec<_>>()
        };
        assert_eq!(flags(&["a"], 10_000), [(10, 10, 1), (100, 400, 1), (110, 110, 1)]);
        assert_eq!(flags(&["a", "b"], 1_000), [(10, 10, 1), (100, 400, 2), (900, 900, 1)]);
        assert_eq!(flags(&["a"], 10), [(10, 400, 3)]);
        assert_eq!(notes.flags(&[], Span { from: 300, to: 350 }, 100).len(), 1, "a range that began earlier");
    }

    #[test]
    fn however_many_there_are_a_chart_has_few() {
        let notes = notes((0..1_000).map(|n| note(n * 10, None, &[])).collect(), 100_000);
        let flags = notes.flags(&[], Span { from: 0, to: 10_000 }, 600);
        assert!(flags.len() <= 50, "{}", flags.len());
        assert_eq!(flags.iter().map(|flag| flag.count).sum::<usize>(), 1_000);
        assert!(flags.iter().all(|flag| flag.texts.len() <= TEXTS));
    }

    #[test]
    fn more_is_asked_for_when_it_would_be_seen() {
        let some = notes(vec![note(10, None, &[])], 2);
        assert!(some.covers(Span { from: 0, to: 9_000 }));
        assert!(!some.covers(Span { from: 0, to: 1_000 }), "others are in there");
        assert!(!some.covers(Span { from: -1, to: 9_000 }));
        assert!(notes(vec![], 0).covers(Span { from: 0, to: 1 }));
        assert!(!AnnotationSet::default().covers(Span { from: 0, to: 1 }));
    }
}
