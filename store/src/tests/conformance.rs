//! What every database must do, told through the store alone.

use super::*;

fn what_is_committed_is_there_after_opening_again_and_the_last_write_wins<D: Database>() {
    for seal in [false, true] {
        let database = D::new();
        let store = database.open();
        let first = batch(&store, &[("a", 1, 1.0), ("b", -5, f64::MIN_POSITIVE), ("a", 1, 2.0)]);
        let second = batch(&store, &[("c", 1, -0.0), ("b", -5, 7.5)]);
        store.commit(&[first, second]).unwrap();
        if seal {
            assert_eq!(store.seal().unwrap(), 3);
        }
        drop(store);
        let store = database.open();
        assert_eq!(contents(&store), [("a".into(), 1, 2.0), ("b".into(), -5, 7.5), ("c".into(), 1, -0.0)]);
        assert_eq!(store.signal_names().unwrap(), ["a", "b", "c"]);
        assert_eq!(store.signals().find("c"), Some(SignalId(2)));
    }
}

fn a_signal_without_a_committed_sample_is_not_listed<D: Database>() {
    let database = D::new();
    let store = database.open();
    let _never_committed = batch(&store, &[("ghost", 1, 1.0)]);
    store.commit(&[batch(&store, &[("real", 1, 1.0)])]).unwrap();
    assert_eq!(store.signal_names().unwrap(), ["real"]);
    store.seal().unwrap();
    assert_eq!(store.signal_names().unwrap(), ["real"]);
}

fn signals_beyond_the_limit_get_no_number<D: Database>() {
    let database = D::new();
    let signals = database.open().signals().clone();
    let mut batch = Batch::default();
    for i in 0..10 {
        assert!(signals.number(&mut batch, &i.to_string()).is_some());
    }
    assert_eq!(signals.number(&mut batch, "one more"), None);
    assert!(signals.number(&mut batch, "3").is_some());
}

fn queries_choose_by_span_name_and_pattern<D: Database>() {
    let database = D::new();
    let store = database.open();
    let samples = [("host.cpu", 1, 1.0), ("host.cpu", 2, 2.0), ("host.memory", 2, 3.0), ("sine", 3, 4.0)];
    store.commit(&[batch(&store, &samples)]).unwrap();
    let check = |from, to, signals: &[&str], expected: &str| {
        let signals: Vec<_> = signals.iter().map(|s| (*s).to_owned()).collect();
        let signals = Selector::or_everything(&signals);
        let samples = ask(&store, &Query { span: span(from, to), signals, detail: Detail::Samples });
        let series = samples.chunk_by(|a, b| a.0 == b.0);
        let counts: Vec<_> = series.map(|series| format!("{}:{}", series[0].0, series.len())).collect();
        assert_eq!(counts.join(" "), expected);
    };
    for _ in 0..2 {
        check(0, 9, &[], "host.cpu:2 host.memory:1 sine:1");
        check(2, 2, &[], "host.cpu:1 host.memory:1");
        check(0, 9, &["host.*"], "host.cpu:2 host.memory:1");
        check(0, 9, &["sine", "*cpu"], "host.cpu:2 sine:1");
        check(9, 0, &[], "");
        check(0, 9, &["nothing"], "");
        store.seal().unwrap();
    }
}

fn metadata_of_many_signals_is_read_whole_and_in_order<D: Database>() {
    let database = D::new();
    let store = database.open();
    let names = ["a", "B", "a.b", "\u{e9}", "~", "Z", "a%", "\u{1f469}"];
    for count in 0..=names.len() {
        let described = |store: &Store| store.metadata().map(|read| read.unwrap().0).collect::<Vec<_>>();
        let mut expected = names[..count].to_vec();
        expected.sort_unstable();
        assert_eq!(described(&store), expected);
        let Some(name) = names.get(count) else { break };
        store.commit(&[batch(&store, &[(name, 1, 1.0)])]).unwrap();
        assert_eq!(described(&store), expected, "it has no metadata yet");
        let patch = serde_json::from_value(serde_json::json!({"unit": "K"})).unwrap();
        store.patch_metadata(name, patch).unwrap();
    }
    assert_eq!(store.details().unwrap().iter().map(|signal| &*signal.name).collect::<Vec<_>>(), {
        let mut names = names;
        names.sort_unstable();
        names
    });
}

fn a_spike_survives_reduction_from_any_tier<D: Database>() {
    let database = D::new();
    let store = database.open();
    let samples: Vec<_> =
        (0..200_000).map(|i| ("a", i * 1_000, if i == 77_777 { 1e6 } else { 0.5 })).collect();
    for part in samples.chunks(30_000) {
        store.commit(&[batch(&store, part)]).unwrap();
    }
    let query = Query { detail: Detail::Points(50), ..Query::everything() };
    let check = |what: &str| {
        let points = ask(&store, &query);
        assert!(points.len() <= 50, "{what}: {}", points.len());
        assert!(points.contains(&("a".into(), 77_777_000, 1e6)), "{what}");
        assert!(points.is_sorted_by(|a, b| a.1 < b.1), "{what}");
    };
    check("head");
    store.seal().unwrap();
    check("blocks");
    store.commit(&[batch(&store, &[("a", 77_777_500, 3.0)])]).unwrap();
    check("blocks and a late sample");
}

fn a_reduced_answer_is_the_same_again_and_follows_what_is_written<D: Database>() {
    let database = D::new();
    let store = database.open();
    let spike = |time: i64| time == 5_004_000;
    let samples: Vec<_> =
        (0..10_000).map(|i| ("a", i * 1_000, if spike(i * 1_000) { 1e6 } else { (i % 10) as f64 })).collect();
    store.commit(&[batch(&store, &samples)]).unwrap();
    store.seal().unwrap();
    // A slice has some 200 samples: fewer than the extremes on the disk are good for.
    let query = Query { detail: Detail::Points(100), ..Query::everything() };
    let first = ask(&store, &query);
    assert!((90..=100).contains(&first.len()), "{}", first.len());
    assert!(first.contains(&("a".into(), 5_004_000, 1e6)));
    assert!(first.iter().all(|(_, time, value)| spike(*time) || *value == ((time / 1_000) % 10) as f64));
    assert_eq!(ask(&store, &query), first);
    // A block that is rewritten is not answered from what was kept of it.
    for (value, seal) in [(2e6, true), (3e6, true), (1.0, true), (4e6, false)] {
        store.commit(&[batch(&store, &[("a", 5_004_000, value)])]).unwrap();
        if seal {
            store.seal().unwrap();
            while store.merge().unwrap() {}
        }
        let highest = ask(&store, &query).into_iter().max_by(|a, b| a.2.total_cmp(&b.2)).unwrap();
        assert_eq!(highest.2, value.max(9.0), "{value}");
    }
}

fn samples_move_down_the_tiers_and_no_further<D: Database>() {
    let database = D::new();
    let clock = Clock::manual(NOW);
    let store = database.open_at(clock.clone()).unwrap();
    let start = NOW.micros() - 1_000_000_000;
    let samples: Vec<_> = (0..1_000).map(|i| ("a", start + i * 1_000_000, i as f64)).collect();
    store.commit(&[batch(&store, &samples)]).unwrap();
    store.seal().unwrap();
    let policy = RetentionPolicy::default();
    let at = |days: i64| Timestamp::from_micros(NOW.micros() + days * DAY);

    assert_eq!(store.expire(&policy, at(6)).unwrap(), Expired { blocks: 0, rollups: 0 });
    assert_eq!(contents(&store).len(), 1_000);

    assert_eq!(store.expire(&policy, at(8)).unwrap(), Expired { blocks: 1, rollups: 0 });
    let minutes = contents(&store);
    assert!((30..=36).contains(&minutes.len()), "two points a minute: {}", minutes.len());
    assert!(minutes.iter().any(|m| m.2 == 0.0) && minutes.iter().any(|m| m.2 == 999.0), "both extremes");
    let details = store.details().unwrap();
    assert_eq!((details[0].count, details[0].last_value), (1_000, 999.0));

    assert_eq!(store.expire(&policy, at(99)).unwrap(), Expired { blocks: 0, rollups: 1 });
    let hours = contents(&store);
    assert!(hours.len() <= 4, "{hours:?}");
    assert!(hours.iter().any(|m| m.2 == 0.0) && hours.iter().any(|m| m.2 == 999.0), "both extremes");

    assert_eq!(store.expire(&policy, at(99_999)).unwrap(), Expired::default(), "hours are for ever");
    let short = RetentionTiers { hours: Some(Duration::from_secs(60)), ..RetentionTiers::default() };
    let forget = RetentionPolicy { overrides: vec![("a".into(), short)], ..RetentionPolicy::default() };
    assert_eq!(store.expire(&forget, at(99_999)).unwrap().rollups, 1);
    assert_eq!(contents(&store), []);
}

fn a_mean_is_right_over_every_tier<D: Database>() {
    const HOUR: i64 = 3_600_000_000;
    let database = D::new();
    let store = database.open();
    let start = (NOW.micros() - DAY).div_euclid(HOUR) * HOUR;
    // One of a hundred is high: a mean of extremes would be in the middle.
    let value = |number: i64| if number % 100 == 0 { 1e3 } else { (number % 7) as f64 };
    let part = |hour: i64| -> Vec<_> {
        (hour * 3_600..(hour + 1) * 3_600)
            .map(|second| ("a", start + second * 1_000_000, value(second)))
            .collect()
    };
    let after = |days: i64| Timestamp::from_micros(NOW.micros() + days * DAY);
    for (hour, days) in [(0, [8, 99]), (1, [8, 8]), (2, [0, 0])] {
        store.commit(&[batch(&store, &part(hour))]).unwrap();
        store.seal().unwrap();
        for days in days {
            store.expire(&RetentionPolicy::default(), after(days)).unwrap();
        }
    }
    store.commit(&[batch(&store, &part(3))]).unwrap();
    let everything = span(start, start + 4 * HOUR - 1);
    let ask = |detail| collect(&store, &Query { span: everything, signals: Selector::everything(), detail });
    let sum = |hours: std::ops::Range<i64>| (hours.start * 3_600..hours.end * 3_600).map(value).sum::<f64>();
    let whole = ask(Detail::Slices(1));
    let [(name, all)] = &whole.slices[..] else { panic!("{:?}", whole.slices) };
    assert_eq!((&**name, all.start, all.count, all.sum), ("a", start, 14_400, sum(0..4)));
    assert_eq!((all.min, all.max, all.last), (0.0, 1e3, value(14_399)));
    assert_eq!(whole.reduced, [("a".into(), HOUR)], "an hour is the least that is known");
    let hours: Vec<_> =
        ask(Detail::Slices(4)).slices.iter().map(|(_, hour)| (hour.start, hour.sum)).collect();
    let expected: Vec<_> = (0..4).map(|hour| (start + hour * HOUR, sum(hour..hour + 1))).collect();
    assert_eq!(hours, expected);
    let recent = Query { span: span(start + 2 * HOUR, i64::MAX), ..Query::everything() };
    let recent = collect(&store, &Query { detail: Detail::Slices(3), ..recent });
    assert_eq!(
        (recent.slices.iter().map(|(_, slice)| slice.sum).sum::<f64>(), recent.reduced),
        (sum(2..4), vec![])
    );
}

fn each_signal_is_said_to_be_reduced_or_whole<D: Database>() {
    let database = D::new();
    let (store, minute) = with_an_expired_minute(&database);
    let many: Vec<_> =
        (0..1_000).map(|i| ("b", minute + i * 1_000, 0.5)).chain([("c", minute, 1.0)]).collect();
    store.commit(&[batch(&store, &many)]).unwrap();
    let reduced = |query: &Query| collect(&store, query).reduced;
    let expired = ("a".to_owned(), 60_000_000);
    assert_eq!(reduced(&Query::everything()), std::slice::from_ref(&expired));
    let few = Query { detail: Detail::Points(50), ..Query::everything() };
    // 24 slices, and one more because they are anchored elsewhere.
    assert_eq!(reduced(&few), [expired.clone(), ("b".into(), 999_000 / 24 + 1)]);
    let fewest = Query { detail: Detail::Points(1), ..Query::everything() };
    assert_eq!(reduced(&fewest), [expired, ("b".into(), 999_001)]);
    let others = Query { span: span(minute + 40_000_000, i64::MAX), ..Query::everything() };
    assert_eq!(reduced(&others), [], "nothing of the minute is there");
}

/// A store in which a minute's samples, 1 and 9, have expired: the minute, of which they are the points at its beginning and
/// in its middle.
fn with_an_expired_minute(database: &impl Database) -> (Store, i64) {
    let store = database.open();
    let minute = NOW.micros().div_euclid(60_000_000) * 60_000_000;
    let samples = [("a", minute + 10_000_000, 1.0), ("a", minute + 20_000_000, 9.0)];
    store.commit(&[batch(&store, &samples)]).unwrap();
    store.seal().unwrap();
    store.expire(&RetentionPolicy::default(), Timestamp::from_micros(NOW.micros() + 8 * DAY)).unwrap();
    (store, minute)
}

fn samples_and_what_remains_of_expired_ones_do_not_hide_each_other<D: Database>() {
    let database = D::new();
    let (store, minute) = with_an_expired_minute(&database);
    let middle = minute + 30_000_000;
    assert_eq!(contents(&store), [("a".into(), minute, 1.0), ("a".into(), middle, 9.0)]);
    // At the same instants, and where the second of the points would go to.
    let samples = [("a", minute, 4.0), ("a", middle, 5.0), ("a", middle + 1, 6.0), ("a", middle + 9, 7.0)];
    store.commit(&[batch(&store, &samples)]).unwrap();
    let mut expected: Vec<_> =
        samples.iter().map(|(name, time, value)| ((*name).into(), *time, *value)).collect();
    expected.extend([("a".into(), minute + 1, 1.0), ("a".into(), middle + 2, 9.0)]);
    expected.sort_by_key(|(_, time, _)| *time);
    assert_eq!(contents(&store), expected, "beside the head");
    store.seal().unwrap();
    assert_eq!(contents(&store), expected, "beside a block");
}

fn what_gives_way_to_a_blocks_last_sample_gives_way_to_the_next_blocks_first<D: Database>() {
    let database = D::new();
    let (store, minute) = with_an_expired_minute(&database);
    let middle = minute + 30_000_000;
    let many: Vec<_> = (0..block::SMALL_BLOCK as i64).map(|i| ("a", middle - i, 5.0)).collect();
    for samples in [&many[..], &[("a", middle + 1, 6.0)]] {
        store.commit(&[batch(&store, samples)]).unwrap();
        store.seal().unwrap();
    }
    let end = contents(&store).split_off(many.len());
    let expected = [(middle, 5.0), (middle + 1, 6.0), (middle + 2, 9.0)];
    assert_eq!(end, expected.map(|(time, value)| ("a".to_owned(), time, value)));
}

fn history_that_arrives_today_is_kept_like_today<D: Database>() {
    let database = D::new();
    let store = database.open();
    store.commit(&[batch(&store, &[("a", 0, 1.0)])]).unwrap();
    store.seal().unwrap();
    store.expire(&RetentionPolicy::default(), Timestamp::from_micros(NOW.micros() + 6 * DAY)).unwrap();
    assert_eq!(contents(&store), [("a".into(), 0, 1.0)]);
}

fn a_database_over_its_size_expires_the_oldest_first<D: Database>() {
    let database = D::new();
    let store = database.open();
    for part in 0..6 {
        let noise = |i: i64| ((i * 7_919) as f64).sin();
        let samples: Vec<_> =
            (0..100_000).map(|i| ("a", (part * 100_000 + i) * 1_000_000, noise(i))).collect();
        store.commit(&[batch(&store, &samples)]).unwrap();
        store.seal().unwrap();
    }
    let before = store.engine.used_bytes().unwrap();
    let limit = before / 2;
    let policy = RetentionPolicy { max_bytes: Some(limit), ..RetentionPolicy::default() };
    let done = store.expire(&policy, NOW).unwrap();
    assert!(done.blocks > 0);
    assert!(store.engine.used_bytes().unwrap() <= limit);
    let newest = Query { span: span(599_999 * 1_000_000, i64::MAX), ..Query::everything() };
    assert_eq!(ask(&store, &newest).len(), 1, "the newest sample is still there as it was");
    assert_eq!(store.details().unwrap()[0].count, 600_000);
}

fn a_damaged_block_is_reported_and_left_out_and_left_alone<D: Database>() {
    let database = D::new();
    let store = database.open();
    let many: Vec<_> = (0..block::SMALL_BLOCK as i64).map(|time| ("a", time, 1.0)).collect();
    store.commit(&[batch(&store, &many), batch(&store, &[("b", 1, 1.0)])]).unwrap();
    store.seal().unwrap();
    database.spoil("block", "signal_id = 0");
    assert_eq!(contents(&store), [("b".into(), 1, 1.0)]);
    assert_eq!(store.damaged(), 1);
    // Late samples in the damaged block's span neither replace it nor are lost: few of them, and enough for a block.
    store.commit(&[batch(&store, &[("a", 1, 5.0)])]).unwrap();
    store.seal().unwrap();
    assert_eq!(contents(&store), [("a".into(), 1, 5.0), ("b".into(), 1, 1.0)]);
    let late: Vec<_> = many[2..].iter().chain(&[("a", 500, 7.0), ("a", 501, 7.0)]).copied().collect();
    store.commit(&[batch(&store, &late)]).unwrap();
    store.seal().unwrap();
    assert_eq!(contents(&store).len(), late.len() + 2);
    assert_eq!(store.damaged(), 1);
}

fn what_was_committed_since_is_told_until_it_is_sealed<D: Database>() {
    let database = D::new();
    let store = database.open();
    let commit = |time| store.commit(&[batch(&store, &[("a", time, time as f64)])]).unwrap().sequences;
    let numbers: Vec<_> = (1..=5).map(commit).collect();
    assert!(numbers.windows(2).all(|pair| pair[0].last == pair[1].before), "{numbers:?}");
    let since = |sequence, rows| match store.committed_since(sequence, rows).unwrap() {
        Since::Samples(last, samples) => {
            Some((last, samples.iter().map(|sample| sample.value).collect::<Vec<_>>()))
        }
        Since::Nothing => Some((sequence, vec![])),
        Since::Sealed => None,
    };
    assert_eq!(since(0, 100), Some((numbers[4].last, vec![1.0, 2.0, 3.0, 4.0, 5.0])));
    assert_eq!(since(numbers[1].last, 2), Some((numbers[3].last, vec![3.0, 4.0])));
    assert_eq!(since(numbers[4].last, 9), Some((numbers[4].last, vec![])));
    store.seal().unwrap();
    assert_eq!(since(numbers[4].last, 9), Some((numbers[4].last, vec![])));
    assert_eq!(since(numbers[1].last, 9), None);
    let sixth = commit(6);
    assert_eq!(since(numbers[4].last, 9), Some((sixth.last, vec![6.0])));
    assert_eq!(store.sequence(), sixth.last);
}

fn commit_numbers_never_come_back<D: Database>() {
    let database = D::new();
    let commit = |store: &Store, time| store.commit(&[batch(store, &[("a", time, 0.5)])]).unwrap().sequences;
    let (mut last, mut epoch) = (0, 0);
    for round in 0..4 {
        let clock = Clock::manual(Timestamp::from_micros(NOW.micros() + 10 * round));
        let store = database.open_at(clock.clone()).unwrap();
        assert_eq!(store.sequence(), last, "round {round}");
        assert!(round == 0 || store.epoch() == epoch, "round {round}");
        epoch = store.epoch();
        let numbers = commit(&store, round);
        assert_eq!((numbers.before, numbers.at), (last, clock.now()), "round {round}");
        last = numbers.last;
        match round {
            // As if killed with everything in the journal, with everything in blocks, and with something in both.
            0 => {}
            1 => assert!(store.seal().unwrap() > 0),
            2 => {
                store.seal().unwrap();
                last = commit(&store, 99).last;
            }
            _ => store.compact_and_checkpoint().unwrap(),
        }
    }
    let store = database.open();
    assert_eq!((store.epoch(), store.sequence(), store.unsealed()), (epoch, last, 0));
    assert_eq!(store.position(), Position { epoch, sequence: last });
}

fn the_latest_instant_of_a_signal_is_found_in_every_tier<D: Database>() {
    let database = D::new();
    let (store, minute) = with_an_expired_minute(&database);
    let latest = |store: &Store| -> Vec<Option<i64>> {
        store.latest().unwrap().into_iter().map(|latest| latest.map(Timestamp::micros)).collect()
    };
    assert_eq!(latest(&store), [Some(minute)], "expired");
    let samples = [("b", 7, 1.0), ("b", 5, 1.0), ("a", minute + 9, 1.0), ("c", -1, 1.0)];
    store.commit(&[batch(&store, &samples)]).unwrap();
    // A signal that is never committed takes no place.
    let _never_committed = batch(&store, &[("ghost", 1, 1.0)]);
    let expected = [Some(minute + 9), Some(7), Some(-1)];
    assert_eq!(latest(&store), expected, "in the head");
    store.seal().unwrap();
    store.commit(&[batch(&store, &[("c", -3, 1.0)])]).unwrap();
    assert_eq!(latest(&store), expected, "in blocks");
}

suite! {
    what_is_committed_is_there_after_opening_again_and_the_last_write_wins,
    a_signal_without_a_committed_sample_is_not_listed,
    signals_beyond_the_limit_get_no_number,
    metadata_of_many_signals_is_read_whole_and_in_order,
    queries_choose_by_span_name_and_pattern,
    a_spike_survives_reduction_from_any_tier,
    a_reduced_answer_is_the_same_again_and_follows_what_is_written,
    samples_move_down_the_tiers_and_no_further,
    a_mean_is_right_over_every_tier,
    each_signal_is_said_to_be_reduced_or_whole,
    samples_and_what_remains_of_expired_ones_do_not_hide_each_other,
    what_gives_way_to_a_blocks_last_sample_gives_way_to_the_next_blocks_first,
    history_that_arrives_today_is_kept_like_today,
    a_database_over_its_size_expires_the_oldest_first,
    a_damaged_block_is_reported_and_left_out_and_left_alone,
    what_was_committed_since_is_told_until_it_is_sealed,
    commit_numbers_never_come_back,
    the_latest_instant_of_a_signal_is_found_in_every_tier,
}
