//! Objects that are no JSON, or have members that are none of ours: the others are read.

use super::*;

#[test]
fn one_malformed_object_of_an_array_does_not_sink_the_others() {
    check(
        r#"[{"signals":{"a":1}},{"signals":{"b":1,"x":1 "y":2}},{"signals":{"a" 2,"]}":"\"{"}}, {"signals":{"c":3}} ]"#,
        expect![[r#"
            2023-11-14T22:13:20.000000Z a 1.0
            2023-11-14T22:13:20.000000Z c 3.0
            #1 - malformed_json: the text is not JSON at line 1, column 46: expected a comma or a closing bracket
            #2 - malformed_json: the text is not JSON at line 1, column 70: expected a colon
        "#]],
    );
    // Where the object ends cannot be told.
    for object in [
        r#"{"signals":{"b" 1}"#,
        r#"{"signals":{"b" 1}]}"#,
        r#"{"signals":{"b 1}}"#,
        r#"{"signals":{"b" 1}} 5"#,
    ] {
        let text = show(
            format!("[{{\"signals\":{{\"a\":1}}}},{object},{{\"signals\":{{\"c\":3}}}}]").as_bytes(),
            Format::Json,
        );
        assert!(text.starts_with("malformed_json:") && text.lines().count() == 1, "{object}: {text}");
    }
}

/// Places are counted once through the text: with work that grew with its square this would take hours.
#[test]
fn a_million_malformed_objects_are_passed_over_in_one_pass() {
    let text = format!("[{}{{\"signals\":{{\"a\":1}}}}]", "{0},\n".repeat(1_000_000));
    let (_, decoded) = read(text.as_bytes(), Format::Json).unwrap();
    assert_eq!((decoded.batch.len(), decoded.rejected_count), (1, 1_000_000));
    let first: Vec<_> = decoded.rejected.iter().take(2).map(|rejection| &*rejection.message).collect();
    assert!(first[0].contains("line 1, column 3") && first[1].contains("line 2, column 2"), "{first:?}");
}

/// Without a time of its own an object is refused only for members that can be one.
#[test]
fn members_with_a_part_of_a_times_name_are_passed_over_where_their_values_are_no_times() {
    for member in [
        r#""utc_offset":3600"#,
        r#""cpu_clock":240"#,
        r#""dt":0.5"#,
        r#""clock_ok":true"#,
        r#""boot_at":1700000000"#,
    ] {
        let text = show(format!("{{{member},\"signals\":{{\"a\":1}}}}").as_bytes(), Format::Json);
        assert_eq!(text, "2023-11-14T22:13:20.000000Z a 1.0\n", "{member}");
    }
    for member in [r#""created_at":1700000000"#, r#""dt":1700000000"#, r#""t":21"#] {
        let text = show(format!("{{{member},\"signals\":{{\"a\":1}}}}").as_bytes(), Format::Json);
        assert!(text.starts_with("#0 - unknown_member"), "{member}: {text}");
    }
}
