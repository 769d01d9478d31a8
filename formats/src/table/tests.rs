use std::fmt::Write as _;

use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::super::records::Records;
use super::*;

mod columns;

/// Writes down what a table says.
#[derive(Default)]
struct Notes {
    samples: String,
    others: String,
}

impl Sink for Notes {
    fn sample(&mut self, _: usize, name: &str, timestamp: Timestamp, value: f64) -> Result<(), Verdict> {
        let stamp = timestamp.to_string();
        let stamp = stamp.trim_end_matches('Z').trim_end_matches('0').trim_end_matches('.');
        let _ = writeln!(self.samples, "{stamp} {name} {value:?}");
        Ok(())
    }

    fn refuse(&mut self, line: u64, signal: Option<&str>, (code, message): Verdict) {
        let _ = writeln!(self.others, "line {line} {} {}: {message}", signal.unwrap_or("-"), code.name());
    }

    fn note(&mut self, line: u64, message: String) {
        let _ = writeln!(self.others, "line {line} note: {message}");
    }
}

fn read(bytes: &[u8], options: Options) -> String {
    let (mut table, mut records) = (Table::new(options), Records::new(bytes, 10_000));
    let mut notes = Notes::default();
    let outcome = loop {
        match records.next(table.separator()).unwrap() {
            None => break table.finish(),
            Some(record) => {
                if let Err(problem) = table.record(&record, &mut notes) {
                    break Err(problem);
                }
            }
        }
    };
    notes.samples
        + &notes.others
        + &outcome.err().map(|problem| format!("refused: {problem}\n")).unwrap_or_default()
}

fn check(text: &str, expected: Expect) {
    expected.assert_eq(&read(text.as_bytes(), Options::default()));
}

fn check_with(options: Options, text: &str, expected: Expect) {
    expected.assert_eq(&read(text.as_bytes(), options));
}

#[test]
fn long_tables_in_any_order_with_any_other_columns() {
    check(
        "\u{feff}\"Value\", id,\"Signal\" ,Timestamp\r\n\"1.5\",7,\" a\", 2026-01-02\r\n2,8,'+5V,1767312000.5\r\n",
        expect![[r#"
            2026-01-02T00:00:00  a 1.5
            2026-01-02T00:00:00.5 +5V 2.0
            line 1 note: passed over are the columns "id"; where they tell signals apart, `signal` may name them beside "signal"
        "#]],
    );
    check(
        "entity_id;state;last_changed\nsensor.x;on;2026-01-02T03:04:05+00:00\nsensor.x;3;2026-01-02 03:04:05 UTC\n",
        expect![[r#"
            2026-01-02T03:04:05 sensor.x 3.0
            line 2 sensor.x not_a_number: "on" is not a number
        "#]],
    );
}

#[test]
fn a_wide_table_has_a_signal_in_each_column() {
    check(
        "time,a,b\n2026-01-02,1,\n2026-01-02 24:00,True,x\n,1,2\n2026-01-02,1,2,3\n2026-01-02,1,2,,\n",
        expect![[r#"
            2026-01-02T00:00:00 a 1.0
            2026-01-03T00:00:00 a 1.0
            2026-01-02T00:00:00 a 1.0
            2026-01-02T00:00:00 b 2.0
            line 3 b not_a_number: "x" is not a number
            line 4 - bad_timestamp: its timestamp is missing
            line 5 - malformed_csv: it has more fields (4) than the header (3); a field that has the separator in it must be in quotes
        "#]],
    );
    check(
        "Date\tTime\tT [°C]\n2026-01-02\t03:04:05.5\t1\n",
        expect![[r#"
            2026-01-02T03:04:05.5 T [°C] 1.0
        "#]],
    );
    check(
        "# made by hand\n# time a\nsome title\n\ntimestamp,a\n# a comment\n5,1\n",
        expect![[r#"
            1970-01-01T00:00:05 a 1.0
            line 5 note: what stands before the header is passed over; lines: 1
        "#]],
    );
    check(
        "sep=|\ntimestamp|a\n2026-01-02|1\n",
        expect![[r#"
            2026-01-02T00:00:00 a 1.0
        "#]],
    );
}

#[test]
fn decimal_commas_are_read_where_semicolons_separate_or_a_setting_says_so() {
    check(
        "timestamp;a;b\n2026-01-02;1,5;2\n2026-01-03;1.500;0,25\n2026-01-04;1.000,5;3\n",
        expect![[r#"
            2026-01-02T00:00:00 a 1.5
            2026-01-02T00:00:00 b 2.0
            2026-01-03T00:00:00 b 0.25
            2026-01-04T00:00:00 b 3.0
            line 3 a not_a_number: "1.500" is not a number: it has a decimal point, and other numbers of the file have commas; `decimal` says which
            line 4 a not_a_number: "1.000,5" is not a number
        "#]],
    );
    check(
        "timestamp,a\n2026-01-02,\"1,5\"\n2026-01-02,1,5\n",
        expect![[r#"
            line 2 a not_a_number: "1,5" is not a number; with decimal commas, set `decimal` to a comma
            line 3 - malformed_csv: it has more fields (3) than the header (2); a field that has the separator in it must be in quotes
        "#]],
    );
    let options = Options { decimal_comma: Some(true), ..Options::default() };
    check_with(
        options,
        "timestamp\ta\n2026-01-02\t1,5\n2026-01-03\t1.5\n",
        expect![[r#"
            2026-01-02T00:00:00 a 1.5
            line 3 a not_a_number: "1.5" is not a number: it has a decimal point, and other numbers of the file have commas; `decimal` says which
        "#]],
    );
}

#[test]
fn files_of_other_programs() {
    check(
        "\"Time\",\"Hall\"\n2026-01-02 03:04:05,19.5 °C\n2026-01-02 03:05:05,1.2 kW\n2026-01-02 03:06:05,20%\n",
        expect![[r#"
            2026-01-02T03:04:05 Hall 19.5
            line 3 Hall not_a_number: "1.2 kW" has the unit kW, and the rows before have the unit °C
            line 4 Hall not_a_number: "20%" has the unit %, and the rows before have the unit °C
        "#]],
    );
    check(
        "#group,false,false,true\r\n#datatype,string,long,dateTime:RFC3339,double,string,string,string\r\n#default,_result,,,,,,\r\n\
         ,result,table,_time,_value,_field,_measurement,host\r\n,,0,2026-01-02T00:00:00Z,1.5,load,cpu,n1\r\n\r\n\
         #datatype,string,long,dateTime:RFC3339,string,string,string\r\n,result,table,_time,_value,_field,_measurement\r\n\
         ,,1,2026-01-02T00:00:00Z,up,state,door\r\n,,1,2026-01-02T00:00:01Z,3,count,door\r\n",
        expect![[r#"
            2026-01-02T00:00:00 cpu.n1.load 1.5
            2026-01-02T00:00:01 door.count 3.0
            line 9 door.state not_a_number: "up" is not a number
        "#]],
    );
    check(
        "created_at,entry_id,field1,field2\n2026-01-02 03:04:05 UTC,17,1.5,\n2026-01-02T03:04:06+01:00,18,,2\n",
        expect![[r#"
            2026-01-02T03:04:05 field1 1.5
            2026-01-02T02:04:06 field2 2.0
        "#]],
    );
    check(
        "\"TOA5\",\"Station\",\"CR1000\"\n\"TIMESTAMP\",\"RECORD\",\"AirT_Avg\"\n\"TS\",\"RN\",\"Deg C\"\n\"\",\"\",\"Avg\"\n\
         \"2026-01-02 03:04:00\",0,-1.5\n\"2026-01-02 03:05:00\",1,\"NAN\"\n",
        expect![[r#"
            2026-01-02T03:04:00 AirT_Avg -1.5
            line 6 AirT_Avg not_finite: the value NAN is not finite; a 64-bit float is expected
        "#]],
    );
    check(
        "__time,/imu/x\n1767312000.25,1\n",
        expect![[r#"
            2026-01-02T00:00:00.25 /imu/x 1.0
        "#]],
    );
    check(
        ",a\n2026-01-02 03:04:05.000001,1\n",
        expect![[r#"
            2026-01-02T03:04:05.000001 a 1.0
        "#]],
    );
    check(
        ",time,a\n0,2026-01-02,1\n",
        expect![[r#"
            2026-01-02T00:00:00 a 1.0
            line 1 note: column 1 has no name and is passed over
        "#]],
    );
    check(
        "Time (ms),a\n0,1\n1500,2\n",
        expect![[r#"
            1970-01-01T00:00:00 a 1.0
            1970-01-01T00:00:01.5 a 2.0
        "#]],
    );
    check(
        "time,a\ns,m/s\n2026-01-02,1\n",
        expect![[r#"
            2026-01-02T00:00:00 a 1.0
            line 2 note: the row has no numbers and is taken for the columns' units
        "#]],
    );
}

#[test]
fn only_rows_without_a_time_and_values_are_units() {
    check(
        "Time;Temp;b\n11/26/2026 08:15;21,5;\nsoon;21.5 °C;x\nnever;x;-.5\nat noon;;+,5\ns;°C;m/s²\n;;\n",
        expect![[r#"
            line 2 - bad_timestamp: the timestamp "11/26/2026 08:15" has the day or the month first; `dates` says which, dmy or mdy
            line 3 - bad_timestamp: the timestamp "soon" is not one; allowed are ISO 8601 such as 2026-01-31T12:00:00.5Z or 2026-01-31T13:00:00+01:00, or an epoch in s, ms, us or ns, between the years 1 and 9999
            line 4 - bad_timestamp: the timestamp "never" is not one; allowed are ISO 8601 such as 2026-01-31T12:00:00.5Z or 2026-01-31T13:00:00+01:00, or an epoch in s, ms, us or ns, between the years 1 and 9999
            line 5 - bad_timestamp: the timestamp "at noon" is not one; allowed are ISO 8601 such as 2026-01-31T12:00:00.5Z or 2026-01-31T13:00:00+01:00, or an epoch in s, ms, us or ns, between the years 1 and 9999
            line 6 note: the row has no numbers and is taken for the columns' units
        "#]],
    );
}

#[test]
fn units_and_types_after_a_header_are_no_header() {
    check(
        "Time,Temp in,Temp out\nUTC,°C,°C\n2026-01-02,1,2\nTime,Temp in,Temp out\ndatetime,float,float\n2026-01-03,3,4\n",
        expect![[r#"
            2026-01-02T00:00:00 Temp in 1.0
            2026-01-02T00:00:00 Temp out 2.0
            2026-01-03T00:00:00 Temp in 3.0
            2026-01-03T00:00:00 Temp out 4.0
            line 2 note: the row has no numbers and is taken for the columns' units
            line 4 note: the header comes again; it is passed over
            line 5 note: the row has no numbers and is taken for the columns' units
        "#]],
    );
    // A title that looks like a header, and a file of which only the header was written before another began.
    check(
        "Date,2026-01-02\nTime,a\n2026-01-02,1\n",
        expect![[r#"
            2026-01-02T00:00:00 a 1.0
            line 2 note: another header; from here on its columns count
        "#]],
    );
    check(
        "time,a\ntime,b\n2026-01-02,1\n",
        expect![[r#"
            2026-01-02T00:00:00 b 1.0
            line 2 note: another header; from here on its columns count
        "#]],
    );
}

#[test]
fn a_date_cell_is_joined_with_the_time_of_day_beside_it() {
    check(
        "Date,Time,a\n2026-01-02 00:00:00,08:00,1\n2026-01-02T00:00,08:00:01,2\n2026-01-02 07:00,08:00,3\n2026-01-02 09:00,,4\n2026-01-02,08:00:02+01:00,5\n",
        expect![[r#"
            2026-01-02T08:00:00 a 1.0
            2026-01-02T08:00:01 a 2.0
            2026-01-02T09:00:00 a 4.0
            2026-01-02T07:00:02 a 5.0
            line 4 - bad_timestamp: the date "2026-01-02 07:00" has a time of day, and so has the column beside it; `time` says which one counts
        "#]],
    );
    check(
        "time,a\n2026-01-02 08:15:30 12,1\n",
        expect![[r#"
            line 2 - bad_timestamp: the timestamp "2026-01-02 08:15:30 12" is not one; allowed are ISO 8601 such as 2026-01-31T12:00:00.5Z or 2026-01-31T13:00:00+01:00, or an epoch in s, ms, us or ns, between the years 1 and 9999
        "#]],
    );
}

#[test]
fn names_that_come_twice_are_numbered() {
    check(
        "timestamp,a,a,,a_2\n2026-01-02,1,2,3,4\n2026-01-03,5,,6,\n",
        expect![[r#"
            2026-01-02T00:00:00 a 1.0
            2026-01-02T00:00:00 a_2 2.0
            2026-01-02T00:00:00 a_2_2 4.0
            2026-01-03T00:00:00 a 5.0
            line 1 note: two columns have the same name "a"; column 3 is called "a_2"
            line 1 note: column 4 has no name and is passed over
            line 1 note: two columns have the same name "a_2"; column 5 is called "a_2_2"
        "#]],
    );
}

#[test]
fn local_times_are_those_of_the_zone() {
    let zone = |name: &str| Options { zone: Some(name.parse().unwrap()), ..Options::default() };
    let rows = "timestamp,a\n2025-10-26 01:30,1\n2025-10-26 02:30,2\n2025-10-26 02:15,3\n2025-10-26 02:30,4\n2025-10-26 03:00,5\n";
    check_with(
        zone("Europe/Berlin"),
        rows,
        expect![[r#"
            2025-10-25T23:30:00 a 1.0
            2025-10-26T00:30:00 a 2.0
            2025-10-26T01:15:00 a 3.0
            2025-10-26T01:30:00 a 4.0
            2025-10-26T02:00:00 a 5.0
            line 3 note: clocks in Europe/Berlin show "2025-10-26 02:30" twice; rows are taken in their order, the first ones before the clocks are set back
        "#]],
    );
    check(
        rows,
        expect![[r#"
            2025-10-26T01:30:00 a 1.0
            2025-10-26T02:30:00 a 2.0
            2025-10-26T02:15:00 a 3.0
            2025-10-26T02:30:00 a 4.0
            2025-10-26T03:00:00 a 5.0
            line 4 note: the time goes backward here, from 2025-10-26T02:30:00.000000Z to "2025-10-26 02:15": where these are local times and clocks were set back, later samples replace earlier ones of the same time; `zone` tells them apart
        "#]],
    );
    check_with(
        zone("Europe/Berlin"),
        "timestamp,a\n2025-10-26 03:00,5\n2025-10-26 02:30,4\n2025-10-26 02:15,3\n2025-10-26 02:30,2\n2025-10-26 02:15,1\n2025-03-30 02:15,0\n2025-03-30T02:15Z,0\n",
        expect![[r#"
            2025-10-26T02:00:00 a 5.0
            2025-10-26T01:30:00 a 4.0
            2025-10-26T01:15:00 a 3.0
            2025-10-26T00:30:00 a 2.0
            2025-10-26T00:15:00 a 1.0
            2025-03-30T02:15:00 a 0.0
            line 3 note: clocks in Europe/Berlin show "2025-10-26 02:30" twice; rows are taken in their order, the first ones before the clocks are set back
            line 7 - bad_timestamp: clocks in Europe/Berlin never show "2025-03-30 02:15": they are set forward over it
        "#]],
    );
}

#[test]
fn rows_that_are_no_rows_are_named() {
    check(
        "timestamp,a\n11/26/2026 08:00,1\n2026-01-02,1\ntimestamp,a\n\"2026-01-02,1\n2026-01-03,2\n",
        expect![[r#"
            2026-01-02T00:00:00 a 1.0
            2026-01-03T00:00:00 a 2.0
            line 2 - bad_timestamp: the timestamp "11/26/2026 08:00" has the day or the month first; `dates` says which, dmy or mdy
            line 4 note: the header comes again; it is passed over
            line 5 - malformed_csv: a quoted field does not end
        "#]],
    );
    check(
        "timestamp,a\n2026-01-02,1\ntimestamp,b\n2026-01-02,1\n",
        expect![[r#"
            2026-01-02T00:00:00 a 1.0
            2026-01-02T00:00:00 b 1.0
            line 3 note: another header; from here on its columns count
        "#]],
    );
    expect![[r#"
        2026-01-02T00:00:00 a 1.0
        line 2 note not_a_number: "café" is not a number
        line 3 a not_a_number: "x" is not a number
        line 3 note not_a_number: "ÿ" is not a number
    "#]]
    .assert_eq(&read(b"timestamp,a,note\n2026-01-02,1,caf\xe9\n2026-01-02,x,\xff\n", Options::default()));
    check(
        &format!("timestamp,a\n2026-01-02,1{}\n2026-01-02,2\n", "0".repeat(10_000)),
        expect![[r#"
            2026-01-02T00:00:00 a 2.0
            line 2 - malformed_csv: the line has 10013 bytes, which are too many
        "#]],
    );
}

#[test]
fn a_file_without_a_time_is_refused_with_what_would_help() {
    check(
        "a;b\n1;2\n",
        expect![[r#"
            refused: the first line must name the columns; timestamp,signal,value is expected, or timestamp and one column per signal. It has "a", "b", none of which is called timestamp, time or date; `time` says which column is the time, `separator` what stands between columns
        "#]],
    );
    check(
        "timestamp\n2026-01-02\n",
        expect![[r#"
            refused: the first line must name the columns; timestamp,signal,value is expected, or timestamp and one column per signal. It has "timestamp", none of which is called timestamp, time or date; `time` says which column is the time, `separator` what stands between columns
        "#]],
    );
    check(
        "",
        expect![[r#"
            refused: the file is empty; a header such as timestamp,signal,value is expected
        "#]],
    );
    expect![[r#"
        refused: the text is UTF-16; save it as UTF-8
    "#]]
    .assert_eq(&read(b"\xff\xfet\0", Options::default()));
    let options = Options { time: vec!["zeit".into()], value: Some("wert".into()), ..Options::default() };
    check_with(
        options.clone(),
        "Zeit,a\n2026-01-02,1\n",
        expect![[r#"
            refused: `value` names the column "wert"; the file has "Zeit", "a"
        "#]],
    );
    check_with(
        Options { signal: vec!["kanal".into()], ..options },
        "Zeit,Kanal,Wert\n2026-01-02,k,1\n",
        expect![[r#"
            2026-01-02T00:00:00 k 1.0
        "#]],
    );
}

#[test]
fn what_a_table_is_read_as_is_said() {
    let describe = |text: &str| {
        let (mut table, mut records) = (Table::new(Options::default()), Records::new(text.as_bytes(), 100));
        let record = records.next(None).unwrap().unwrap();
        table.record(&record, &mut Notes::default()).unwrap();
        table.describe().unwrap()
    };
    expect!["a sample a row: time in timestamp, name in signal, value in value, separated by ';'"]
        .assert_eq(&describe("timestamp;signal;value\n"));
    expect!["a column a signal: time in date and time, signals a, b, c, d, e and 1 more, separated by ','"]
        .assert_eq(&describe("date,time,a,b,c,d,e,f\n"));
}

proptest! {
    #[test]
    fn any_bytes_are_answered_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        read(&bytes, Options::default());
        read(&[b"timestamp,a\n", &bytes[..]].concat(), Options::default());
    }

    #[test]
    fn nearly_rows_are_answered_without_panic(rows in "([0-9]{4}-01-02[T ]?[0-9:]{0,8}[,;\"][-0-9.,a%\" ]{0,9}\n){0,5}") {
        let zone = Options { zone: "Europe/Berlin".parse().ok(), ..Options::default() };
        read(format!("timestamp,a,b\n{rows}").as_bytes(), zone);
    }
}

#[test]
fn a_later_table_without_a_header_costs_only_its_own_rows() {
    check(
        "#group,false,false\n#datatype,string,dateTime:RFC3339,double\n,result,_time,_value,_field\n,,2026-01-01T00:00:00Z,1.5,x\n\
         #group,false,false\nnothing of a time\n1,2.5\n",
        expect![[r#"
            2026-01-01T00:00:00 x 1.5
            line 6 - malformed_csv: it is no header that says which column is the time, as another table begins with
            line 7 - malformed_csv: it is no header that says which column is the time, as another table begins with
        "#]],
    );
}

/// With work that grew with columns times columns, or rows times columns, it would take minutes.
#[test]
fn many_columns_of_one_name_and_many_short_rows_are_read_in_one_pass() {
    const MANY: usize = TABLE_COLUMNS - 1;
    let text = format!("timestamp{}\n{}", ",a".repeat(MANY), "2026-01-02,1\n".repeat(MANY));
    let (mut table, mut records) = (Table::new(Options::default()), Records::new(text.as_bytes(), 1 << 20));
    let mut notes = Notes::default();
    while let Some(record) = records.next(table.separator()).unwrap() {
        table.record(&record, &mut notes).unwrap();
    }
    table.finish().unwrap();
    assert_eq!(notes.samples.lines().count(), MANY);
    assert!(notes.others.contains(&format!("is called \"a_{MANY}\"")));
}

#[test]
fn more_columns_than_there_may_be_are_refused_before_they_are_names() {
    let refused = |text: &str| {
        let (mut table, mut records) =
            (Table::new(Options::default()), Records::new(text.as_bytes(), 1 << 20));
        let mut notes = Notes::default();
        while let Some(record) = records.next(table.separator()).unwrap() {
            table.record(&record, &mut notes)?;
        }
        table.finish().map(|()| notes.others)
    };
    for separator in [",", ";", "\t"] {
        let header = format!("time{}\n", format!("{separator}a").repeat(TABLE_COLUMNS));
        assert_eq!(refused(&header), Err(format!("line 1 has more than {TABLE_COLUMNS} columns")));
    }
    let row = format!("time,a\n2026-01-02,1{}\n", ",".repeat(TABLE_COLUMNS));
    assert!(refused(&row).unwrap().contains(&format!("more than {TABLE_COLUMNS} cells")));
}
