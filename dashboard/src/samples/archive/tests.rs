use afterglow_wire::Timestamp;
use afterglow_wire::metadata::Metadata;
use afterglow_wire::telemetry::SignalDetails;

use super::*;
use crate::time::{HOUR, MINUTE};

const EDGE: i64 = 1_795_608_000 * SECOND;
const MORE: i64 = HOUR / 2;

/// The last hour, whole, a sample a second.
fn history() -> History {
    let mut history = History::new(HOUR);
    let span = Span::up_to(EDGE, HOUR);
    (0..3_600).for_each(|n| history.record("a", span.from + n * SECOND, n as f64));
    history.begin(span.from);
    history
}

fn names() -> Vec<String> {
    vec!["a".to_owned()]
}

/// A sample every `step` microseconds of all that is wanted.
fn answer(want: &Want, step: i64) -> Vec<(String, Fetched)> {
    let Span { from, to } = want.loaded.span;
    let times = (from..to).step_by(usize::try_from(step).unwrap());
    let slice = (step >= want.loaded.slice()).then_some(step);
    vec![("a".to_owned(), Fetched { samples: times.map(|time| (time, 1.0)).collect(), slice })]
}

/// What the server says of a signal of which it has `count` samples, all of the last three hours.
fn details(count: u64) -> SignalDetails {
    let [first, last] = [EDGE - 3 * HOUR, EDGE].map(Timestamp::from_micros);
    let (name, metadata) = ("a".to_owned(), Metadata::default());
    SignalDetails { name, first, last, count, rate: 1.0, last_value: 0.0, metadata }
}

#[test]
fn before_its_first_sample_a_signal_is_known() {
    let (mut history, mut archive) = (history(), Archive::default());
    history.note_details(&[details(100)], EDGE);
    let sight = Sight::new(Span::up_to(EDGE, 3 * HOUR), 1_000);
    let want = archive.wanted(&history, &names(), sight, 0, EDGE).unwrap();
    archive.insert(&history, &want, answer(&want, 5 * SECOND), EDGE);
    let wide = Sight::new(Span::up_to(EDGE, 24 * HOUR), 1_000);
    assert!(!archive.lacks(&history, "a", wide, EDGE) && archive.knows(&history, "a", wide, EDGE));
    history.note_late(0, &[EDGE - 12 * HOUR], &[9_999.0], EDGE);
    for (name, samples) in history.take_late().samples {
        archive.add_late(&name, &samples, EDGE);
    }
    assert!(!archive.lacks(&history, "a", wide, EDGE + MINUTE));
    assert_eq!(archive.trace(&history, "a", wide).extent(wide.span).unwrap().max, 9_999.0);
}

#[test]
fn the_last_hour_needs_nothing() {
    let (history, archive) = (history(), Archive::default());
    let sight = Sight::new(Span::up_to(EDGE, HOUR), 1_000);
    assert_eq!(archive.wanted(&history, &names(), sight, MORE, EDGE), None);
    assert_eq!(archive.trace(&history, "a", sight).parts().len(), 1);
}

#[test]
fn older_samples_are_asked_for_with_half_a_window_on_each_side() {
    let (history, mut archive) = (history(), Archive::default());
    let sight = Sight::new(Span::up_to(EDGE - 2 * HOUR, HOUR), 1_000);
    let want = archive.wanted(&history, &names(), sight, MORE, EDGE).unwrap();
    assert_eq!(want.loaded.span, Span::up_to(EDGE - 3 * HOUR / 2, 2 * HOUR));
    assert!(want.loaded.slice() <= sight.column);
    archive.insert(&history, &want, answer(&want, SECOND), EDGE);
    assert_eq!(archive.wanted(&history, &names(), sight, MORE, EDGE), None);
    let panned = Sight { span: sight.span.shifted(-HOUR / 3), ..sight };
    assert_eq!(archive.wanted(&history, &names(), panned, MORE, EDGE), None, "it was fetched ahead");
    let far = Sight { span: sight.span.shifted(-HOUR), ..sight };
    assert!(archive.wanted(&history, &names(), far, MORE, EDGE).is_some());
}

#[test]
fn a_range_that_reaches_into_the_ring_is_drawn_from_both() {
    let (history, mut archive) = (history(), Archive::default());
    let sight = Sight::new(Span::up_to(EDGE, 6 * HOUR), 1_000);
    let want = archive.wanted(&history, &names(), sight, MORE, EDGE).unwrap();
    archive.insert(&history, &want, answer(&want, 10 * SECOND), EDGE);
    let trace = archive.trace(&history, "a", sight);
    let sources: Vec<u64> = trace.parts().iter().map(|part| part.source).collect();
    assert_eq!(sources, [1, 0]);
    assert_eq!(trace.parts()[1].span.from, EDGE - HOUR, "every sample of the ring is used");
    assert_eq!(trace.gaps(sight.span), []);
}

#[test]
fn looking_closer_than_what_was_fetched_asks_again_and_shows_the_coarse_meanwhile() {
    let (history, mut archive) = (history(), Archive::default());
    let wide = Sight::new(Span::up_to(EDGE - 24 * HOUR, 24 * HOUR), 1_000);
    let want = archive.wanted(&history, &names(), wide, MORE, EDGE).unwrap();
    archive.insert(&history, &want, answer(&want, want.loaded.slice()), EDGE);
    let close = Sight::new(Span::up_to(EDGE - 30 * HOUR, MINUTE), 1_000);
    assert!(archive.lacks(&history, "a", close, EDGE));
    assert_eq!(archive.trace(&history, "a", close).parts()[0].source, 1);
    let finer = archive.wanted(&history, &names(), close, MORE, EDGE).unwrap();
    archive.insert(&history, &finer, answer(&finer, SECOND / 10), EDGE);
    assert_eq!(archive.trace(&history, "a", close).parts()[0].source, 2);
    assert_eq!(archive.trace(&history, "a", wide).parts()[0].source, 1);
}

#[test]
fn what_has_expired_is_not_asked_for_again_where_nothing_finer_is_stored() {
    let (history, mut archive) = (history(), Archive::default());
    let sight = Sight::new(Span::up_to(EDGE - 6 * HOUR, MINUTE), 1_000);
    let want = archive.wanted(&history, &names(), sight, MORE, EDGE).unwrap();
    archive.insert(&history, &want, answer(&want, MINUTE / 2), EDGE);
    assert_eq!(archive.wanted(&history, &names(), sight, MORE, EDGE), None);
    let wide = Sight::new(Span::up_to(EDGE - 3 * HOUR, 6 * HOUR), 1_000);
    assert!(archive.wanted(&history, &names(), wide, MORE, EDGE).is_some());
}

#[test]
fn nothing_stored_is_known_too() {
    let (history, mut archive) = (history(), Archive::default());
    let sight = Sight::new(Span::up_to(EDGE - 2 * HOUR, HOUR), 1_000);
    let want = archive.wanted(&history, &names(), sight, MORE, EDGE).unwrap();
    archive.insert(&history, &want, [], EDGE);
    assert_eq!(archive.wanted(&history, &names(), sight, MORE, EDGE), None);
    assert!(archive.trace(&history, "a", sight).is_empty(sight.span));
}

#[test]
fn no_query_is_too_long_for_an_address() {
    let (history, archive) = (history(), Archive::default());
    let sight = Sight::new(Span::up_to(EDGE - 2 * HOUR, HOUR), 1_000);
    let signals = |count: usize, length: usize| -> Vec<String> {
        (0..count).map(|n| format!("{n:0>length$}")).collect()
    };
    let sizes = |signals: &[String]| -> Vec<usize> {
        let want = archive.wanted(&history, signals, sight, MORE, EDGE).unwrap();
        let portions = want.portions(300);
        let names: Vec<String> = portions.iter().flat_map(|portion| portion.signals.clone()).collect();
        assert_eq!(names, signals);
        portions.iter().map(|portion| portion.signals.len()).collect()
    };
    assert_eq!(sizes(&signals(700, 20)), [300, 300, 100]);
    assert_eq!(sizes(&signals(100, 256)), [39, 39, 22]);
}

#[test]
fn what_is_in_doubt_is_drawn_until_it_was_asked_for_again() {
    let (history, mut archive) = (history(), Archive::default());
    let sight = Sight::new(Span::up_to(EDGE - 6 * HOUR, HOUR), 1_000);
    let want = archive.wanted(&history, &names(), sight, MORE, EDGE).unwrap();
    archive.insert(&history, &want, answer(&want, MINUTE), EDGE);
    archive.mark_stale();
    let again = archive.wanted(&history, &names(), sight, MORE, EDGE).unwrap();
    assert_eq!(again.loaded.span, want.loaded.span);
    archive.tidy(sight, EDGE);
    assert_eq!(archive.trace(&history, "a", sight).parts()[0].source, 1);
    archive.insert(&history, &again, answer(&again, MINUTE), EDGE);
    archive.tidy(sight, EDGE);
    assert_eq!(archive.wanted(&history, &names(), sight, MORE, EDGE), None);
    assert_eq!(archive.trace(&history, "a", sight).parts()[0].source, 2);
    assert_eq!(archive.excerpts.len(), 1);
}

#[test]
fn what_came_late_is_asked_for_again() {
    let (mut history, mut archive) = (history(), Archive::default());
    let sight = Sight::new(Span::up_to(EDGE - 2 * HOUR, HOUR), 1_000);
    let want = archive.wanted(&history, &names(), sight, MORE, EDGE).unwrap();
    archive.insert(&history, &want, answer(&want, SECOND), EDGE);
    let lacks = |history: &History, archive: &Archive, later| {
        archive.wanted(history, &names(), sight, MORE, EDGE + later).is_some()
    };
    history.note_late(0, &[EDGE - 9 * HOUR], &[1.0], EDGE + SECOND);
    assert!(!lacks(&history, &archive, MORE), "elsewhere");
    history.note_late(0, &[sight.span.from], &[1.0], EDGE + SECOND);
    assert!(!lacks(&history, &archive, SECOND), "more may follow");
    assert!(lacks(&history, &archive, 3 * SECOND));
    archive.insert(&history, &want, answer(&want, SECOND), EDGE + 3 * SECOND);
    assert!(!lacks(&history, &archive, MORE));
    assert_eq!(archive.excerpts.len(), 1);
}

#[test]
fn late_samples_are_shown_at_once_and_complete_what_is_whole() {
    let sight = Sight::new(Span::up_to(EDGE - 2 * HOUR, HOUR), 1_000);
    let at = sight.span.from + HOUR / 2 + 1;
    for is_whole in [true, false] {
        let (mut history, mut archive) = (history(), Archive::default());
        let want = archive.wanted(&history, &names(), sight, MORE, EDGE).unwrap();
        let step = if is_whole { SECOND } else { want.loaded.slice() };
        archive.insert(&history, &want, answer(&want, step), EDGE);
        history.note_late(0, &[at], &[99.0], EDGE + SECOND);
        for (name, samples) in history.take_late().samples {
            archive.add_late(&name, &samples, EDGE + SECOND);
        }
        let extent = archive.trace(&history, "a", sight).extent(sight.span).unwrap();
        assert_eq!(extent.max, 99.0);
        assert_eq!(archive.lacks(&history, "a", sight, EDGE + MORE), !is_whole);
    }
}

#[test]
fn memory_is_bounded_and_what_is_on_screen_stays() {
    let (history, mut archive) = (history(), Archive::default());
    for n in 2..12 {
        let sight = Sight::new(Span::up_to(EDGE - n * 24 * HOUR, HOUR), 1_000);
        let want = archive.wanted(&history, &names(), sight, MORE, EDGE).unwrap();
        archive.insert(&history, &want, answer(&want, SECOND / 50), EDGE + n);
        archive.tidy(sight, EDGE + n);
        assert!(!archive.lacks(&history, "a", sight, EDGE));
    }
    let samples: usize = archive.held.values().flatten().map(|held| held.series.ring().len()).sum();
    assert!(samples <= SAMPLES, "{samples}");
}
