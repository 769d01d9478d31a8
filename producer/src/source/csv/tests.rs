use afterglow_formats::table::Dates;
use expect_test::{Expect, expect};

use super::*;

fn replayed(text: &str, speed: f64, rebase: bool) -> (String, Arc<Counts>) {
    replayed_with(Options::default(), text, speed, rebase)
}

fn replayed_with(table: Options, text: &str, speed: f64, rebase: bool) -> (String, Arc<Counts>) {
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("x.csv");
    std::fs::write(&file, text).unwrap();
    let config = Replay { file, prefix: String::new(), speed, rebase, table };
    check(&config.file, &config.table).unwrap();
    let counts = Arc::new(Counts::default());
    let losses = Losses::new("x".into(), "rows", counts.clone());
    let mut pace = Pace::new(&config, Timestamp::parse("2030-01-01T00:00:00Z").unwrap());
    let mut out = String::new();
    replay(&config, losses, |reading, losses| {
        let item = pace.item(reading, losses);
        let (due, at) = (item.due.unwrap(), item.reading.timestamp.unwrap());
        out += &format!("{due:?} {at} {:?}\n", item.reading.signals);
        true
    });
    (out, counts)
}

/// `refused` are rows and values.
fn check_replay(text: &str, speed: f64, rebase: bool, refused: u64, expected: &Expect) {
    let (out, counts) = replayed(text, speed, rebase);
    expected.assert_eq(&out);
    assert_eq!(counts.refused(), refused);
}

#[test]
fn one_column_per_signal_at_its_own_pace() {
    check_replay(
        "timestamp,a,b\n2026-01-01T00:00:00Z,1,2\n2026-01-01T00:00:01.5Z,3,\n2026-01-01T00:00:02Z,x,4\nnever,1,1\n",
        1.0,
        false,
        2,
        &expect![[r#"
            0ns 2026-01-01T00:00:00.000000Z {"a": 1.0, "b": 2.0}
            1.5s 2026-01-01T00:00:01.500000Z {"a": 3.0}
            2s 2026-01-01T00:00:02.000000Z {"b": 4.0}
        "#]],
    );
}

#[test]
fn a_row_per_sample_ten_times_as_fast_and_rebased() {
    check_replay(
        "id,timestamp,signal_name,value\n1,1700000000,a,1\n2,1700000000,b,2\n3,1700000005,a,3\n",
        10.0,
        true,
        0,
        &expect![[r#"
            0ns 2030-01-01T00:00:00.000000Z {"a": 1.0, "b": 2.0}
            500ms 2030-01-01T00:00:00.500000Z {"a": 3.0}
        "#]],
    );
}

#[test]
fn rows_in_any_order_are_sorted() {
    let newest_first = "timestamp,a\n1700000002,3\n1700000001,2\n1700000000,1\n";
    check_replay(
        newest_first,
        1.0,
        true,
        0,
        &expect![[r#"
        0ns 2030-01-01T00:00:00.000000Z {"a": 1.0}
        1s 2030-01-01T00:00:01.000000Z {"a": 2.0}
        2s 2030-01-01T00:00:02.000000Z {"a": 3.0}
    "#]],
    );
    let set_back = "timestamp,a,b\n1700000000,1,\n1700000002,2,\n1700000000,3,4\n1700000001,5,\n";
    check_replay(
        set_back,
        1.0,
        false,
        0,
        &expect![[r#"
        0ns 2023-11-14T22:13:20.000000Z {"a": 3.0, "b": 4.0}
        1s 2023-11-14T22:13:21.000000Z {"a": 5.0}
        2s 2023-11-14T22:13:22.000000Z {"a": 2.0}
    "#]],
    );
}

#[test]
fn rows_of_an_unset_clock_are_left_out() {
    let first_row = "timestamp,a\n1970-01-01T00:00:07Z,1\n2026-01-01T00:00:00Z,2\n2026-01-01T00:00:01Z,3\n";
    check_replay(
        first_row,
        1.0,
        true,
        1,
        &expect![[r#"
        0ns 2030-01-01T00:00:00.000000Z {"a": 2.0}
        1s 2030-01-01T00:00:01.000000Z {"a": 3.0}
    "#]],
    );
}

#[test]
fn relative_times_are_replayed_from_now_on_or_refused() {
    check_replay(
        "time,a\n0.000,1\n0.010,2\n",
        1.0,
        true,
        0,
        &expect![[r#"
        0ns 2030-01-01T00:00:00.000000Z {"a": 1.0}
        10ms 2030-01-01T00:00:00.010000Z {"a": 2.0}
    "#]],
    );
    check_replay("time,a\n0.000,1\n0.010,2\n", 1.0, false, 1, &expect![]);
}

#[test]
fn a_file_without_samples_is_refused() {
    for text in ["timestamp,a\n", "timestamp,a\r", "timestamp,a\n2026-01-01,\n2026-01-02,\n", "time,a\ns,V\n"]
    {
        check_replay(text, 1.0, true, 1, &expect![]);
    }
}

#[test]
fn gaps_that_nobody_would_wait_for_are_skipped() {
    let years = "timestamp,a\n2019-01-01,1\n2019-01-01T00:00:01Z,2\n2026-01-01,3\n2026-01-01T00:00:02Z,4\n";
    check_replay(
        years,
        1.0,
        true,
        0,
        &expect![[r#"
            0ns 2030-01-01T00:00:00.000000Z {"a": 1.0}
            1s 2030-01-01T00:00:01.000000Z {"a": 2.0}
            2s 2030-01-01T00:00:02.000000Z {"a": 3.0}
            4s 2030-01-01T00:00:04.000000Z {"a": 4.0}
        "#]],
    );
    check_replay(
        years,
        1e9,
        true,
        0,
        &expect![[r#"
        0ns 2030-01-01T00:00:00.000000Z {"a": 1.0}
        1ns 2030-01-01T00:00:00.000001Z {"a": 2.0}
        220.9248ms 2030-01-01T00:00:00.220924Z {"a": 3.0}
        220.924802ms 2030-01-01T00:00:00.220925Z {"a": 4.0}
    "#]],
    );
    check_replay(
        years,
        1e9,
        false,
        0,
        &expect![[r#"
            0ns 2019-01-01T00:00:00.000000Z {"a": 1.0}
            1ns 2019-01-01T00:00:01.000000Z {"a": 2.0}
            220.9248ms 2026-01-01T00:00:00.000000Z {"a": 3.0}
            220.924802ms 2026-01-01T00:00:02.000000Z {"a": 4.0}
        "#]],
    );
}

#[test]
fn headers_without_a_time_are_refused() {
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("x.csv");
    for header in ["a,b", "timestamp", ""] {
        std::fs::write(&file, header).unwrap();
        assert!(check(&file, &Options::default()).is_err(), "{header:?}");
    }
}

#[test]
fn dates_are_replayed_in_the_order_that_an_option_says_or_refused() {
    let text = "time,a\n03/04/2026 8:15 PM,1\n04/04/2026,2\n";
    let with = |dates| {
        let (out, counts) = replayed_with(Options { dates, ..Options::default() }, text, 1e9, false);
        (out, counts.refused())
    };
    let (out, refused) = with(Some(Dates::DayFirst));
    assert!(out.contains("2026-04-03T20:15:00") && out.contains("2026-04-04T00:00:00"), "{out}");
    assert_eq!(refused, 0);
    let (out, refused) = with(Some(Dates::MonthFirst));
    assert!(out.contains("2026-03-04T20:15:00") && refused == 0, "{out}");
    assert_eq!(with(None), (String::new(), 2));
}
