//! Times of objects: their forms, their member, their zone.

use super::*;

#[test]
fn times_are_read_in_every_form_and_never_overlooked() {
    for stamp in [
        "1700000000",
        "1700000000.0",
        "17e8",
        "\"1700000000\"",
        "\"1700000000000\"",
        "\"1700000000.0\"",
        "\"2023-11-14 22:13:20 UTC\"",
        "\"2023-11-14 23:13:20 +0100\"",
        "\"2023-11-14T23:13:20+01:00\"",
    ] {
        let body = format!(r#"{{"timestamp":{stamp},"signals":{{"a":1}}}}"#);
        assert_eq!(show(body.as_bytes(), Format::Json), "2023-11-14T22:13:20.000000Z a 1.0\n", "{stamp}");
    }
    for name in ["ts", "time", "Timestamp", "timestmap"] {
        let body = format!(r#"[{{"{name}":1700000000,"signals":{{"a":1}}}},{{"signals":{{"b":2}}}}]"#);
        let text = show(body.as_bytes(), Format::Json);
        assert!(text.starts_with("2023-11-14T22:13:20.000000Z b 2.0\n#0 - unknown_member:"), "{text}");
        assert!(text.contains(&format!("{name:?}")), "{text}");
    }
    let text = show(br#"{"timestamp":"2023-11-14 22:13:20 12","signals":{"a":1}}"#, Format::Json);
    assert!(text.starts_with("#0 - bad_timestamp:"), "{text}");
    let mut collector = Collector::new(Signals::empty(3), NOW);
    let body =
        br#"[{"at":"2023-11-14","signals":{"a":1}},{"timestamp":1700000000,"time":7,"signals":{"a":1}},
        {"device":"x","signals":{"b":2}},{"device":"y","signals":{"b":3}}]"#;
    json::decode(body, Format::Json, &mut collector).unwrap();
    let decoded = collector.take();
    assert_eq!((decoded.batch.len(), decoded.rejected_count), (3, 1), "{decoded:?}");
    assert_eq!(decoded.warnings.len(), 1, "{:?}", decoded.warnings);
    assert!(decoded.warnings[0].contains("device"));
}

#[test]
fn times_of_clocks_that_are_not_set_are_refused() {
    let codes = |stamp: &str| {
        let mut collector = Collector::new(Signals::empty(3), NOW).not_before(Timestamp::from_micros(1));
        let body = format!(r#"{{"timestamp":{stamp},"signals":{{"a":1}}}}"#);
        json::decode(body.as_bytes(), Format::Json, &mut collector).unwrap();
        let decoded = collector.take();
        (decoded.batch.len(), decoded.rejected.first().map(|rejection| rejection.code.clone().into_owned()))
    };
    for stamp in ["0", "-1", "\"0001-01-01T00:00:00Z\"", "-9223372036854775808"] {
        assert_eq!(codes(stamp), (0, Some("timestamp_early".to_owned())), "{stamp}");
    }
    assert_eq!(codes("1"), (1, None));
}

/// What a body with these times is read as: instants, and what is said.
fn timed(body: &str, member: Option<&str>, zone: Option<&str>) -> (Vec<String>, Vec<String>) {
    let now = Timestamp::from_micros(1_800_000_000_000_000);
    let mut collector = Collector::new(Signals::empty(9), now);
    let mut times = json::Times::new(member.map(str::to_owned), zone.map(|zone| zone.parse().unwrap()), None);
    json::decode_with(body.as_bytes(), Format::NdJson, &mut times, &mut collector).unwrap();
    let decoded = collector.take();
    let said = decoded.rejected.into_iter().map(|rejection| rejection.message).chain(decoded.warnings);
    (decoded.batch.samples().iter().map(|sample| sample.timestamp.to_string()).collect(), said.collect())
}

#[test]
fn the_member_of_the_time_can_be_named() {
    let (times, said) = timed(r#"{"ts":1700000000,"signals":{"a":1}}"#, Some("ts"), None);
    assert_eq!((times, said), (vec!["2023-11-14T22:13:20.000000Z".to_owned()], vec![]));
    let (times, said) = timed(r#"{"timestamp":1700000000,"signals":{"a":1}}"#, Some("ts"), None);
    assert!(times.is_empty() && said[0].contains("has no ts and the member \"timestamp\""), "{said:?}");
    let (times, said) = timed(r#"{"ts":1700000000,"signals":{"a":1}}"#, None, None);
    assert!(times.is_empty() && said[0].contains("must be called timestamp"), "{said:?}");
}

#[test]
fn where_a_time_is_required_an_object_without_one_is_refused() {
    let mut collector = Collector::new(Signals::empty(9), NOW);
    let mut times = json::Times::default().required();
    let body = br#"{"signals":{"a":1}}
{"timestamp":null,"signals":{"a":2}}
{"timestamp":1700000000,"signals":{"a":3}}"#;
    json::decode_with(body, Format::NdJson, &mut times, &mut collector).unwrap();
    let decoded = collector.take();
    let values: Vec<_> = decoded.batch.samples().iter().map(|sample| sample.value).collect();
    let refused: Vec<_> = decoded.rejected.iter().map(|r| (r.index, &*r.code)).collect();
    assert_eq!((values, refused), (vec![3.0], vec![(0, "bad_timestamp"), (1, "bad_timestamp")]));
}

#[test]
fn local_times_of_objects_have_a_zone_and_the_hour_that_comes_twice_is_said() {
    let objects = |times: &[&str]| -> String {
        times.iter().map(|time| format!("{{\"timestamp\":\"{time}\",\"signals\":{{\"a\":1}}}}\n")).collect()
    };
    let (times, said) = timed(
        &objects(&["2024-07-01 12:00", "2024-07-01T12:00:00Z", "2024-03-31 02:30"]),
        None,
        Some("Europe/Berlin"),
    );
    assert_eq!(times, ["2024-07-01T10:00:00.000000Z", "2024-07-01T12:00:00.000000Z"]);
    assert!(said.len() == 1 && said[0].contains("never show"), "{said:?}");
    let autumn = objects(&["2024-10-27 02:15", "2024-10-27 02:45", "2024-10-27 02:15", "2024-10-27 02:45"]);
    let (times, said) = timed(&autumn, None, Some("Europe/Berlin"));
    let hours: Vec<_> = times.iter().map(|time| &time[11..16]).collect();
    assert_eq!(hours, ["00:15", "00:45", "01:15", "01:45"]);
    assert!(said.len() == 1 && said[0].contains("show \"2024-10-27 02:15\" twice"), "{said:?}");
    let (times, said) = timed(&autumn, None, None);
    assert!(
        times.iter().all(|time| time.ends_with(":15:00.000000Z") || time.ends_with(":45:00.000000Z"))
            && said.is_empty()
    );
}
