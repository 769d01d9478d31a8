//! Samples that are to go: from every tier, once and for all.

use super::*;
use crate::signals::Selector;

const MINUTE: i64 = 60_000_000;

fn selector(patterns: &[&str]) -> Selector {
    Selector::new(&patterns.iter().map(|pattern| (*pattern).to_owned()).collect::<Vec<_>>())
}

/// Checks that a dry run says what the deletion then does.
fn delete(store: &Store, patterns: &[&str], span: Span) -> Deleted {
    let selector = selector(patterns);
    let would = store.would_delete(&selector, span).unwrap();
    let before = contents(store);
    assert_eq!(contents(store), before, "a dry run deletes nothing");
    let deleted = store.delete(&selector, span).unwrap();
    assert_eq!(Deleted { sequences: None, ..deleted }, would);
    deleted
}

/// A database with samples of `a` and `b` in every tier: expired, in blocks, in bundles, and in the head.
fn everywhere<D: Database>() -> (D, Store) {
    let database = D::new();
    let store = database.open();
    let start = NOW.micros() - 1_000_000_000;
    let samples = |from: i64, to: i64| -> Vec<_> {
        (from..to)
            .flat_map(|i| [("a", start + i * 1_000_000, i as f64), ("b", start + i * 1_000_000, 0.5)])
            .collect()
    };
    store.commit(&[batch(&store, &samples(0, 200))]).unwrap();
    store.seal().unwrap();
    let hour = Duration::from_secs(3_600);
    let tiers = RetentionTiers { raw: Some(hour), minutes: None, hours: None };
    let policy = RetentionPolicy { tiers, ..RetentionPolicy::default() };
    store.expire(&policy, Timestamp::from_micros(NOW.micros() + DAY)).unwrap();
    store.commit(&[batch(&store, &samples(200, 20_000))]).unwrap();
    store.seal().unwrap();
    // Some replace samples of blocks.
    store.commit(&[batch(&store, &samples(19_990, 20_010))]).unwrap();
    store.seal().unwrap();
    store.commit(&[batch(&store, &samples(20_005, 20_020))]).unwrap();
    (database, store)
}

fn a_deletion_takes_from_every_tier_and_from_no_other_signal<D: Database>() {
    let (database, store) = everywhere::<D>();
    assert_eq!(store.engine.signals_in_blocks(), 2);
    let all = contents(&store);
    let deleted = delete(&store, &["a"], Span { from: Timestamp::MIN, to: Timestamp::MAX });
    assert_eq!((deleted.signals, deleted.samples, deleted.expired, deleted.damaged), (1, 19_820, 200, 0));
    let rest: Vec<_> = all.into_iter().filter(|(name, ..)| name == "b").collect();
    assert_eq!(contents(&store), rest);
    assert_eq!(store.signal_names().unwrap(), ["b"]);
    assert_eq!(store.details().unwrap().len(), 1);
    let latest = store.latest().unwrap();
    assert!(latest[0].is_none() && latest[1].is_some());
    drop(store);
    let store = database.open();
    assert_eq!(contents(&store), rest);
    assert_eq!(
        delete(&store, &["a"], Query::everything().span),
        Deleted { sequences: Some(store_sequences(&store)), ..Deleted::default() }
    );
}

/// How the last number was given.
fn store_sequences(store: &Store) -> Sequences {
    Sequences { before: store.sequence() - 1, last: store.sequence(), at: NOW }
}

fn a_deletion_cuts_what_lies_across_its_ends<D: Database>() {
    let (_database, store) = everywhere::<D>();
    let all = contents(&store);
    let start = NOW.micros() - 1_000_000_000;
    // From the middle of a minute that has expired to one of the samples in the head.
    let (from, to) = (start + 100_500_000, start + 20_015_000_000);
    let deleted = delete(&store, &["*a"], span(from, to));
    assert_eq!(deleted.samples, 20_016 - 200);
    assert!((100..=160).contains(&deleted.expired), "{deleted:?}");
    let first = from.div_euclid(MINUTE) * MINUTE;
    let stays = |(name, time, _): &(String, i64, f64)| name == "b" || *time < first || to < *time;
    assert_eq!(contents(&store), all.into_iter().filter(stays).collect::<Vec<_>>());
    let answer =
        ask(&store, &Query { span: span(from, to), signals: selector(&["a"]), detail: Detail::Samples });
    assert_eq!(answer, [], "nothing of it is left");
    assert_eq!(store.damaged(), 0);
}

fn what_is_written_after_a_deletion_counts<D: Database>() {
    let (database, store) = everywhere::<D>();
    let position = store.sequence();
    let deleted = delete(&store, &["a", "b"], Query::everything().span);
    assert_eq!(deleted.sequences, Some(store_sequences(&store)));
    assert_eq!(contents(&store), []);
    assert_eq!(store.committed_since(position, 10).unwrap(), Since::Sealed, "nobody gets past it");
    let number = store.sequence();
    assert_eq!(store.committed_since(number, 10).unwrap(), Since::Nothing);
    let commit = store.commit(&[batch(&store, &[("a", 7, 7.0)])]).unwrap();
    assert_eq!((commit.sequences.before, commit.sequences.last), (number, number + 1));
    let stored = [("a".to_owned(), 7, 7.0)];
    assert_eq!(contents(&store), stored);
    for _ in 0..2 {
        assert_eq!(store.committed_since(position, 10).unwrap(), Since::Sealed);
        assert!(matches!(store.committed_since(number, 10).unwrap(), Since::Samples(..)));
        store.merge().unwrap();
    }
    drop(store);
    let store = database.open();
    assert_eq!((contents(&store), store.sequence()), (stored.to_vec(), number + 1));
    drop(store);
    assert_eq!(database.open().seal().unwrap(), 1);
}

fn a_number_that_a_deletion_has_taken_does_not_come_back<D: Database>() {
    let database = D::new();
    let store = database.open();
    store.commit(&[batch(&store, &[("a", 1, 1.0), ("b", 1, 1.0)])]).unwrap();
    store.seal().unwrap();
    // In the journal, and not meant.
    store.commit(&[batch(&store, &[("b", 2, 2.0)])]).unwrap();
    let before = store.sequence();
    let number = delete(&store, &["a"], span(0, 9)).sequences.unwrap().last;
    assert_eq!((number, store.unsealed()), (before + 1, 1));
    drop(store);
    let store = database.open();
    assert_eq!(store.sequence(), number);
    let next = store.commit(&[batch(&store, &[("b", 3, 3.0)])]).unwrap().sequences;
    assert_eq!((next.before, next.last), (number, number + 1));
    assert!(
        matches!(store.committed_since(before - 1, 10).unwrap(), Since::Samples(last, _) if last == before)
    );
    assert_eq!(store.committed_since(before, 10).unwrap(), Since::Sealed);
    assert_eq!(contents(&store).len(), 3);
}

fn a_damaged_block_is_deleted_as_a_whole_or_stays<D: Database>() {
    let (database, store) = everywhere::<D>();
    database.spoil("block", "signal_id = 0");
    let start = NOW.micros() - 1_000_000_000;
    let part = store.delete(&selector(&["a"]), span(start, start + 300_000_000)).unwrap();
    assert_eq!((part.samples, part.damaged), (0, 1), "it cannot be cut");
    let all = store.delete(&selector(&["a"]), Query::everything().span).unwrap();
    assert_eq!(all.damaged, 0, "there is nothing in it that stays");
    assert!(contents(&store).iter().all(|(name, ..)| name == "b"));
}

fn nothing_is_deleted_when_nothing_is_meant<D: Database>() {
    let (_database, store) = everywhere::<D>();
    let (all, number) = (contents(&store), store.sequence());
    assert_eq!(delete(&store, &["c", "c*"], Query::everything().span), Deleted::default());
    assert_eq!(delete(&store, &["a"], span(9, 0)).samples, 0);
    assert_eq!(delete(&store, &["a"], span(0, 9)).samples, 0);
    assert_eq!(contents(&store), all);
    assert!(store.sequence() <= number + 2);
}

suite! {
    a_deletion_takes_from_every_tier_and_from_no_other_signal,
    a_deletion_cuts_what_lies_across_its_ends,
    what_is_written_after_a_deletion_counts,
    a_number_that_a_deletion_has_taken_does_not_come_back,
    a_damaged_block_is_deleted_as_a_whole_or_stays,
    nothing_is_deleted_when_nothing_is_meant,
}
