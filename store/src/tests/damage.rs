//! Damaged rows are counted once, and do not keep sound ones from expiring.

use super::*;

/// A store with `blocks` blocks of each of two signals, a minute between two samples.
fn with_blocks(database: &impl Database, blocks: i64) -> Store {
    let store = database.open();
    let noise = |i: i64| ((i * 7_919) as f64).sin();
    for block in 0..blocks {
        let samples: Vec<_> = (0..4_200)
            .flat_map(|i| {
                let time = (block * 4_200 + i) * 60_000_000;
                [("a", time, noise(i)), ("b", time + 1, noise(i))]
            })
            .collect();
        store.commit(&[batch(&store, &samples)]).unwrap();
        store.seal().unwrap();
    }
    store
}

fn a_damaged_block_is_counted_once_however_often_it_is_asked_for<D: Database>() {
    let database = D::new();
    let store = with_blocks(&database, 1);
    database.spoil("block", "signal_id = 0");
    for _ in 0..3 {
        assert_eq!(contents(&store).len(), 4_200);
    }
    assert_eq!(store.damaged(), 1);
}

fn damaged_blocks_do_not_keep_later_ones_from_expiring<D: Database>() {
    let database = D::new();
    let store = with_blocks(&database, 40);
    // More than are downsampled at once.
    database.spoil("block", "signal_id = 0 AND id <= 66");
    let done =
        store.expire(&RetentionPolicy::default(), Timestamp::from_micros(NOW.micros() + 99 * DAY)).unwrap();
    assert_eq!((done.blocks, store.damaged()), (40 + 7, 33));
    let again =
        store.expire(&RetentionPolicy::default(), Timestamp::from_micros(NOW.micros() + 8 * DAY)).unwrap();
    assert_eq!((again.blocks, store.damaged()), (0, 33), "they stay for those who can mend them");
}

fn room_is_made_from_every_signal_and_beside_damage<D: Database>() {
    let database = D::new();
    let store = with_blocks(&database, 6);
    database.spoil("block", "signal_id = 0 AND id <= 4");
    let nothing = RetentionPolicy { max_bytes: Some(1), ..RetentionPolicy::default() };
    let done = store.expire(&nothing, NOW).unwrap();
    // Everything that is sound has gone all the way down.
    assert_eq!((done.blocks, store.damaged()), (10, 2));
    assert_eq!(contents(&store), []);
}

fn a_row_that_lies_about_its_span_is_left_out<D: Database>() {
    let database = D::new();
    let store = with_blocks(&database, 2);
    let limits = [None, Some(2), Some(10), Some(10_000)];
    for lie in [
        "first_timestamp = 9000000000000000000",
        "first_timestamp = -9000000000000000000",
        "last_timestamp = -9000000000000000000",
        "min_timestamp = 9000000000000000000",
        "min = 9, max = -9",
        "count = -1",
        "count = 2147483647",
    ] {
        database.update(&format!("block SET {lie} WHERE signal_id = 0 AND id < 3"));
        for max_points in limits {
            let answer = ask(&store, &Query { detail: Detail::at_most(max_points), ..Query::everything() });
            for series in answer.chunk_by(|a, b| a.0 == b.0) {
                assert!(series.is_sorted_by(|a, b| a.1 < b.1), "{lie}: out of order");
            }
        }
        store.details().unwrap();
    }
    // A late sample beside it.
    store.commit(&[batch(&store, &[("a", 60_000_001, 5.0)])]).unwrap();
    store.seal().unwrap();
    assert!(contents(&store).contains(&("a".into(), 60_000_001, 5.0)));
    let others = contents(&store).iter().filter(|sample| sample.0 == "b").count();
    assert_eq!(others, 8_400);
}

suite! {
    a_damaged_block_is_counted_once_however_often_it_is_asked_for,
    damaged_blocks_do_not_keep_later_ones_from_expiring,
    room_is_made_from_every_signal_and_beside_damage,
    a_row_that_lies_about_its_span_is_left_out,
}
