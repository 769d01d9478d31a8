use std::net::{IpAddr, Ipv4Addr};

use afterglow_wire::Timestamp;
use afterglow_wire::live::Event;
use afterglow_wire::v1::{self, Body, Flags, Kind, Position};

use super::*;
use crate::batch::Batch;
use crate::signals::Signals;

fn batch(signals: &Signals, samples: &[(&str, i64, f64)]) -> Batch {
    let mut batch = Batch::default();
    for (name, micros, value) in samples {
        let signal = signals.number(&mut batch, name).unwrap();
        batch.push(Sample { signal, timestamp: Timestamp::from_micros(*micros), value: *value });
    }
    signals.learn(std::slice::from_mut(&mut batch)).unwrap().keep();
    batch
}

fn at(sequence: u64) -> Position {
    Position { epoch: 1, sequence }
}

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

fn select(signals: &Signals, patterns: &[&str]) -> Selection {
    Selection::new(&patterns.iter().map(|pattern| (*pattern).to_owned()).collect::<Vec<_>>(), signals)
}

/// As [`select`], of a client that is about to join.
fn meet<C>(groups: &mut Groups<C>, patterns: &[&str], signals: &Signals) -> Selection {
    let mut selection = select(signals, patterns);
    groups.meet(&mut selection, signals);
    selection
}

/// The group of a client that wants `patterns`.
fn join<C>(groups: &mut Groups<C>, protocol: Protocol, patterns: &[&str], signals: &Signals) -> GroupId {
    let selection = meet(groups, patterns, signals);
    groups.group(protocol, &selection, HERE, at(0)).unwrap()
}

/// As [`join`], and adds `client` to it.
fn add<C>(groups: &mut Groups<C>, client: C, patterns: &[&str], signals: &Signals) -> GroupId {
    let selection = meet(groups, patterns, signals);
    let id = groups.group(Protocol::V1, &selection, HERE, at(0)).unwrap();
    groups.add(id, client, &selection, HERE);
    id
}

/// What one group of clients sees of `batches`, committed one after another.
fn seen(protocol: Protocol, patterns: &[&str], signals: &Signals, batches: &[Batch]) -> Vec<Frame> {
    let mut groups = Groups::<()>::default();
    let selection = select(&Signals::empty(0), patterns);
    let id = groups.group(protocol, &selection, HERE, at(0)).unwrap();
    groups.add(id, (), &selection, HERE);
    groups.pass(at(0), batches, signals);
    groups.get(id).unwrap().0.take(at(batches.len() as u64), 0, signals)
}

fn texts(frames: &[Frame]) -> Vec<&str> {
    frames
        .iter()
        .map(|frame| match frame {
            Frame::Text(text) => &**text,
            Frame::Binary(_) => panic!("not a text"),
        })
        .collect()
}

type Columns = Vec<(u32, Vec<i64>, Vec<f64>)>;

fn columns(frame: &Frame) -> (v1::Header, Columns) {
    let Frame::Binary(bytes) = frame else { panic!("not binary") };
    let frame = v1::Frame::parse(bytes).unwrap();
    let (mut times, mut values, mut all) = (Vec::new(), Vec::new(), Vec::new());
    if let Body::Samples(mut columns) = frame.body {
        while let Some(signal) = columns.next(&mut times, &mut values).unwrap() {
            all.push((signal, times.clone(), values.clone()));
        }
    }
    (frame.header, all)
}

#[test]
fn events_follow_the_objects_that_were_posted() {
    let signals = Signals::empty(10);
    let first = batch(&signals, &[("a\"", 1, 1.0), ("b", 1, 0.1), ("a\"", 2, 1e300)]);
    let second = batch(&signals, &[("b", 2, -0.0)]);
    let frames = seen(Protocol::Events, &["*"], &signals, &[first, second]);
    let head = r#"{"event":"telemetry_update","data":{"timestamp":"1970-01-01T00:00:00.0000"#;
    assert_eq!(
        texts(&frames),
        [
            format!(r#"{head}01Z","signals":{{"a\"":1.0,"b":0.1}}}}}}"#),
            format!(r#"{head}02Z","signals":{{"a\"":1e+300}}}}}}"#),
            format!(r#"{head}02Z","signals":{{"b":-0.0}}}}}}"#),
        ]
    );
    for text in texts(&frames) {
        serde_json::from_str::<Event>(text).unwrap();
    }
}

#[test]
fn an_event_stream_tells_the_position_once_a_step() {
    let signals = Signals::empty(10);
    let batches = [batch(&signals, &[("a", 1, 1.0), ("b", 2, 2.0)]), batch(&signals, &[("ab", 3, 3.0)])];
    let frames = seen(Protocol::EventStream, &["a*"], &signals, &batches);
    let data = |n| format!("data: {{\"timestamp\":\"1970-01-01T00:00:00.00000{n}Z\",\"signals\":");
    assert_eq!(
        texts(&frames),
        [
            format!("event: telemetry_update\n{}{{\"a\":1.0}}}}\n\n", data(1)),
            format!("id: 1-2\nevent: telemetry_update\n{}{{\"ab\":3.0}}}}\n\n", data(3)),
        ]
    );
    assert_eq!(parse_event_id("1-2"), Some(at(2)));
    assert_eq!(parse_event_id("1-"), None);
}

#[test]
fn a_very_large_step_shows_only_the_newest_value_of_each_signal() {
    let signals = Signals::empty(10);
    let sent = |count| {
        let samples: Vec<_> = (0..count).map(|i| (["a", "b"][i as usize % 2], i, i as f64)).collect();
        seen(Protocol::Events, &["*"], &signals, &[batch(&signals, &samples)])
    };
    assert_eq!(sent(10_000).len(), 10_000, "what a sender has kept while it was away");
    let frames = sent(10_001);
    assert_eq!(frames.len(), 2);
    assert!(texts(&frames)[1].contains(r#""signals":{"a":10000.0},"conflated":true"#), "{frames:?}");
    let many: Vec<_> = (0..60_000).map(|i| ("a", i, i as f64)).collect();
    let frames = seen(Protocol::V1, &["*"], &signals, &[batch(&signals, &many)]);
    let (header, samples) = columns(frames.last().unwrap());
    assert!(header.flags.has(Flags::CONFLATED));
    assert_eq!(samples, [(0, vec![59_999], vec![59_999.0])]);
}

#[test]
fn late_samples_are_patches_and_the_last_write_wins() {
    let signals = Signals::empty(10);
    let batches = [
        batch(&signals, &[("a", 5, 5.0), ("x", 5, 0.0)]),
        batch(&signals, &[("a", 3, 3.0), ("a", 6, 6.0), ("a", 3, 4.0)]),
    ];
    let frames = seen(Protocol::V1, &["a"], &signals, &batches);
    let [names, tail, patch] = &frames[..] else { panic!("{frames:?}") };
    assert_eq!(columns(names).0.kind, Kind::Names);
    let (header, samples) = columns(tail);
    assert_eq!((header.kind, header.position, header.covers), (Kind::Tail, at(0), 0), "not the step's last");
    assert_eq!(samples, [(0, vec![5, 6], vec![5.0, 6.0])]);
    let (header, samples) = columns(patch);
    assert_eq!((header.kind, header.position, header.covers), (Kind::Patch, at(2), 2));
    assert_eq!(samples, [(0, vec![3], vec![4.0])]);
}

#[test]
fn a_client_that_fell_behind_gets_the_newest_of_what_was_missed() {
    let signals = Signals::empty(10);
    let mut groups = Groups::<()>::default();
    let id = join(&mut groups, Protocol::V1, &["*"], &signals);
    for n in 1..=4 {
        groups.pass(
            at(0),
            &[batch(&signals, &[("a", n, n as f64), (["b", "c"][n as usize % 2], 9 - n, 0.5)])],
            &signals,
        );
        let (group, _) = groups.get(id).unwrap();
        group.take(at(n as u64), 0, &signals);
        if n == 3 {
            group.fall_behind();
        }
    }
    let (group, _) = groups.get(id).unwrap();
    let frames = group.catch_up(0, &signals);
    let (header, samples) = columns(frames.last().unwrap());
    assert_eq!((header.position, header.covers), (at(4), 2));
    assert!(header.flags.has(Flags::CONFLATED));
    assert_eq!(samples, [(0, vec![4], vec![4.0]), (1, vec![6], vec![0.5]), (2, vec![5], vec![0.5])]);
    group.all_caught_up();
    assert_eq!(group.catch_up(0, &signals), []);
}

#[test]
fn a_commit_that_was_shed_leaves_a_hole_that_clients_notice() {
    let signals = Signals::empty(10);
    let mut groups = Groups::<()>::default();
    let id = join(&mut groups, Protocol::V1, &["*"], &signals);
    groups.pass(at(0), &[batch(&signals, &[("a", 1, 1.0)])], &signals);
    let (group, _) = groups.get(id).unwrap();
    group.take(at(1), 0, &signals);
    assert_eq!(group.skip_to(at(5), 0), None);
    groups.pass(at(0), &[batch(&signals, &[("a", 2, 1.0)])], &signals);
    let frames = groups.get(id).unwrap().0.take(at(6), 0, &signals);
    let (header, _) = columns(frames.last().unwrap());
    assert_eq!((header.position, header.covers), (at(6), 1), "it carries on from 5, and the client has 1");
}

#[test]
fn a_group_that_has_nothing_to_send_stays_where_its_clients_are() {
    let signals = Signals::empty(10);
    let mut groups = Groups::<()>::default();
    let id = join(&mut groups, Protocol::V1, &["*"], &signals);
    let (group, _) = groups.get(id).unwrap();
    // As when another client joins it after a commit that it does not want.
    assert_eq!(group.take(at(5), 0, &signals), []);
    groups.pass(at(5), &[batch(&signals, &[("a", 1, 1.0)])], &signals);
    let frames = groups.get(id).unwrap().0.take(at(6), 0, &signals);
    let (header, _) = columns(frames.last().unwrap());
    assert_eq!((header.position, header.covers), (at(6), 6), "who has nothing yet finds no hole");
}

#[test]
fn signals_that_appear_later_reach_the_classes_that_want_them() {
    let signals = Signals::empty(10);
    let mut groups = Groups::<u8>::default();
    // Until there are signals their sets are equal, and so are their groups.
    batch(&signals, &[("a", 0, 0.0), ("bx", 0, 0.0)]);
    let a = add(&mut groups, 1, &["a*"], &signals);
    let b = add(&mut groups, 2, &["b*", "*x"], &signals);
    assert!(!groups.pass(at(0), &[batch(&signals, &[("c", 1, 1.0)])], &signals));
    assert!(groups.pass(at(0), &[batch(&signals, &[("ax", 1, 1.0)])], &signals));
    for id in [a, b] {
        assert_eq!(groups.get(id).unwrap().0.take(at(1), 0, &signals).len(), 2, "names, samples");
    }
    groups.retain(|client| *client == 2);
    assert!(groups.get(a).is_none() && groups.count() == 1);
    assert!(!groups.pass(at(0), &[batch(&signals, &[("a", 1, 1.0)])], &signals));
}

#[test]
fn large_steps_become_several_frames() {
    let signals = Signals::empty(10);
    let samples: Vec<_> = (0..20_000).map(|i| ("a", i, i as f64)).collect();
    let frames = seen(Protocol::V1, &["*"], &signals, &[batch(&signals, &samples)]);
    let read: Vec<_> =
        frames.iter().skip(1).flat_map(|frame| columns(frame).1).flat_map(|run| run.1).collect();
    assert_eq!(read, (0..20_000).collect::<Vec<_>>());
    assert!(frames.len() > 4, "{}", frames.len());
}

/// The groups of some clients: for each the group's signals and its clients.
fn members(groups: &mut Groups<u32>) -> Vec<Vec<u32>> {
    let mut members: Vec<Vec<u32>> =
        groups.all().map(|(_, members)| members.iter().map(|member| member.client).collect()).collect();
    members.sort_unstable();
    members
}

#[test]
fn subscriptions_that_select_the_same_signals_are_one_group_however_they_are_written() {
    let signals = Signals::empty(100);
    let mut groups = Groups::<u32>::default();
    batch(&signals, &[("a1", 1, 0.0), ("a2", 1, 0.0), ("b", 1, 0.0)]);
    for (client, patterns) in
        [&["a*"][..], &["a1", "a2"], &["a2", "a1", "u7"], &["a*", "u*"], &["*1", "*2", "a2"]]
            .iter()
            .enumerate()
    {
        add(&mut groups, client as u32, patterns, &signals);
    }
    add(&mut groups, 5, &["*", "u5"], &signals);
    add(&mut groups, 6, &["*"], &signals);
    add(&mut groups, 7, &["b"], &signals);
    assert_eq!(members(&mut groups), [&[0, 1, 2, 3, 4][..], &[5, 6], &[7]]);
    // A new signal that some of them want splits them, and who joins later finds the right one.
    groups.pass(at(0), &[batch(&signals, &[("u7", 2, 7.0), ("a1", 2, 1.0)])], &signals);
    assert_eq!(members(&mut groups), [&[0, 1, 4][..], &[2, 3], &[5, 6], &[7]]);
    add(&mut groups, 8, &["u*", "a*"], &signals);
    add(&mut groups, 9, &["a*"], &signals);
    assert_eq!(members(&mut groups), [&[0, 1, 4, 9][..], &[2, 3, 8], &[5, 6], &[7]]);
    let id = join(&mut groups, Protocol::V1, &["u*", "a*"], &signals);
    let frames = groups.get(id).unwrap().0.take(at(1), 0, &signals);
    let sent: Vec<_> = frames.iter().flat_map(|frame| columns(frame).1).map(|(signal, ..)| signal).collect();
    assert_eq!((frames.len(), sent), (2, vec![0, 3]), "the new name, then the samples");
    // Who wanted the old name too goes on without the new one.
    groups.retain(|client| *client != 2 && *client != 3 && *client != 8);
    assert_eq!((members(&mut groups).len(), groups.len()), (3, 3));
}

#[test]
fn groups_and_patterns_of_one_address_are_limited() {
    let signals = Signals::empty(10_000);
    let names: Vec<_> = (0..60).map(|number| format!("s{number}")).collect();
    let all: Vec<_> = names.iter().map(|name| (name.as_str(), 1, 0.0)).collect();
    batch(&signals, &all);
    let mut groups = Groups::<u32>::default();
    let try_add = |groups: &mut Groups<u32>, patterns: &[&str], address| {
        let selection = meet(groups, patterns, &signals);
        let id = groups.group(Protocol::V1, &selection, address, at(0))?;
        groups.add(id, 0, &selection, address);
        Ok::<_, String>(())
    };
    for name in &names[..50] {
        try_add(&mut groups, &[name], HERE).unwrap();
    }
    let refused = try_add(&mut groups, &[&names[50]], HERE).unwrap_err();
    assert!(refused.contains("127.0.0.1 watch 50 different sets"), "{refused}");
    try_add(&mut groups, &[&names[0]], HERE).unwrap();
    try_add(&mut groups, &["*"], HERE).unwrap();
    let other = IpAddr::from([127, 0, 0, 2]);
    try_add(&mut groups, &[&names[50]], other).unwrap();
    let many: Vec<_> = (0..100).map(|number| format!("{}*{number}", names[0])).collect();
    let mut refused = None;
    for client in 0..40 {
        let mine = format!("x{client}*");
        let patterns: Vec<_> = many[1..].iter().map(String::as_str).chain([mine.as_str(), "s50"]).collect();
        refused = refused.or(try_add(&mut groups, &patterns, other).err());
    }
    assert!(refused.is_some_and(|refused| refused.contains("no more than 2048")));
    // Of all addresses together, four times as many.
    let mut refused = Vec::new();
    for client in 0..200 {
        let mine = format!("y{client}*");
        let patterns: Vec<_> = many[1..].iter().map(String::as_str).chain([mine.as_str(), "s50"]).collect();
        let elsewhere = IpAddr::from([10, 0, 0, client]);
        refused.extend(try_add(&mut groups, &patterns, elsewhere).err());
    }
    assert!(refused.len() > 100 && refused.iter().all(|refused| refused.contains("have 8192 patterns")));
}

#[test]
fn a_split_beyond_the_limits_ends_those_that_would_need_a_group() {
    let signals = Signals::empty(10_000);
    let mut groups = Groups::<u32>::default();
    batch(&signals, &[("a", 1, 0.0)]);
    for client in 0..100 {
        add(&mut groups, client, &["a", &format!("u{client}")], &signals);
    }
    assert_eq!(groups.len(), 1);
    for client in 0..100 {
        groups.pass(at(0), &[batch(&signals, &[(&format!("u{client}"), 1, 0.0)])], &signals);
    }
    assert_eq!((groups.len(), groups.count()), (50, 50));
    assert_eq!(groups.take_refused().len(), 50);
}

#[test]
fn what_was_left_out_is_said_to_those_who_know_no_positions() {
    let signals = Signals::empty(10);
    for (protocol, said) in [
        (Protocol::EventStream, "event: gap\ndata: {\"message\":"),
        (Protocol::Events, r#"{"event":"gap","data":{"message":"#),
        (Protocol::SocketIo, r#"42["gap",{"message":"#),
    ] {
        let mut groups = Groups::<()>::default();
        let id = join(&mut groups, protocol, &["*"], &signals);
        let group = groups.get(id).unwrap().0;
        let gap = group.skip_to(at(5), 0).unwrap();
        assert!(texts(std::slice::from_ref(&gap))[0].starts_with(said), "{gap:?}");
        // Who has no room for it hears of it when there is.
        group.fall_behind();
        group.offered();
        assert_eq!(texts(&group.catch_up(0, &signals))[0], texts(&[gap])[0]);
        group.all_caught_up();
        assert_eq!(group.catch_up(0, &signals), []);
        if protocol == Protocol::Events {
            let gap: Event = serde_json::from_str(texts(&[group.skip_to(at(6), 0).unwrap()])[0]).unwrap();
            assert!(matches!(gap, Event::Gap(_)));
        }
    }
}

#[test]
fn conflated_events_of_a_stream_say_so_and_have_no_id() {
    let signals = Signals::empty(10);
    let samples: Vec<_> = (0..10_001).map(|i| ("a", i, i as f64)).collect();
    let frames = seen(Protocol::EventStream, &["a"], &signals, &[batch(&signals, &samples)]);
    let [gap, newest] = texts(&frames)[..] else { panic!("{frames:?}") };
    assert!(gap.starts_with("event: gap\n"), "{gap}");
    assert!(newest.starts_with("event: telemetry_update\n") && newest.contains("10000.0"), "{newest}");
    assert!(frames.iter().all(|frame| !texts(std::slice::from_ref(frame))[0].contains("id:")));
}
