use proptest::prelude::*;

use super::*;

const HEADER: Header = Header {
    kind: Kind::Tail,
    flags: Flags::NONE,
    covers: 2,
    position: Position { epoch: 0x0102_0304_0506_0708, sequence: 10 },
    server_time: 1_700_000_000_000_000,
};

fn header(kind: Kind) -> Header {
    Header { kind, ..HEADER }
}

/// Every signal of a frame with its samples.
type Read = Vec<(u32, Vec<(i64, f64)>)>;

fn read(mut columns: Columns<'_>) -> Result<Read, Malformed> {
    let (mut times, mut values, mut all) = (Vec::new(), Vec::new(), Vec::new());
    while let Some(signal) = columns.next(&mut times, &mut values)? {
        all.push((signal, times.iter().copied().zip(values.iter().copied()).collect()));
    }
    Ok(all)
}

fn samples(bytes: &[u8]) -> Result<Read, Malformed> {
    match Frame::parse(bytes)?.body {
        Body::Samples(columns) | Body::Snapshot { columns, .. } => read(columns),
        other => panic!("not samples: {other:?}"),
    }
}

/// The same bytes as in docs/wire.md.
#[test]
fn a_tail_frame_has_these_bytes() {
    let mut writer = Writer::new(&HEADER);
    writer.columns(3, &[1_699_999_999_999_000, 1_700_000_000_000_000], &[1.5, -0.0]);
    let golden = [
        5, 0, 0, 0, // Tail, no flags
        2, 0, 0, 0, // two commits since the last frame
        8, 7, 6, 5, 4, 3, 2, 1, // epoch
        10, 0, 0, 0, 0, 0, 0, 0, // sequence
        0x00, 0x40, 0x1e, 0x18, 0x24, 0x0a, 0x06, 0x00, // server time
        3, 2, // signal 3, two samples
        0xcf, 0x0f, // 1,000 us before the server time
        0xe8, 0x07, // 1,000 us later
        0, 0, 0, 0, 0, 0, 0xf8, 0x3f, // 1.5
        0, 0, 0, 0, 0, 0, 0, 0x80, // -0.0
    ];
    assert_eq!(writer.finish(), golden);
    let frame = Frame::parse(&golden).unwrap();
    assert_eq!(frame.header, HEADER);
    let expected = [(3, vec![(1_699_999_999_999_000, 1.5), (1_700_000_000_000_000, -0.0)])];
    assert_eq!(samples(&golden).unwrap(), expected);
}

/// The same bytes as in docs/wire.md.
#[test]
fn a_names_frame_has_these_bytes() {
    let mut writer = Writer::new(&header(Kind::Names));
    writer.name(300, "é");
    writer.name(0, "sine");
    let bytes = writer.finish();
    assert_eq!(bytes[Header::BYTES..], [0xac, 0x02, 2, 0xc3, 0xa9, 0, 4, b's', b'i', b'n', b'e']);
    let Body::Names(names) = Frame::parse(&bytes).unwrap().body else { panic!("no names") };
    assert_eq!(names.collect::<Result<Vec<_>, _>>().unwrap(), [(300, "é"), (0, "sine")]);
}

#[test]
fn answers_carry_the_requests_number() {
    let flags = Flags::LAST.with(Flags::REDUCED);
    let mut snapshot = Writer::new(&Header { flags, ..header(Kind::Snapshot) });
    snapshot.request(7);
    snapshot.columns(1, &[-5], &[2.0]);
    let snapshot = snapshot.finish();
    let frame = Frame::parse(&snapshot).unwrap();
    assert!(frame.header.flags.has(Flags::LAST) && !frame.header.flags.has(Flags::RESUMED));
    assert!(matches!(frame.body, Body::Snapshot { request: 7, .. }));
    assert_eq!(samples(&snapshot).unwrap(), [(1, vec![(-5, 2.0)])]);

    let mut reduced = Writer::new(&header(Kind::Reduced));
    reduced.request(7);
    reduced.slice(1, 60_000_000);
    reduced.slice(300, 1);
    let reduced = reduced.finish();
    assert_eq!(reduced[Header::BYTES..], [7, 0, 0, 0, 1, 0x80, 0x8e, 0xce, 0x1c, 0xac, 0x02, 1]);
    let Body::Reduced { request: 7, slices } = Frame::parse(&reduced).unwrap().body else {
        panic!("no slices")
    };
    assert_eq!(slices.collect::<Result<Vec<_>, _>>().unwrap(), [(1, 60_000_000), (300, 1)]);

    let mut refused = Writer::new(&header(Kind::Refused));
    refused.request(8);
    refused.text("{}");
    let refused = refused.finish();
    assert!(matches!(Frame::parse(&refused).unwrap().body, Body::Refused { request: 8, error: "{}" }));

    let mut subscribed = Writer::new(&header(Kind::Subscribed));
    subscribed.request(9);
    assert!(matches!(Frame::parse(&subscribed.finish()).unwrap().body, Body::Subscribed { request: 9 }));
}

#[test]
fn requests_are_json() {
    let text = r#"{"type":"subscribe","id":1,"signals":["host.*"],"window":60.5,"width":900,"resume":{"epoch":5,"sequence":6}}"#;
    let request: Request = serde_json::from_str(text).unwrap();
    assert_eq!(serde_json::to_string(&request).unwrap(), text);
    let Request::Subscribe(subscribe) = request;
    assert_eq!(subscribe.check(), Ok(()));
    for (wrong, field) in [
        (Subscribe { signals: vec![], ..subscribe.clone() }, "signals"),
        (Subscribe { signals: vec!["a\n".into()], ..subscribe.clone() }, "signals"),
        (Subscribe { window: Some(-1.0), ..subscribe.clone() }, "window"),
        (Subscribe { width: Some(0), ..subscribe.clone() }, "width"),
        (Subscribe { width: Some(u32::MAX), ..subscribe }, "width"),
    ] {
        assert!(wrong.check().unwrap_err().starts_with(field), "{wrong:?}");
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        series in proptest::collection::vec(
            (any::<u32>(), proptest::collection::btree_map(any::<i64>(), any::<f64>(), 1..20)), 0..8),
        server_time in any::<i64>(),
    ) {
        let mut writer = Writer::new(&Header { server_time, ..HEADER });
        let mut expected = Vec::new();
        for (signal, samples) in series {
            let (mut times, mut values) = (Vec::new(), Vec::new());
            for (time, value) in samples {
                // Steps of more than half of all time are not times.
                if times.last().is_none_or(|last| time.checked_sub(*last).is_some()) {
                    times.push(time);
                    values.push(value);
                }
            }
            writer.columns(signal, &times, &values);
            expected.push((signal, times.into_iter().zip(values.iter().map(|value| value.to_bits())).collect::<Vec<_>>()));
        }
        let read: Vec<_> = samples(&writer.finish()).unwrap().into_iter()
            .map(|(signal, samples)| (signal, samples.into_iter().map(|(t, v)| (t, v.to_bits())).collect::<Vec<_>>()))
            .collect();
        prop_assert_eq!(read, expected);
    }

    #[test]
    fn any_bytes_are_read_or_refused(kind in 0..12_u8, bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let bytes: Vec<u8> = std::iter::once(kind).chain(bytes).collect();
        if let Ok(frame) = Frame::parse(&bytes) {
            match frame.body {
                Body::Names(names) => drop(names.take_while(Result::is_ok).count()),
                Body::Reduced { slices, .. } => drop(slices.take_while(Result::is_ok).count()),
                Body::Samples(columns) | Body::Snapshot { columns, .. } => drop(read(columns)),
                _ => {}
            }
        }
    }
}
