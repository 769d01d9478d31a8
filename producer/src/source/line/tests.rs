use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::*;

fn now() -> Timestamp {
    Timestamp::parse("2026-11-26T08:00:00Z").unwrap()
}

fn parse(text: &str, prefix: &str) -> Line {
    Reader::new(prefix.to_owned(), Tags::Values).read(text, now())
}

fn check(text: &str, expected: &Expect) {
    let line = parse(text, "p.");
    let stamp = line.timestamp.map(|stamp| format!("{stamp} ")).unwrap_or_default();
    let problems: Vec<_> = line.problems.iter().map(|problem| &problem.message).collect();
    expected.assert_eq(&format!("{stamp}{:?} {problems:?}", line.signals));
}

#[test]
fn a_line_of_words_is_pairs_of_name_and_number() {
    check("a=1 b=-2.5e3 c=true", &expect![[r#"{"p.a": 1.0, "p.b": -2500.0, "p.c": 1.0} []"#]]);
    check("timestamp=1700000000 a=1", &expect![[r#"2023-11-14T22:13:20.000000Z {"p.a": 1.0} []"#]]);
    check(
        "a=1 b b=x c=nan",
        &expect![[
            r#"{"p.a": 1.0} ["\"b\": not name=value", "\"b\": \"x\" is not a number", "\"c\": the value nan is not finite; a 64-bit float is expected"]"#
        ]],
    );
    check("  ", &expect!["{} []"]);
    check("# a=1", &expect!["{} []"]);
    check("\u{feff}a=+.5", &expect![[r#"{"p.a": 0.5} []"#]]);
    check("a = 1 b= 2 c =3", &expect![[r#"{"p.a": 1.0, "p.b": 2.0, "p.c": 3.0} []"#]]);
    check(
        "msg=\"x b=1, c=2\" a=1",
        &expect![[r#"{"p.a": 1.0} ["\"msg\": \"\\\"x b=1, c=2\\\"\" is not a number"]"#]],
    );
    check(
        "a=1 a=2",
        &expect![[r#"{"p.a": 2.0} ["\"a\": it stands twice in the line; the last value counts"]"#]],
    );
}

#[test]
fn lists_and_serial_plotters() {
    check("a=1,b=2;c=3", &expect![[r#"{"p.a": 1.0, "p.b": 2.0, "p.c": 3.0} []"#]]);
    check("a:1,b:2", &expect![[r#"{"p.a": 1.0, "p.b": 2.0} []"#]]);
    check("a: 1 b: 2", &expect![[r#"{"p.a": 1.0, "p.b": 2.0} []"#]]);
    check("ns:a=1 ns:b=2", &expect![[r#"{"p.ns:a": 1.0, "p.ns:b": 2.0} []"#]]);
}

#[test]
fn a_time_with_blanks_is_taken_whole_or_the_line_is_not_used() {
    check("timestamp=2026-11-26 08:15:30 a=1", &expect![[r#"2026-11-26T08:15:30.000000Z {"p.a": 1.0} []"#]]);
    check(
        "a=1, timestamp = 2026-11-26 08:15:30.5 +01:00",
        &expect![[r#"2026-11-26T07:15:30.500000Z {"p.a": 1.0} []"#]],
    );
    check(
        "timestamp=2026-11-26 08:15:30 UTC a=1",
        &expect![[r#"2026-11-26T08:15:30.000000Z {"p.a": 1.0} []"#]],
    );
    check(
        "timestamp=2026-11-26 8h15 a=1",
        &expect![[r#"{} ["timestamp: \"2026-11-26 8h15\" is not a time"]"#]],
    );
    check("timestamp=1764144000.5 a=1", &expect![[r#"2025-11-26T08:00:00.500000Z {"p.a": 1.0} []"#]]);
}

#[test]
fn line_protocol_is_read_with_tags_and_units() {
    check(
        "cpu,host=n1,core=0 user=1.5,system=2i 1764144000000000000",
        &expect![[r#"2025-11-26T08:00:00.000000Z {"p.cpu.0.n1.system": 2.0, "p.cpu.0.n1.user": 1.5} []"#]],
    );
    check("cpu idle=98.5,up=t", &expect![[r#"{"p.cpu.idle": 98.5, "p.cpu.up": 1.0} []"#]]);
    check(
        "a\\ b,x=y\\,z c\\=d=1,text=\"e, f=2\"",
        &expect![[r#"{"p.a b.y,z.c=d": 1.0} ["\"a b.y,z.text\": \"\\\"e, f=2\\\"\" is not a number"]"#]],
    );
}

#[test]
fn lines_that_do_not_come_apart_are_refused_whole() {
    for text in ["a=1,5 b=2", "a,b=1", "a=1,b", "21.5,40", "a=\"1 b=2", "t one: 21.5\tt two: 40"] {
        let line = parse(text, "");
        assert!(line.signals.is_empty() && !line.problems.is_empty(), "{text}: {line:?}");
    }
}

#[test]
fn one_value_of_an_object_that_is_no_json_is_refused_by_its_name() {
    check(
        r#"{"signals": {"a": 21,5, "b": 2, "c": }}"#,
        &expect![[
            r#"{"p.b": 2.0} ["\"a\": \"21,5\" is not a number", "\"c\": the value is missing; a number is expected"]"#
        ]],
    );
}

#[test]
fn a_time_under_another_name_makes_the_line_unusable() {
    for text in [
        "time=2026-11-26T08:00:00Z a=1",
        "ts=1764144000 a=1",
        "t=1764144000.5 a=1",
        "sent_at=1764144000000 a=1",
        "when=11/26/2026 a=1",
        "date=20261126 a=1",
        "a=1 Timestamp=1764144000",
        r#"{"a": 1, "time": 1764144000.5}"#,
        r#"{"time": "2026-11-26T08:00:00Z", "signals": {"a": 1}}"#,
        r#"{"device": "x", "signals": {"a": 1}}"#,
    ] {
        let line = parse(text, "");
        assert!(line.signals.is_empty() && line.problems.len() == 1, "{text}: {line:?}");
    }
}

#[test]
fn an_object_is_one_instants_values() {
    check(r#"{"a": 1, "b": false}"#, &expect![[r#"{"p.a": 1.0, "p.b": 0.0} []"#]]);
    check(
        r#"{"timestamp": "2026-01-01", "signals": {"a": 1, "b": null}}"#,
        &expect![[
            r#"2026-01-01T00:00:00.000000Z {"p.a": 1.0} ["\"b\": the value is null; a number is expected"]"#
        ]],
    );
    check(
        r#"{"a": 1"#,
        &expect![[r#"{} ["not a JSON object: expected a comma or a closing bracket at byte 7"]"#]],
    );
    check(
        r#"{"a": nan, "b": None, "c": +5, "d": 007, "e": "1", "f": [1],}"#,
        &expect![[
            r#"{"p.c": 5.0, "p.d": 7.0} ["\"a\": the value nan is not finite; a 64-bit float is expected", "\"b\": the value None says that there is none; a number is expected", "\"e\": the value is a text; a number is expected", "\"f\": the value is an array; a number is expected"]"#
        ]],
    );
    check(
        r#"{"a": 1} {"b": 2}"#,
        &expect![[r#"{} ["not a JSON object: expected the end of the line at byte 9"]"#]],
    );
}

#[test]
fn a_wrong_timestamp_makes_the_line_unusable() {
    for text in ["a=1 timestamp=yesterday", r#"{"timestamp": "yesterday", "a": 1}"#] {
        let line = parse(text, "");
        assert!(line.signals.is_empty() && line.problems.len() == 1, "{line:?}");
    }
}

proptest! {
    #[test]
    fn any_line_is_answered_without_panic(text in "\\PC{0,60}") {
        let line = parse(&text, "");
        prop_assert!(line.signals.values().all(|value| value.is_finite()));
    }

    #[test]
    fn nearly_lines_are_answered_without_panic(text in "[ab1.=:,; \"\\\\{}-]{0,40}") {
        let line = parse(&text, "");
        let is_whole = |name: &String| !name.contains(' ') || text.contains(['\\', '{']);
        prop_assert!(line.signals.keys().all(is_whole), "{:?}", line);
    }
}

#[test]
fn the_time_of_a_line_of_a_log_is_neither_overlooked_nor_a_name() {
    for text in [
        "2026-11-27 15:00:00 INFO temp=21.5",
        "[15:00:01] temp=22",
        "12:00:00 temp=4",
        "12:00:00 temp: 4",
        "Nov 27 12:00:00 host temp=4",
        "27.11.2026 12:00:00 temp=4",
        "1764144000 temp=4 hum=5",
        "temp=4 2026-11-27T15:00:00Z",
    ] {
        let line = parse(text, "");
        assert!(line.signals.is_empty() && line.problems.len() == 1, "{text}: {line:?}");
        assert!(line.problems[0].message.contains("must be called timestamp"), "{text}: {line:?}");
    }
    check("3:21,4:22", &expect![[r#"{"p.3": 21.0, "p.4": 22.0} []"#]]);
    check("a=1 12 b=2", &expect![[r#"{"p.a": 1.0, "p.b": 2.0} ["\"12\": not name=value"]"#]]);
}

#[test]
fn series_with_other_tags_are_told_apart_or_refused() {
    let read = |tags| {
        let mut reader = Reader::new("p.".to_owned(), tags);
        let lines =
            ["m,host=a v=1", "m,rack=a v=2,w=3", "m,host=a v=4", "m,host=b v=5", "m,host=a.v w=6", "m.a w=7"];
        lines.map(|text| {
            let line = reader.read(text, now());
            let problems: Vec<_> = line.problems.iter().map(|problem| &*problem.message).collect();
            format!("{:?} {}\n", line.signals, problems.join(" "))
        })
    };
    expect![[r#"
        {"p.m.a.v": 1.0} 
        {"p.m.a.w": 3.0} "m.a.v": m,rack=a v has the name of another series, so both are refused from here on; `tags`, if it is pairs, keeps apart what has other tags
        {} "m.a.v": m,host=a v has the name of another series, so both are refused from here on; `tags`, if it is pairs, keeps apart what has other tags
        {"p.m.b.v": 5.0} 
        {"p.m.a.v.w": 6.0} 
        {} "m.a.w": m.a w has the name of another series, so both are refused from here on; `tags`, if it is pairs, keeps apart what has other tags
    "#]]
    .assert_eq(&read(Tags::Values).concat());
    expect![[r#"
        {"p.m.host=a.v": 1.0} 
        {"p.m.rack=a.v": 2.0, "p.m.rack=a.w": 3.0} 
        {"p.m.host=a.v": 4.0} 
        {"p.m.host=b.v": 5.0} 
        {"p.m.host=a.v.w": 6.0} 
        {"p.m.a.w": 7.0} 
    "#]]
    .assert_eq(&read(Tags::Pairs).concat());
}
