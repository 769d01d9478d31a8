//! Starts: a journal of any size is read in bounded memory, and one that no server has written is refused.

use super::*;

/// Commits of samples of which each takes the place of some of the one before it, and a late one in the middle.
fn three_commits(store: &Store) {
    for part in 0..3 {
        let samples: Vec<_> = (0..8)
            .flat_map(|i| [("a", part * 4 + i, (10 * part + i) as f64), ("b", i, (100 * part + i) as f64)])
            .collect();
        store.commit(&[batch(store, &samples)]).unwrap();
        store.commit(&[batch(store, &[("c", 1, part as f64)])]).unwrap();
    }
}

#[test]
fn a_journal_that_is_too_large_for_memory_is_sealed_piece_by_piece() {
    let database = Sqlite::new();
    let store = database.open();
    three_commits(&store);
    let (before, sequence) = (contents(&store), store.sequence());
    drop(store);

    // Each commit is more than that.
    let store = database.open_with(10).unwrap();
    assert_eq!((contents(&store), store.sequence()), (before.clone(), sequence));
    assert_eq!(store.unsealed(), 0);
    let next = store.commit(&[batch(&store, &[("a", 0, -1.0)])]).unwrap();
    assert_eq!(next.sequences.before, sequence);
    drop(store);

    // What has been sealed is not read again: it would undo what came later.
    let store = database.open();
    assert_eq!((contents(&store)[0].clone(), store.unsealed()), (("a".into(), 0, -1.0), 1));
    assert_eq!(contents(&store)[1..], before[1..]);
}

fn a_journal_that_fits_stays_as_it_is<D: Database>() {
    let database = D::new();
    let store = database.open();
    three_commits(&store);
    let unsealed = store.unsealed();
    drop(store);
    assert_eq!(database.open_with(unsealed).unwrap().unsealed(), unsealed);
}

fn a_row_with_a_signal_that_does_not_exist_is_refused<D: Database>() {
    for number in [3, u32::MAX] {
        let database = D::new();
        let store = database.open();
        three_commits(&store);
        drop(store);
        let text = format!("[[1,[[{number},1.0]]]]");
        let checksum = crc32fast::hash(text.as_bytes());
        database.update_journal(&format!("samples = '{text}', checksum = {checksum} WHERE sequence = 2"));
        let error = database.open_at(Clock::manual(NOW)).err().unwrap().to_string();
        assert!(
            error.contains(&format!("it has a sample of signal {number}, which does not exist")),
            "{error}"
        );
    }
}

fn a_row_with_an_impossible_number_is_refused<D: Database>() {
    for number in [i64::MAX, -1] {
        let database = D::new();
        let store = database.open();
        three_commits(&store);
        drop(store);
        database.update_journal(&format!("sequence = {number} WHERE sequence = 2"));
        let error = database.open_at(Clock::manual(NOW)).err().unwrap().to_string();
        assert!(error.contains("no commit has such a number"), "{error}");
    }
}

suite! {
    a_journal_that_fits_stays_as_it_is,
    a_row_with_a_signal_that_does_not_exist_is_refused,
    a_row_with_an_impossible_number_is_refused,
}
