use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::json::Format;
use super::*;
use crate::refusal::Refusal;

mod malformed;
mod times;

const NOW: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);

/// What is read of `body` with a dictionary that takes three names.
fn read(body: &[u8], format: Format) -> Result<(Signals, Decoded), Refusal> {
    let signals = Signals::empty(3);
    let mut collector = Collector::new(signals.clone(), NOW);
    json::decode(body, format, &mut collector)?;
    let mut decoded = collector.take();
    assert!(signals.is_empty(), "reading teaches the dictionary nothing");
    signals.learn(std::slice::from_mut(&mut decoded.batch)).unwrap().keep();
    Ok((signals, decoded))
}

/// Each sample and rejection on a line of its own, or the error.
fn show(body: &[u8], format: Format) -> String {
    match read(body, format) {
        Err(error) => format!("{}: {}\n", error.code.name(), error.message),
        Ok((signals, decoded)) => {
            let name = |id: SignalId| signals.name(id).unwrap();
            let samples = decoded.batch.samples().iter();
            let samples = samples.map(|s| format!("{} {} {:?}\n", s.timestamp, name(s.signal), s.value));
            let rejected = decoded.rejected.iter().map(|r| {
                format!("#{} {} {}: {}\n", r.index, r.signal.as_deref().unwrap_or("-"), r.code, r.message)
            });
            // Git and grep take a text with a raw NUL for no text.
            samples.chain(rejected).collect::<String>().replace('\0', "\\0")
        }
    }
}

fn check(body: &str, expected: Expect) {
    expected.assert_eq(&show(body.as_bytes(), Format::Json));
}

fn check_lines(body: &str, expected: Expect) {
    expected.assert_eq(&show(body.as_bytes(), Format::NdJson));
}

#[test]
fn usable_samples_of_a_body_are_kept() {
    check(
        r#"{"timestamp":"2023-11-14T22:13:20Z","signals":{"a":1.5,"b":-2e3}}"#,
        expect![[r#"
        2023-11-14T22:13:20.000000Z a 1.5
        2023-11-14T22:13:20.000000Z b -2000.0
    "#]],
    );
    check(
        r#" { "signals" : { "a" : true , "b":false } } "#,
        expect![[r#"
        2023-11-14T22:13:20.000000Z a 1.0
        2023-11-14T22:13:20.000000Z b 0.0
    "#]],
    );
    check(
        r#"[{"signals":{"a":1},"timestamp":1700000000},{"timestamp":null,"signals":{"a":2}}]"#,
        expect![[r#"
            2023-11-14T22:13:20.000000Z a 1.0
            2023-11-14T22:13:20.000000Z a 2.0
        "#]],
    );
    check(
        r#"{"signals":{"t\u00e9\ud83d\ude00\"":0.1}}"#,
        expect![[r#"
        2023-11-14T22:13:20.000000Z té😀" 0.1
    "#]],
    );
}

#[test]
fn an_array_with_an_object_on_each_line_is_lines_of_json() {
    check_lines(
        "[\n{\"signals\":{\"a\":1}},\n,{\"signals\":{\"b\":2}}\n ] \n",
        expect![[r#"
            2023-11-14T22:13:20.000000Z a 1.0
            2023-11-14T22:13:20.000000Z b 2.0
        "#]],
    );
    check_lines(
        "{\"signals\":{\"a\":1}} ]\n,\n",
        expect![[r#"
            #0 - malformed_json: the text is not JSON at line 1, column 21: expected the end of the text
            #1 - malformed_json: the text is not JSON at line 1, column 2: expected a value
        "#]],
    );
}

#[test]
fn what_is_not_wholly_known_is_refused() {
    check(
        r#"[{"signals":{"a\ud800":1,"a\udc00x":2,"b":3}},{"timestamp":1.76414e+09,"signals":{"a":1}}]"#,
        expect![[r#"
            2023-11-14T22:13:20.000000Z b 3.0
            #0 a� bad_signal_name: the signal's name has the character U+FFFD, which stands for one that could not be read; a new signal's name is UTF-8, and in JSON has no half of a surrogate pair
            #0 a�x bad_signal_name: the signal's name has the character U+FFFD, which stands for one that could not be read; a new signal's name is UTF-8, and in JSON has no half of a surrogate pair
            #1 - bad_timestamp: the timestamp "1.76414e+09", which has no digit for the second, is not one; allowed are ISO 8601 such as 2026-01-31T12:00:00.5Z or 2026-01-31T13:00:00+01:00, or an epoch in s, ms, us or ns, between the years 1 and 9999
        "#]],
    );
}

#[test]
fn one_bad_sample_does_not_sink_the_others() {
    check(
        r#"{"signals":{"a":"1","b":2,"c":null,"d":[1],"e":{"f":1}}}"#,
        expect![[r#"
        2023-11-14T22:13:20.000000Z b 2.0
        #0 a not_a_number: the value is a text; a number is expected
        #0 c not_a_number: the value is null; a number is expected
        #0 d not_a_number: the value is an array; a number is expected
        #0 e not_a_number: the value is an object; a number is expected
    "#]],
    );
    check(
        r#"{"signals":{"a":NaN,"b":-Infinity,"c":1e999,"d":-1e999,"e":1}}"#,
        expect![[r#"
        2023-11-14T22:13:20.000000Z e 1.0
        #0 a not_finite: the value NaN is not finite; a 64-bit float is expected
        #0 b not_finite: the value -Infinity is not finite; a 64-bit float is expected
        #0 c not_finite: the value 1e999 is not finite; a 64-bit float is expected
        #0 d not_finite: the value -1e999 is not finite; a 64-bit float is expected
    "#]],
    );
    check(
        "{\"signals\":{\"\":1,\"a\\u0000\":1,\"b\n\":1,\"ok\":1}}",
        expect![[r#"
        2023-11-14T22:13:20.000000Z ok 1.0
        #0  bad_signal_name: the signal's name is empty; it takes 1 to 256 bytes
        #0 a\0 bad_signal_name: the signal's name has the control character U+0000; none is allowed
        #0 b
         bad_signal_name: the signal's name has the control character U+000A; none is allowed
    "#]],
    );
    check(
        r#"[1,{"signals":{}},{"signals":5},{},{"timestamp":"soon","signals":{"a":1}},{"signals":{"a":1}}]"#,
        expect![[r#"
            2023-11-14T22:13:20.000000Z a 1.0
            #0 - not_an_object: this is a number; an object with timestamp and signals is expected
            #1 - empty_signals: signals is empty; it takes at least one name and number
            #2 - bad_signals: signals is a number; an object {name: number} is expected
            #3 - bad_signals: the object has no signals; it takes {"signals": {name: number}}
            #4 - bad_timestamp: the timestamp "soon" is not one; allowed are ISO 8601 such as 2026-01-31T12:00:00.5Z or 2026-01-31T13:00:00+01:00, or an epoch in s, ms, us or ns, between the years 1 and 9999
        "#]],
    );
    check(
        r#"[{"signals":{"a":1},"timestamp":1.5},{"timestamp":1700000301,"signals":{"a":1}},{"signals":{"a":3}}]"#,
        expect![[r#"
            1970-01-01T00:00:01.500000Z a 1.0
            2023-11-14T22:13:20.000000Z a 3.0
            #1 - timestamp_ahead: 2023-11-14T22:18:21.000000Z is more than 5 minutes ahead of the server's 2023-11-14T22:13:20.000000Z
        "#]],
    );
    check(
        r#"{"signals":{"a":1,"b":2,"c":3,"d":4,"a":5}}"#,
        expect![[r#"
        2023-11-14T22:13:20.000000Z a 1.0
        2023-11-14T22:13:20.000000Z b 2.0
        2023-11-14T22:13:20.000000Z c 3.0
        2023-11-14T22:13:20.000000Z a 5.0
        #0 d too_many_signals: the limit of 3 signals is reached and this one is new; --signal-limit raises it
    "#]],
    );
}

#[test]
fn one_bad_token_does_not_sink_the_others() {
    check(
        r#"{"signals":{"a":nan,"b":-nan(ind),"c":1.#INF,"a":-inf,"b":None,"c":0x1F,"a":True,"b":+5,"c":.5}}"#,
        expect![[r#"
            2023-11-14T22:13:20.000000Z a 1.0
            2023-11-14T22:13:20.000000Z b 5.0
            2023-11-14T22:13:20.000000Z c 0.5
            #0 a not_finite: the value nan is not finite; a 64-bit float is expected
            #0 b not_finite: the value -nan(ind) is not finite; a 64-bit float is expected
            #0 c not_finite: the value 1.#INF is not finite; a 64-bit float is expected
            #0 a not_finite: the value -inf is not finite; a 64-bit float is expected
            #0 b not_a_number: the value None says that there is none; a number is expected
            #0 c not_a_number: "0x1F" is not a number
        "#]],
    );
    check(
        r#"{"signals":{"a":00.254,"b":5.,"c":-.5e1,}}"#,
        expect![[r#"
        2023-11-14T22:13:20.000000Z a 0.254
        2023-11-14T22:13:20.000000Z b 5.0
        2023-11-14T22:13:20.000000Z c -5.0
    "#]],
    );
    check(
        r#"[{"signals":{,"a":1,,"b":2,}},,{"signals":{"a":tru}},]"#,
        expect![[r#"
        2023-11-14T22:13:20.000000Z a 1.0
        2023-11-14T22:13:20.000000Z b 2.0
        #1 a not_a_number: "tru" is not a number
    "#]],
    );
    check(
        r#"{"signals":{"a":1,5}}"#,
        expect![[r#"
            #0 a not_a_number: "1,5" is not a number
        "#]],
    );
    check(
        r#"{"signals":{"a": 21,5, "b": ,"c":1 234.5,"b":21.5 C ,"a":'nan',"x":1,"c": }}"#,
        expect![[r#"
            2023-11-14T22:13:20.000000Z x 1.0
            #0 a not_a_number: "21,5" is not a number
            #0 b not_a_number: the value is missing; a number is expected
            #0 c not_a_number: "1 234.5" is not a number
            #0 b not_a_number: "21.5 C" is not a number
            #0 a not_a_number: "'nan'" is not a number
            #0 c not_a_number: the value is missing; a number is expected
        "#]],
    );
    // Where the value ends cannot be told.
    for value in ["1 \"b\":2", "1:2", "[1", "'a\"", "1]"] {
        let text = show(format!("{{\"signals\":{{\"a\":{value},\"c\":3}}}}").as_bytes(), Format::Json);
        assert!(text.starts_with("malformed_json:") && text.lines().count() == 1, "{value}: {text}");
    }
    check(
        r#"{"signals":{"a":nan"#,
        expect![[r#"
        malformed_json: the text is not JSON at line 1, column 17: expected a value
    "#]],
    );
    expect![[r#"
        2023-11-14T22:13:20.000000Z a 1.0
        #1 - malformed_json: the line is not UTF-8 at byte 13
    "#]]
    .assert_eq(&show(b"{\"signals\":{\"a\":1}}\n{\"signals\":{\"\xff\":1}}\n", Format::NdJson));
    expect![[r#"
        2023-11-14T22:13:20.000000Z a 1.0
    "#]]
    .assert_eq(&show(b"\xef\xbb\xbf{\"signals\":{\"a\":1}}", Format::Json));
    expect![[r#"
        malformed_json: the text begins with the byte order mark of UTF-16; only UTF-8 is read
    "#]]
    .assert_eq(&show(b"\xff\xfe{\0", Format::Json));
    // Two files that were joined.
    expect![[r#"
        2023-11-14T22:13:20.000000Z a 1.0
        2023-11-14T22:13:20.000000Z a 2.0
    "#]]
    .assert_eq(&show(
        b"\xef\xbb\xbf{\"signals\":{\"a\":1}}\n\xef\xbb\xbf{\"signals\":{\"a\":2}}\n",
        Format::NdJson,
    ));
}

#[test]
fn a_table_is_read_by_its_header() {
    let show = |body: &str| {
        let signals = Signals::empty(3);
        let mut collector = Collector::new(signals.clone(), NOW);
        match csv::decode(body.as_bytes(), afterglow_formats::table::Options::default(), &mut collector) {
            Err(refusal) => format!("{}: {}\n", refusal.code.name(), refusal.message),
            Ok(()) => {
                let mut decoded = collector.take();
                signals.learn(std::slice::from_mut(&mut decoded.batch)).unwrap().keep();
                let samples = decoded.batch.samples().iter();
                let samples = samples
                    .map(|s| format!("{} {} {:?}\n", s.timestamp, signals.name(s.signal).unwrap(), s.value));
                let rejected =
                    decoded.rejected.iter().map(|r| format!("#{} {:?} {}\n", r.index, r.signal, r.message));
                let warnings = decoded.warnings.iter().map(|warning| format!("{warning}\n"));
                samples.chain(rejected).chain(warnings).collect()
            }
        }
    };
    expect![[r#"
        2023-11-14T00:00:00.000000Z a 1.5
        #1 Some("a_2") "x" is not a number
        #2 Some("a") 2099-01-01T00:00:00.000000Z is more than 5 minutes ahead of the server's 2023-11-14T22:13:20.000000Z
        line 1: two columns have the same name "a"; column 3 is called "a_2"
    "#]].assert_eq(&show("time;a;a\n2023-11-14;1,5;x\n2099-01-01;1;\n"));
    expect![[r#"
        empty_body: the body is empty; send a header and rows
    "#]]
    .assert_eq(&show(" \n"));
    expect![[r#"
        malformed_csv: the first line must name the columns; timestamp,signal,value is expected, or timestamp and one column per signal. It has "a", "b", none of which is called timestamp, time or date; `time` says which column is the time, `separator` what stands between columns
    "#]].assert_eq(&show("a,b\n1,2\n"));
}

#[test]
fn half_a_character_is_refused_and_what_follows_stays() {
    check(
        r#"{"signals":{"a\ud800\u0041":1,"\ud800":2,"\udc00\ud83d\ude00":3}}"#,
        expect![[r#"
            #0 a�A bad_signal_name: the signal's name has the character U+FFFD, which stands for one that could not be read; a new signal's name is UTF-8, and in JSON has no half of a surrogate pair
            #0 � bad_signal_name: the signal's name has the character U+FFFD, which stands for one that could not be read; a new signal's name is UTF-8, and in JSON has no half of a surrogate pair
            #0 �😀 bad_signal_name: the signal's name has the character U+FFFD, which stands for one that could not be read; a new signal's name is UTF-8, and in JSON has no half of a surrogate pair
        "#]],
    );
}

#[test]
fn what_is_refused_takes_no_place_among_the_names() {
    check_lines(
        "{\"signals\":{\"x\":1,\"y\":1},\"timestamp\":\"soon\"}\n{\"signals\":{\"x\":1,\"y\":1,\"z\":1}\n\
         {\"signals\":{\"a\":1,\"b\":2,\"x\":3}}\n{\"signals\":{\"a\":4,\"b\":5,\"y\":6}}",
        expect![[r#"
            2023-11-14T22:13:20.000000Z a 1.0
            2023-11-14T22:13:20.000000Z b 2.0
            2023-11-14T22:13:20.000000Z x 3.0
            2023-11-14T22:13:20.000000Z a 4.0
            2023-11-14T22:13:20.000000Z b 5.0
            #0 - bad_timestamp: the timestamp "soon" is not one; allowed are ISO 8601 such as 2026-01-31T12:00:00.5Z or 2026-01-31T13:00:00+01:00, or an epoch in s, ms, us or ns, between the years 1 and 9999
            #1 - malformed_json: the text is not JSON at line 1, column 31: expected a comma or a closing bracket
            #3 y too_many_signals: the limit of 3 signals is reached and this one is new; --signal-limit raises it
        "#]],
    );
}

#[test]
fn lines_are_judged_one_by_one() {
    check_lines(
        "{\"signals\":{\"a\":1}}\n\n{\"signals\":{\"a\":2\n[]\n{\"signals\":{\"a\":3}}\r\n",
        expect![[r#"
            2023-11-14T22:13:20.000000Z a 1.0
            2023-11-14T22:13:20.000000Z a 3.0
            #2 - malformed_json: the text is not JSON at line 1, column 18: expected a comma or a closing bracket
            #3 - not_an_object: this is an array; an object with timestamp and signals is expected
        "#]],
    );
}

#[test]
fn an_unreadable_body_is_refused_with_what_is_wrong() {
    check(
        "",
        expect![[r#"
        empty_body: the body is empty; send {"timestamp": ..., "signals": {name: number}}
    "#]],
    );
    check(
        " \n",
        expect![[r#"
        empty_body: the body is empty; send {"timestamp": ..., "signals": {name: number}}
    "#]],
    );
    check(
        "[]",
        expect![[r#"
        #0 - empty_signals: the array is empty; it takes at least one object
    "#]],
    );
    check(
        "7",
        expect![[r#"
        not_an_object: the body is a number; send an object or an array of objects
    "#]],
    );
    check(
        r#"{"signals":{"a":1}"#,
        expect![[r#"
        malformed_json: the text is not JSON at line 1, column 19: expected a comma or a closing bracket
    "#]],
    );
    check(
        r#"{"signals":{"a":01}}"#,
        expect![[r#"
            2023-11-14T22:13:20.000000Z a 1.0
        "#]],
    );
    check(
        r#"{"signals":{"a":1.}}"#,
        expect![[r#"
            2023-11-14T22:13:20.000000Z a 1.0
        "#]],
    );
    check(
        "{\"signals\":\n{\"a\":1}} x",
        expect![[r#"
        malformed_json: the text is not JSON at line 2, column 10: expected the end of the text
    "#]],
    );
    check(
        r#"{'signals':{}}"#,
        expect![[r#"
        malformed_json: the text is not JSON at line 1, column 2: expected a key in double quotes
    "#]],
    );
    check(
        r#"{"signals":{"a\x":1}}"#,
        expect![[r#"
        malformed_json: the text is not JSON at line 1, column 17: expected one of the escapes \" \\ \/ \b \f \n \r \t \u
    "#]],
    );
    expect![[r#"
        malformed_json: the body is not UTF-8 at byte 13
    "#]]
    .assert_eq(&show(b"{\"signals\":{\"\xff\":1}}", Format::Json));
    let deep = format!(r#"{{"x":{}{}}}"#, "[".repeat(70), "]".repeat(70));
    check(
        &deep,
        expect![[r#"
        malformed_json: the text is not JSON at line 1, column 71: expected less deeply nested values
    "#]],
    );
}

#[test]
fn an_answer_stays_small_however_much_is_wrong() {
    let body = format!(r#"{{"signals":{{{}}}}}"#, vec![r#""a":null"#; 5_000].join(","));
    let (_, decoded) = read(body.as_bytes(), Format::Json).unwrap();
    assert_eq!((decoded.rejected_count, decoded.rejected.len()), (5_000, REJECTIONS_LISTED));
}

proptest! {
    #[test]
    fn any_bytes_are_answered_without_panic(body in proptest::collection::vec(any::<u8>(), 0..200)) {
        show(&body, Format::Json);
        show(&body, Format::NdJson);
    }

    #[test]
    fn nearly_json_is_answered_without_panic(body in "[\\[\\]{}\",:0-9eE.NIa\\\\ufntrue+-]{0,60}") {
        show(body.as_bytes(), Format::Json);
    }

    #[test]
    fn every_float_arrives_bit_for_bit(value in proptest::num::f64::NORMAL | proptest::num::f64::ZERO | proptest::num::f64::SUBNORMAL) {
        for text in [format!("{value:?}"), format!("{value}"), format!("{value:e}")] {
            let body = format!(r#"{{"signals":{{"a":{text}}}}}"#);
            let (_, decoded) = read(body.as_bytes(), Format::Json).unwrap();
            prop_assert_eq!(decoded.batch.samples()[0].value.to_bits(), value.to_bits(), "{}", text);
        }
    }

    #[test]
    fn short_decimals_arrive_bit_for_bit(mantissa in -999_999_999_999_i64..1_000_000_000_000, places in 0..12_usize) {
        let text = format!("{:.*}", places, mantissa as f64 / 1e6);
        let body = format!(r#"{{"signals":{{"a":{text}}}}}"#);
        let (_, decoded) = read(body.as_bytes(), Format::Json).unwrap();
        prop_assert_eq!(decoded.batch.samples()[0].value.to_bits(), text.parse::<f64>().unwrap().to_bits());
    }
}

#[test]
fn invisible_characters_are_refused_in_new_names_only() {
    let body = "{\"signals\": {\"a\u{200b}\": 1, \"b\": 2}}".as_bytes();
    let codes = |signals: Signals| {
        let mut collector = Collector::new(signals, NOW);
        json::decode(body, Format::Json, &mut collector).unwrap();
        let decoded = collector.take();
        let codes = decoded.rejected.iter().map(|rejection| rejection.code.clone()).collect::<Vec<_>>();
        (decoded.batch.len(), codes)
    };
    assert_eq!(codes(Signals::empty(3)), (1, vec![Code::BadSignalName.name().into()]));
    assert_eq!(codes(Signals::new(vec!["a\u{200b}".to_owned()], 3)), (2, vec![]));
}

#[test]
fn no_body_breaks_the_decoder() {
    let corpus = [
        r#"{"timestamp":"2026-01-01T00:00:00.123456+05:30","signals":{"a":1,"b.c":-2.5e-3,"d\u00e9\ud83d\ude00":true}}"#,
        r#"[{"timestamp":1700000000,"signals":{"a":0}},{"timestamp":1700000000000000000,"signals":{"a":null,"b":"x"}}]"#,
        "{\"signals\":{\"a\":1}}\n\n{\"signals\":{\"a\":2},\"other\":[{\"deep\":[[[]]]}]}\n",
        r#"{"signals":{"a":NaN,"b":Infinity,"c":-Infinity,"a":1e400}}"#,
    ]
    .map(|text| text.as_bytes().to_vec());
    let signals = Signals::empty(1_000);
    crate::fuzz::each(50, &corpus, |input| {
        for format in [json::Format::Json, json::Format::NdJson] {
            let now = Timestamp::from_micros(1_800_000_000_000_000);
            let mut collector = Collector::new(signals.clone(), now).at_most(100);
            if json::decode(input, format, &mut collector).is_ok() {
                let decoded = collector.take();
                assert!(decoded.batch.len() + decoded.rejected_count <= 100);
                assert!(decoded.batch.samples().iter().all(|sample| sample.value.is_finite()));
            }
        }
    });
}
