//! Retention removes what the policy says, and never more, whatever the clock says.

use std::fs;

use crate::harness::{Backend, eventually, sql};

const TEN_YEARS: i64 = 3_652 * 86_400_000_000;

/// A start believes the clock for a day: for one signal that is too long, for all others not.
const POLICY: &str = r#"
[store]
keep_raw = "2d"

[[retention]]
signals = "short"
keep_raw = "1h"
"#;

/// A clock that has jumped ahead is the same as samples that came earlier by as much; so that is set in the database.
#[test]
fn a_clock_that_is_ten_years_ahead_makes_nothing_expire_before_its_time() {
    let folder = tempfile::tempdir().unwrap();
    let (database, policy) = (folder.path().join("a.db"), folder.path().join("afterglow.toml"));
    fs::write(&policy, POLICY).unwrap();
    // One of the signals gets a block, the other's samples are bundled.
    let backend = Backend::start_with(&database, "127.0.0.1:0", &[("AFTERGLOW_BLOCK_SAMPLES", "60")]);
    let now = "SELECT CAST(CAST(unixepoch() * 1000000 AS INTEGER) AS TEXT) AS value";
    let then = sql(&database, now)[0].parse::<i64>().unwrap() - TEN_YEARS;
    let object = |i: i64| {
        let short = if i < 50 { format!(r#","short":{i}"#) } else { String::new() };
        format!(r#"{{"timestamp":{},"signals":{{"kept":{i}{short}}}}}"#, then + i * 1_000)
    };
    let answer = backend.post(&format!("[{}]", (0..100).map(object).collect::<Vec<_>>().join(",")));
    assert_eq!(answer.status, 200, "{}", answer.text);
    let before = backend.samples();
    backend.close();
    for table in ["block", "bundle"] {
        let arrival = format!("UPDATE {table} SET sealed_at = {then} RETURNING 'done' AS value");
        assert_eq!(sql(&database, &arrival), ["done"], "{table}");
    }

    let settings = [("AFTERGLOW_CONFIG", policy.to_str().unwrap()), ("AFTERGLOW_LOOK_MILLIS", "20")];
    for start in ["the first start", "another start"] {
        let backend = Backend::start_with(&database, "127.0.0.1:0", &settings);
        // Signals expire in the order of their names: where this one has, the other has been checked.
        eventually("what is kept for an hour has expired", || backend.samples()["short"].len() < 50);
        assert_eq!(backend.samples()["kept"], before["kept"], "{start}");
        backend.close();
    }
}
