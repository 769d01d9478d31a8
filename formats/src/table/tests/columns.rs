//! What the names of columns say, and what stands behind values.

use super::*;

#[test]
fn columns_of_a_long_table_that_are_in_no_name_are_noted_or_make_it() {
    let text = "time,device,metric,value\n2026-01-02,d1,t,1\n2026-01-02,d2,t,2\n";
    check(
        text,
        expect![[r#"
            2026-01-02T00:00:00 t 1.0
            2026-01-02T00:00:00 t 2.0
            line 1 note: passed over are the columns "device"; where they tell signals apart, `signal` may name them beside "metric"
        "#]],
    );
    let signal = |names: &[&str]| Options {
        signal: names.iter().map(|name| (*name).to_owned()).collect(),
        ..Options::default()
    };
    check_with(
        signal(&["device", "metric"]),
        text,
        expect![[r#"
            2026-01-02T00:00:00 d1.t 1.0
            2026-01-02T00:00:00 d2.t 2.0
        "#]],
    );
    check_with(
        signal(&["device", "x"]),
        text,
        expect![[r#"
            refused: `signal` names the column "x"; the file has "time", "device", "metric", "value"
        "#]],
    );
}

#[test]
fn an_option_of_a_long_table_is_never_ignored() {
    let value = |name: &str| Options { value: Some(name.into()), ..Options::default() };
    check_with(
        value("b"),
        "time,a,b\n2026-01-02,1,2\n",
        expect![[r#"
            refused: `value` names the column "b", and no column has the signals' names; `signal` says which one
        "#]],
    );
    check_with(
        Options { signal: vec!["a".into()], ..Options::default() },
        "time,a,b\n2026-01-02,1,2\n",
        expect![[r#"
            refused: `signal` names the column "a", and no column has the values; `value` says which one
        "#]],
    );
    check_with(
        Options { signal: vec!["a".into()], ..value("a") },
        "time,a,b\n2026-01-02,1,2\n",
        expect![[r#"
            refused: `signal` and `value` both name the column "a"
        "#]],
    );
}

#[test]
fn columns_of_other_programs_are_signals_in_files_of_none_of_them() {
    check(
        "time,result,table,entry_id\n2026-01-02,1,2,3\n",
        expect![[r#"
            2026-01-02T00:00:00 result 1.0
            2026-01-02T00:00:00 table 2.0
            2026-01-02T00:00:00 entry_id 3.0
        "#]],
    );
    check(
        ",result,table,_time,a\n,,0,2026-01-02T00:00:00Z,1\n",
        expect![[r#"
            2026-01-02T00:00:00 a 1.0
            line 1 note: column 1 has no name and is passed over
        "#]],
    );
}

#[test]
fn a_separator_leaves_a_column_for_the_time() {
    check(
        "Time;Temp, in;Hum, out\n2026-01-02;1,5;2\n",
        expect![[r#"
            2026-01-02T00:00:00 Temp, in 1.5
            2026-01-02T00:00:00 Hum, out 2.0
        "#]],
    );
    check(
        "a;b;c\ttime\n1\t2026-01-02\n",
        expect![[r#"
            2026-01-02T00:00:00 a;b;c 1.0
        "#]],
    );
}

#[test]
fn an_hour_beside_a_date_is_noted_or_used() {
    let text = "date,hour,temp\n2026-01-02,8,1\n2026-01-02,23,2\n";
    check(
        text,
        expect![[r#"
            2026-01-02T00:00:00 hour 8.0
            2026-01-02T00:00:00 temp 1.0
            2026-01-02T00:00:00 hour 23.0
            2026-01-02T00:00:00 temp 2.0
            line 1 note: a row's time is that of its column "date" alone; `time` may name "hour" too
        "#]],
    );
    check_with(
        Options { time: vec!["date".into(), "hour".into()], ..Options::default() },
        text,
        expect![[r#"
            2026-01-02T08:00:00 temp 1.0
            2026-01-02T23:00:00 temp 2.0
        "#]],
    );
}

#[test]
fn brackets_behind_the_time_say_a_unit_or_a_zone() {
    let first = |name: &str, cell: &str| {
        let text = read(format!("{name},a\n{cell},1\n").as_bytes(), Options::default());
        text.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    for (name, cell, expected) in [
        ("Time (CET)", "2026-01-02 08:00", "2026-01-02T07:00:00 a 1.0"),
        ("Timestamp (GMT-05:00)", "2026-01-02 08:00", "2026-01-02T13:00:00 a 1.0"),
        ("Time (UTC+1)", "2026-01-02 08:00", "2026-01-02T07:00:00 a 1.0"),
        ("Time [+0530]", "2026-01-02 08:00", "2026-01-02T02:30:00 a 1.0"),
        ("Time (UTC)", "2026-01-02 08:00", "2026-01-02T08:00:00 a 1.0"),
        ("Time (America/New_York)", "2026-07-02 08:00", "2026-07-02T12:00:00 a 1.0"),
        ("Time (America/New_York)", "2026-07-02 08:00Z", "2026-07-02T08:00:00 a 1.0"),
        ("timestamp (epoch ms)", "1767312000500", "2026-01-02T00:00:00.5 a 1.0"),
        ("timestamp (epoch)", "1767312000", "2026-01-02T00:00:00 a 1.0"),
        ("time (millis)", "500", "1970-01-01T00:00:00.5 a 1.0"),
        ("Time [min]", "2", "1970-01-01T00:02:00 a 1.0"),
        ("Time (h)", "1.5", "1970-01-01T01:30:00 a 1.0"),
        ("time_ms", "1500", "1970-01-01T00:00:01.5 a 1.0"),
    ] {
        assert_eq!(first(name, cell), [expected], "{name}");
    }
    for name in ["Time (local)", "Time (UTC+15)", "Time (furlongs)", "Time [dd mm]"] {
        let said = first(name, "2026-01-02");
        assert!(said.len() == 2 && said[1].contains("no unit or zone that is known"), "{name}: {said:?}");
    }
    check_with(
        Options { zone: Some("Europe/Berlin".parse().unwrap()), ..Options::default() },
        "Date,Time (America/New_York),a\n2026-01-02,08:00,1\n",
        expect![[r#"
            2026-01-02T07:00:00 a 1.0
            line 1 note: the column "time (america/new_york)" names a zone; `zone` counts instead
        "#]],
    );
    // It holds for its own table only.
    check(
        "Time (America/New_York),a\n2026-01-02 08:00,1\ntime,b\n2026-01-02 08:00,2\n",
        expect![[r#"
            2026-01-02T13:00:00 a 1.0
            2026-01-02T08:00:00 b 2.0
            line 3 note: another header; from here on its columns count
        "#]],
    );
}

#[test]
fn the_hour_that_comes_twice_is_told_apart_for_each_series() {
    check_with(
        Options { zone: Some("Europe/Berlin".parse().unwrap()), ..Options::default() },
        "timestamp,signal,value\n2025-10-26 02:15,a,1\n2025-10-26 02:45,a,2\n2025-10-26 02:15,a,3\n\
         2025-10-26 02:15,b,1\n2025-10-26 02:45,a,4\n2025-10-26 02:45,b,2\n2025-10-26 02:15,b,3\n",
        expect![[r#"
            2025-10-26T00:15:00 a 1.0
            2025-10-26T00:45:00 a 2.0
            2025-10-26T01:15:00 a 3.0
            2025-10-26T00:15:00 b 1.0
            2025-10-26T01:45:00 a 4.0
            2025-10-26T00:45:00 b 2.0
            2025-10-26T01:15:00 b 3.0
            line 2 note: clocks in Europe/Berlin show "2025-10-26 02:15" twice; rows are taken in their order, the first ones before the clocks are set back
        "#]],
    );
}

#[test]
fn what_follows_a_number_is_a_unit_of_the_whole_column_or_refused() {
    check(
        "time;a;b\n2026-01-02;20 °C;68\n2026-01-03;68;20 °C\n2026-01-04;21 °C;70\n",
        expect![[r#"
            2026-01-02T00:00:00 a 20.0
            2026-01-02T00:00:00 b 68.0
            2026-01-04T00:00:00 a 21.0
            2026-01-04T00:00:00 b 70.0
            line 3 a not_a_number: "68" has no unit, and the rows before have the unit °C
            line 3 b not_a_number: "20 °C" has the unit °C, and the rows before have no unit
        "#]],
    );
    check(
        "time,signal,value\n2026-01-02,a,20 °C\n2026-01-02,b,5\n2026-01-02,b,6 %\n",
        expect![[r#"
            2026-01-02T00:00:00 a 20.0
            2026-01-02T00:00:00 b 5.0
            line 4 b not_a_number: "6 %" has the unit %, and the rows before have no unit
        "#]],
    );
    for tail in [" K", " k", " Mil", " M", " error", " *", " (bad)", " FAULT!", " n/a", " ?"] {
        let text = read(format!("time,a\n2026-01-02,33.9{tail}\n").as_bytes(), Options::default());
        assert!(text.starts_with("line 2 a not_a_number:"), "{tail}: {text}");
    }
    for tail in [" °C", "°", " %", " kW", " m/s", " badgers", " Pa", " in\"\"Hg"] {
        let text = read(format!("time,a\n2026-01-02,\"33.9{tail}\"\n").as_bytes(), Options::default());
        assert_eq!(text, "2026-01-02T00:00:00 a 33.9\n", "{tail}");
    }
}

/// `time_hour` is an hour of the day and no time in hours, and nothing needs a unit to be nothing.
#[test]
fn what_names_an_hour_is_a_signal_and_zero_has_every_unit() {
    check(
        "date,time_hour,humidity\n2026-01-02,8,12 %\n2026-01-03,9,0\n2026-01-04,9,13 %\n",
        expect![[r#"
            2026-01-02T00:00:00 time_hour 8.0
            2026-01-02T00:00:00 humidity 12.0
            2026-01-03T00:00:00 time_hour 9.0
            2026-01-03T00:00:00 humidity 0.0
            2026-01-04T00:00:00 time_hour 9.0
            2026-01-04T00:00:00 humidity 13.0
        "#]],
    );
}

#[test]
fn series_that_make_one_name_are_told_apart_or_refused() {
    let text = "#datatype,string,long,dateTime:RFC3339,double,string,string,string\n,result,table,_time,_value,_field,_measurement,host\n\
                ,,0,2026-01-02T00:00:00Z,1,v,m,a\n\n\
                #datatype,string,long,dateTime:RFC3339,double,string,string,string\n,result,table,_time,_value,_field,_measurement,rack\n\
                ,,1,2026-01-02T00:00:00Z,2,v,m,a\n,,1,2026-01-02T00:00:00Z,3,v,m,b\n";
    check(
        text,
        expect![[r#"
            2026-01-02T00:00:00 m.a.v 1.0
            2026-01-02T00:00:00 m.b.v 3.0
            line 7 m.a.v bad_signal_name: _measurement="m",rack="a",_field="v" has the name of another series, so both are refused from here on; `tags`, if it is pairs, keeps apart what has other tags
        "#]],
    );
    check_with(
        Options { tags: Tags::Pairs, ..Options::default() },
        text,
        expect![[r#"
            2026-01-02T00:00:00 m.host=a.v 1.0
            2026-01-02T00:00:00 m.rack=a.v 2.0
            2026-01-02T00:00:00 m.rack=b.v 3.0
        "#]],
    );
    // A text may have a dot in it, or be missing.
    let options = Options { signal: vec!["a".into(), "b".into(), "c".into()], ..Options::default() };
    check_with(
        options,
        "time,a,b,c,value\n2026-01-02,x.y,z,,1\n2026-01-03,x,y.z,,2\n2026-01-04,x.y,,w,3\n2026-01-05,,x.y,w,4\n2026-01-06,k,l,m,5\n",
        expect![[r#"
            2026-01-02T00:00:00 x.y.z 1.0
            2026-01-04T00:00:00 x.y.w 3.0
            2026-01-06T00:00:00 k.l.m 5.0
            line 3 x.y.z bad_signal_name: a="x",b="y.z" has the name of another series, so both are refused from here on; `tags`, if it is pairs, keeps apart what has other tags
            line 5 x.y.w bad_signal_name: b="x.y",c="w" has the name of another series, so both are refused from here on; `tags`, if it is pairs, keeps apart what has other tags
        "#]],
    );
}

#[test]
fn dates_have_the_order_that_an_option_says() {
    let text = "Date;Time;a\n03/04/2026;08:00;1\n03/04/2026;8:15 PM;2\n26/04/2026;;3\n3.4.2026;;4\n";
    let dates = |text| Options { dates: Dates::read(text).ok(), ..Options::default() };
    check_with(
        dates("dmy"),
        text,
        expect![[r#"
            2026-04-03T08:00:00 a 1.0
            2026-04-03T20:15:00 a 2.0
            2026-04-26T00:00:00 a 3.0
            2026-04-03T00:00:00 a 4.0
        "#]],
    );
    check_with(
        dates("mdy"),
        text,
        expect![[r#"
            2026-03-04T08:00:00 a 1.0
            2026-03-04T20:15:00 a 2.0
            2026-03-04T00:00:00 a 4.0
            line 4 - bad_timestamp: the timestamp "26/04/2026" is not one whose month comes first, as `dates` says
        "#]],
    );
    check_with(
        dates(""),
        text,
        expect![[r#"
            2026-04-03T00:00:00 a 4.0
            line 2 - bad_timestamp: the timestamp "03/04/2026 08:00" has the day or the month first; `dates` says which, dmy or mdy
            line 3 - bad_timestamp: the timestamp "03/04/2026 8:15 PM" has the day or the month first; `dates` says which, dmy or mdy
            line 4 - bad_timestamp: the timestamp "26/04/2026" has the day or the month first; `dates` says which, dmy or mdy
        "#]],
    );
}

#[test]
fn what_may_be_a_multiplier_is_a_unit_where_the_file_says_so() {
    check(
        "time;T [K];B (T);Hall (last)\n2026-01-02;300 K;1,5 T;1,2 K\n2026-01-03;301 k;2 G;\n2026-01-04;302;;\n",
        expect![[r#"
            2026-01-02T00:00:00 T [K] 300.0
            2026-01-02T00:00:00 B (T) 1.5
            line 2 Hall (last) not_a_number: "1,2 K" is not a number: "K" may be a multiplier; where it is the unit, the column's name says so in brackets, or a row of units below it
            line 3 T [K] not_a_number: "301 k" is not a number: "k" may be a multiplier; where it is the unit, the column's name says so in brackets, or a row of units below it
            line 3 B (T) not_a_number: "2 G" is not a number: "G" may be a multiplier; where it is the unit, the column's name says so in brackets, or a row of units below it
            line 4 T [K] not_a_number: "302" has no unit, and the rows before have the unit K
        "#]],
    );
    check(
        "time,a,b\ns,K,°C\n,float,float\n2026-01-02,300 K,1.2 K\n",
        expect![[r#"
            2026-01-02T00:00:00 a 300.0
            line 2 note: the row has no numbers and is taken for the columns' units
            line 3 note: the row has no numbers and is taken for the columns' units
            line 4 b not_a_number: "1.2 K" is not a number: "K" may be a multiplier; where it is the unit, the column's name says so in brackets, or a row of units below it
        "#]],
    );
    let options = Options { signal: vec!["name".into()], value: Some("T (K)".into()), ..Options::default() };
    check_with(
        options,
        "time,name,T (K)\n2026-01-02,a,300 K\n",
        expect![[r#"
            2026-01-02T00:00:00 a 300.0
        "#]],
    );
}

#[test]
fn latitudes_and_longitudes_have_the_sign_of_their_point_of_the_compass() {
    check(
        "time;lat;lon\n2026-01-02;33.9° S;18.4°E\n2026-01-03;33.9°N;0.1° W\n2026-01-04;0°S;180° W\n2026-01-05;33.9;18.4° N\n",
        expect![[r#"
            2026-01-02T00:00:00 lat -33.9
            2026-01-02T00:00:00 lon 18.4
            2026-01-03T00:00:00 lat 33.9
            2026-01-03T00:00:00 lon -0.1
            2026-01-04T00:00:00 lat 0.0
            2026-01-04T00:00:00 lon -180.0
            line 5 lat not_a_number: "33.9" has no unit, and the rows before have the unit °N or °S
            line 5 lon not_a_number: "18.4° N" has the unit °N or °S, and the rows before have the unit °E or °W
        "#]],
    );
    // A bearing, and a sign too many.
    for cell in ["180° S", "270° W", "350° N", "-33.9° S", "-1°E"] {
        let text = read(format!("time,a\n2026-01-02,{cell}\n").as_bytes(), Options::default());
        assert!(
            text.starts_with("line 2 a not_a_number:") && text.contains("no latitude or longitude"),
            "{text}"
        );
    }
}

#[test]
fn of_two_lines_that_may_be_the_header_none_is_taken() {
    let text = "Date,Station 5\nTimestamp,Temp\n2026-01-02,1\n";
    check(
        text,
        expect![[r#"
            line 2 - malformed_csv: it may be the header, and so may the line above it; `time` says which, by the name of its column of times
            line 3 - malformed_csv: it is no header that says which column is the time, as another table begins with
        "#]],
    );
    let time = |name: &str| Options { time: vec![name.to_owned()], ..Options::default() };
    check_with(
        time("timestamp"),
        text,
        expect![[r#"
            2026-01-02T00:00:00 Temp 1.0
            line 2 note: what stands before the header is passed over; lines: 1
        "#]],
    );
    check_with(
        time("date"),
        text,
        expect![[r#"
            2026-01-02T00:00:00 Station 5 1.0
            line 2 note: the row has no numbers and is taken for the columns' units
        "#]],
    );
    check(
        "Date,Station\nUTC,Temperature\n2026-01-02,1\n",
        expect![[r#"
            line 2 - malformed_csv: it may be the header, and so may the line above it; `time` says which, by the name of its column of times
            line 3 - malformed_csv: it is no header that says which column is the time, as another table begins with
        "#]],
    );
    for units in ["UTC,V", "TS,Deg C", "datetime,float", "Time,double", "utc,Celsius"] {
        let text = read(format!("Timestamp,Temp\n{units}\n2026-01-02,1\n").as_bytes(), Options::default());
        assert!(
            text.starts_with("2026-01-02T00:00:00 Temp 1.0\nline 2 note: the row has no numbers"),
            "{text}"
        );
    }
}
