//! Small runs: bundled, merged by tiers, and read, expired and replaced as if they were in blocks.

use super::*;

/// Commits and seals a few samples of each of some signals, the same of all, as often as `times` says.
fn seal_often(store: &Store, times: std::ops::Range<i64>) {
    for time in times {
        let names = ["a", "b", "c", "d", "e"];
        let samples: Vec<_> = names.iter().map(|name| (*name, time * 1_000_000, time as f64)).collect();
        store.commit(&[batch(store, &samples)]).unwrap();
        store.seal().unwrap();
    }
}

fn merge(store: &Store) {
    while store.merge().unwrap() {}
}

fn small_runs_are_merged_until_they_are_blocks_and_read_alike_at_each_step<D: Database>() {
    let database = D::new();
    let store = database.open();
    for last in 1..=40 {
        seal_often(&store, last - 1..last);
        merge(&store);
        let expected: Vec<_> = ["a", "b", "c", "d", "e"]
            .iter()
            .flat_map(|name| (0..last).map(move |time| ((*name).to_owned(), time * 1_000_000, time as f64)))
            .collect();
        assert_eq!(contents(&store), expected);
    }
    assert_eq!(store.engine.signals_in_blocks(), 5, "each signal has got a block of its own");
}

fn a_late_sample_wins_wherever_the_older_one_is<D: Database>() {
    let database = D::new();
    let store = database.open();
    seal_often(&store, 0..30);
    // In a block, in merged bundles, in those of the last sealing; and again, over what came late.
    merge(&store);
    for round in 0..3 {
        for time in [0, 15, 29] {
            store.commit(&[batch(&store, &[("b", time * 1_000_000, f64::from(round) + 0.5)])]).unwrap();
            store.seal().unwrap();
            let query = Query { span: span(time * 1_000_000, time * 1_000_000), ..Query::everything() };
            let answer = ask(&store, &query);
            assert_eq!(answer[1], ("b".into(), time * 1_000_000, f64::from(round) + 0.5));
        }
        merge(&store);
        assert_eq!(contents(&store).len(), 5 * 30);
        let details = store.details().unwrap();
        assert_eq!((details[1].count, details[1].last_value), (30, f64::from(round) + 0.5));
    }
}

fn bundled_samples_expire_with_their_signals_policy<D: Database>() {
    let database = D::new();
    let store = database.open();
    seal_often(&store, 0..7);
    merge(&store);
    let forever = RetentionTiers { raw: None, ..RetentionTiers::default() };
    let policy = RetentionPolicy { overrides: vec![("b".into(), forever)], ..RetentionPolicy::default() };
    assert_eq!(
        store.expire(&policy, Timestamp::from_micros(NOW.micros() + 6 * DAY)).unwrap(),
        Expired::default()
    );
    assert_eq!(store.expire(&policy, Timestamp::from_micros(NOW.micros() + 8 * DAY)).unwrap().blocks, 4);
    let answer = contents(&store);
    let of = |name: &str| answer.iter().filter(|sample| sample.0 == name).count();
    assert_eq!((of("a"), of("b"), of("e")), (2, 7, 2));
    let counts: Vec<_> = store.details().unwrap().iter().map(|signal| signal.count).collect();
    assert_eq!(counts, [7; 5]);
}

fn a_sample_that_replaces_an_expiring_one_is_counted_once<D: Database>() {
    let database = D::new();
    let clock = Clock::manual(NOW);
    let store = database.open_at(clock.clone()).unwrap();
    let many: Vec<_> = (0..block::SMALL_BLOCK as i64).map(|time| ("a", time, 1.0)).collect();
    store.commit(&[batch(&store, &many)]).unwrap();
    store.seal().unwrap();
    clock.set(Timestamp::from_micros(NOW.micros() + 7 * DAY));
    store.commit(&[batch(&store, &[("a", 3, 9.0)])]).unwrap();
    store.seal().unwrap();
    let expire = |days: i64| {
        store.expire(&RetentionPolicy::default(), Timestamp::from_micros(NOW.micros() + days * DAY))
    };
    assert_eq!(expire(8).unwrap().blocks, 0, "what came today is kept like today, with what it belongs to");
    assert_eq!(contents(&store)[3], ("a".into(), 3, 9.0));
    assert_eq!(expire(15).unwrap().blocks, 1);
    assert_eq!(store.details().unwrap()[0].count, many.len() as u64);
}

fn room_is_made_from_bundles_too<D: Database>() {
    let database = D::new();
    let store = database.open();
    seal_often(&store, 0..6);
    merge(&store);
    seal_often(&store, 6..8);
    database
        .spoil("bundle", "tier = 0 AND signal_group = 0 AND sequence = (SELECT max(sequence) FROM bundle)");
    let nothing = RetentionPolicy { max_bytes: Some(1), ..RetentionPolicy::default() };
    store.expire(&nothing, NOW).unwrap();
    assert_eq!(contents(&store), [], "everything that is sound has gone all the way down");
    assert_eq!(store.damaged(), 1);
}

#[test]
fn examining_finds_what_was_changed_in_a_bundle() {
    let folder = <Sqlite as Database>::new();
    let store = folder.open();
    seal_often(&store, 0..5);
    merge(&store);
    let examine = || examine(folder.config().database.file().unwrap(), &mut |_, _| ()).unwrap();
    let sound = examine();
    assert_eq!((sound.damage, sound.blocks.samples, sound.signals.len()), (vec![], 25, 5));
    for (change, what) in [
        ("count = count + 1", "not those of its payload"),
        ("first_signal = 1", "not those of its payload"),
        ("last_timestamp = last_timestamp + 1", "not those of its payload"),
        ("signal_group = 9", "of another group"),
        ("directory = zeroblob(9)", "directory"),
        ("payload = zeroblob(length(payload))", "checksum"),
    ] {
        let row = "WHERE id = (SELECT min(id) FROM bundle)";
        folder.update(&format!("bundle SET sealed_at = sealed_at, {change} {row}"));
        let damage = examine().damage;
        assert_eq!(damage.len(), 1, "{change}: {damage:?}");
        assert!(damage[0].place == "bundle" && damage[0].reason.contains(what), "{damage:?}");
    }
}

fn a_damaged_bundle_is_left_out_and_left_alone<D: Database>() {
    let database = D::new();
    let store = database.open();
    seal_often(&store, 0..3);
    database.spoil("bundle", "signal_group = 0 AND sequence = 2");
    let without = || contents(&store).iter().filter(|sample| sample.1 == 1_000_000).count();
    assert_eq!((without(), store.damaged()), (3, 1));
    seal_often(&store, 3..20);
    merge(&store);
    assert_eq!((without(), store.damaged(), contents(&store).len()), (3, 1, 5 * 20 - 2));
}

suite! {
    small_runs_are_merged_until_they_are_blocks_and_read_alike_at_each_step,
    a_late_sample_wins_wherever_the_older_one_is,
    bundled_samples_expire_with_their_signals_policy,
    a_sample_that_replaces_an_expiring_one_is_counted_once,
    room_is_made_from_bundles_too,
    a_damaged_bundle_is_left_out_and_left_alone,
}
