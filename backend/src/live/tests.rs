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

fn key(protocol: Protocol, patterns: &[&str]) -> Key {
    Key { protocol, patterns: patterns.iter().map(|pattern| (*pattern).to_owned()).collect() }
}

/// What one group of clients sees of `batches`, committed one after another.
fn seen(key: Key, signals: &Signals, batches: &[Batch]) -> Vec<Frame> {
    let mut groups = Groups::<()>::default();
    let id = groups.group(key, at(0), &Signals::empty(0));
    groups.pass(batches, signals);
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
    let frames = seen(Key::everything(Protocol::Events), &signals, &[first, second]);
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
    let frames = seen(key(Protocol::EventStream, &["a*"]), &signals, &batches);
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
    let samples: Vec<_> = (0..5_000).map(|i| (["a", "b"][i as usize % 2], i, i as f64)).collect();
    let batches = [batch(&signals, &samples)];
    let frames = seen(Key::everything(Protocol::Events), &signals, &batches);
    assert_eq!(frames.len(), 2);
    assert!(texts(&frames)[1].contains(r#""signals":{"b":4999.0},"conflated":true"#), "{frames:?}");
    let many: Vec<_> = (0..60_000).map(|i| ("a", i, i as f64)).collect();
    let frames = seen(Key::everything(Protocol::V1), &signals, &[batch(&signals, &many)]);
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
    let frames = seen(key(Protocol::V1, &["a"]), &signals, &batches);
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
fn whoever_fell_behind_gets_the_newest_of_what_was_missed() {
    let signals = Signals::empty(10);
    let mut groups = Groups::<()>::default();
    let id = groups.group(Key::everything(Protocol::V1), at(0), &signals);
    for n in 1..=4 {
        groups.pass(
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
    let id = groups.group(Key::everything(Protocol::V1), at(0), &signals);
    groups.pass(&[batch(&signals, &[("a", 1, 1.0)])], &signals);
    let (group, _) = groups.get(id).unwrap();
    group.take(at(1), 0, &signals);
    group.skip_to(at(5));
    groups.pass(&[batch(&signals, &[("a", 2, 1.0)])], &signals);
    let frames = groups.get(id).unwrap().0.take(at(6), 0, &signals);
    let (header, _) = columns(frames.last().unwrap());
    assert_eq!((header.position, header.covers), (at(6), 1), "it carries on from 5, and the client has 1");
}

#[test]
fn signals_that_appear_later_reach_the_classes_that_want_them() {
    let signals = Signals::empty(10);
    let mut groups = Groups::<u8>::default();
    let a = groups.group(key(Protocol::V1, &["a*"]), at(0), &signals);
    let b = groups.group(key(Protocol::V1, &["b*", "*x"]), at(0), &signals);
    groups.get(a).unwrap().1.push(1);
    groups.get(b).unwrap().1.push(2);
    assert!(!groups.pass(&[batch(&signals, &[("c", 1, 1.0)])], &signals));
    assert!(groups.pass(&[batch(&signals, &[("ax", 1, 1.0)])], &signals));
    for id in [a, b] {
        assert_eq!(groups.get(id).unwrap().0.take(at(1), 0, &signals).len(), 2, "names, samples");
    }
    groups.retain(|client| *client == 2);
    assert!(groups.get(a).is_none() && groups.count() == 1);
    assert!(!groups.pass(&[batch(&signals, &[("a", 1, 1.0)])], &signals));
}

#[test]
fn large_steps_become_several_frames() {
    let signals = Signals::empty(10);
    let samples: Vec<_> = (0..20_000).map(|i| ("a", i, i as f64)).collect();
    let frames = seen(Key::everything(Protocol::V1), &signals, &[batch(&signals, &samples)]);
    let read: Vec<_> =
        frames.iter().skip(1).flat_map(|frame| columns(frame).1).flat_map(|run| run.1).collect();
    assert_eq!(read, (0..20_000).collect::<Vec<_>>());
    assert!(frames.len() > 4, "{}", frames.len());
}
