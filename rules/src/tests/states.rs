//! The states of an alert.

use super::{engine, feed, found, listed, micros, rule, same};
use crate::{Engine, Kind, Phase, Sample};

const ABOVE: &str = r#""is":"above","levels":[{"limit":80,"recover":76}]"#;

#[test]
fn a_threshold_fires_once_and_recovers_where_it_says() {
    let samples = [(1.0, 80.0), (2.0, 81.0), (3.0, 85.0), (4.0, 77.0), (5.0, 81.0), (6.0, 76.0), (7.0, 79.0)];
    same(&found(ABOVE, &samples, 9.0), "2 s Fired 0 81\n 6 s Resolved 0 76");
    let below = r#""is":"below","levels":[{"limit":10,"recover":12}]"#;
    same(
        &found(below, &[(1.0, 10.0), (2.0, 9.0), (3.0, 11.0), (4.0, 12.0)], 9.0),
        "2 s Fired 0 9\n4 s Resolved 0 12",
    );
}

#[test]
fn for_is_kept_to_the_microsecond() {
    let rule = format!(r#"{ABOVE},"for":30"#);
    let wrong = |times: &[f64]| times.iter().map(|at| (*at, 90.0)).collect::<Vec<_>>();
    // Decided by a sample at its end, or after it.
    same(&found(&rule, &wrong(&[0.0, 10.0, 20.0, 30.0]), 30.0), "0 s Pending 0 90\n30 s Fired 0 90");
    same(&found(&rule, &wrong(&[0.0, 10.0, 20.0, 31.0]), 31.0), "0 s Pending 0 90\n30 s Fired 0 90");
    // Without one it waits for a sample on its way: 1.5 x 10 s.
    same(&found(&rule, &wrong(&[0.0, 10.0, 20.0]), 45.0), "0 s Pending 0 90");
    same(&found(&rule, &wrong(&[0.0, 10.0, 20.0]), 45.1), "0 s Pending 0 90\n30 s Fired 0 90");
    // A door that was opened once: the value holds until another comes.
    same(&found(&rule, &wrong(&[0.0]), 31.1), "0 s Pending 0 90\n30 s Fired 0 90");
}

#[test]
fn a_break_ends_what_is_pending() {
    let rule = format!(r#"{ABOVE},"for":30"#);
    let samples = [(0.0, 90.0), (10.0, 90.0), (20.0, 70.0), (25.0, 90.0), (54.0, 70.0)];
    same(
        &found(&rule, &samples, 99.0),
        "0 s Pending 0 90\n20 s Cancelled 0 70\n25 s Pending 0 90\n54 s Cancelled 0 70",
    );
    // It is between recover and limit: not right, but not wrong either while nothing fires.
    same(&found(&rule, &[(0.0, 90.0), (10.0, 78.0)], 99.0), "0 s Pending 0 90\n10 s Cancelled 0 78");
    // One that breaks it too late: it had fired.
    let late = [(0.0, 90.0), (10.0, 90.0), (46.0, 70.0)];
    same(&found(&rule, &late, 99.0), "0 s Pending 0 90\n30 s Fired 0 90\n46 s Resolved 0 70");
}

#[test]
fn keep_holds_an_episode_together() {
    let rule = format!(r#"{ABOVE},"keep":20"#);
    let samples =
        [(0.0, 90.0), (10.0, 70.0), (20.0, 90.0), (30.0, 70.0), (40.0, 70.0), (50.0, 71.0), (60.0, 90.0)];
    let expected = "0 s Fired 0 90\n10 s Recovering 0 70\n20 s Relapsed 0 90\n30 s Recovering 0 70\n50 s Resolved 0 71\n60 s Fired 0 90";
    same(&found(&rule, &samples, 60.0), expected);
    same(&found(&rule, &samples[..2], 60.0), "0 s Fired 0 90\n10 s Recovering 0 70\n30 s Resolved 0 70");
}

#[test]
fn levels_go_up_and_down_within_one_episode() {
    let rule = r#""is":"above","levels":[{"limit":80,"recover":76},{"severity":"critical","limit":95,"recover":90}]"#;
    let samples = [(0.0, 85.0), (1.0, 96.0), (2.0, 91.0), (3.0, 90.0), (4.0, 99.0), (5.0, 50.0), (6.0, 97.0)];
    let expected = "0 s Fired 0 85\n1 s Level(0) 1 96\n3 s Level(1) 0 90\n4 s Level(0) 1 99\n5 s Resolved 1 50\n6 s Fired 1 97";
    same(&found(rule, &samples, 9.0), expected);
}

#[test]
fn a_stopped_signal_keeps_its_state_until_it_is_forgotten() {
    let rule = format!(r#"{ABOVE},"forget":3600"#);
    same(&found(&rule, &[(0.0, 90.0)], 3_600.0), "0 s Fired 0 90");
    same(&found(&rule, &[(0.0, 90.0)], 3_601.0), "0 s Fired 0 90\n3600 s Resolved(Forgotten) 0 90");
    same(&found(&rule, &[(0.0, 90.0), (3_000.0, 91.0)], 3_601.0), "0 s Fired 0 90");
}

#[test]
fn the_last_write_of_an_instant_wins_and_late_samples_change_nothing() {
    same(&found(ABOVE, &[(1.0, 90.0), (1.0, 90.0), (1.0, 70.0)], 9.0), "1 s Fired 0 90\n1 s Resolved 0 70");
    let mut engine = engine(&[rule(ABOVE)], &["s"]);
    let mut out = Vec::new();
    feed(&mut engine, &[(5.0, 90.0), (4.0, 10.0), (3.0, 10.0)], &mut out);
    assert_eq!((out.len(), engine.counts().late, engine.counts().evaluated), (1, 2, 3));
}

#[test]
fn a_sample_of_the_future_does_not_blind_its_signal() {
    let mut engine = engine(&[rule(ABOVE)], &["s"]);
    let mut out = Vec::new();
    engine.step(micros(10.0), [Sample { signal: 0, at: micros(300.0), value: 70.0 }], &mut out);
    engine.step(micros(11.0), [Sample { signal: 0, at: micros(11.0), value: 90.0 }], &mut out);
    same(&listed(&out), "11 s Fired 0 90");
}

#[test]
fn within_a_commit_event_time_decides() {
    let mut engine = engine(&[rule(ABOVE)], &["s"]);
    let mut out = Vec::new();
    let newest_first = [3.0, 2.0, 1.0].map(|at| Sample { signal: 0, at: micros(at), value: 78.0 + at });
    engine.step(micros(3.0), newest_first, &mut out);
    same(&listed(&out), "3 s Fired 0 81");
}

/// Samples that arrive this number of seconds late.
fn with_lag(engine: &mut Engine, samples: &[(f64, f64, f64)]) -> String {
    let mut out = Vec::new();
    for (at, value, lag) in samples {
        let sample = Sample { signal: 0, at: micros(*at), value: *value };
        engine.step(micros(at + lag), [sample], &mut out);
    }
    listed(&out)
}

#[test]
fn a_backlog_is_history_and_what_still_holds_is_reported_then() {
    let backlog = [(0.0, 90.0, 7_200.0), (10.0, 70.0, 7_200.0), (20.0, 91.0, 7_200.0), (7_300.0, 92.0, 1.0)];
    let expected =
        "0 s Fired 0 90 late\n10 s Resolved 0 70 late\n20 s Fired 0 91 late\n7300 s Confirmed 0 92";
    same(&with_lag(&mut engine(&[rule(ABOVE)], &["s"]), &backlog), expected);
    let cool = [(0.0, 90.0, 7_200.0), (7_300.0, 70.0, 1.0)];
    same(&with_lag(&mut engine(&[rule(ABOVE)], &["s"]), &cool), "0 s Fired 0 90 late\n7300 s Resolved 0 70");
    let notified_late = rule(&format!(r#"{ABOVE},"late":"notify""#));
    same(&with_lag(&mut engine(&[notified_late], &["s"]), &cool), "0 s Fired 0 90\n7300 s Resolved 0 70");
}

#[test]
fn states_and_ids_are_functions_of_the_data() {
    let fields = format!(r#"{ABOVE},"for":5"#);
    let mut first = engine(&[rule(&fields)], &["s"]);
    let mut out = Vec::new();
    feed(&mut first, &[(1.0, 90.0), (2.0, 99.0)], &mut out);
    let changed = first.take_changed();
    assert!(first.take_changed().is_empty());
    let state = changed[0].state.unwrap();
    assert_eq!((changed.len(), &*changed[0].scope, state.phase, state.peak), (1, "s", Phase::Pending, 99.0));
    let stored = serde_json::to_string(&state).unwrap();
    let mut second = engine(&[rule(&fields)], &["s"]);
    second.warm(0, micros(1.0), &[(micros(1.0), 90.0), (micros(2.0), 99.0)]);
    assert!(second.restore("r", "s", serde_json::from_str(&stored).unwrap()));
    assert!(!second.restore("r", "t", state) && !second.restore("x", "s", state));
    assert!(second.deadline() >= first.deadline(), "a look may be due too early");
    let (mut a, mut b) = (Vec::new(), Vec::new());
    for (engine, out) in [(&mut first, &mut a), (&mut second, &mut b)] {
        feed(engine, &[(6.0, 91.0), (7.0, 10.0)], out);
    }
    assert_eq!(a, b);
    assert_eq!(a[0].episode().as_deref(), Some("r@0/s/6000000"));
    assert_eq!((a[0].kind, a[0].peak, a[1].fired_at), (Kind::Fired, 99.0, Some(micros(6.0))));
    let gone: Vec<_> = second.take_changed().into_iter().map(|changed| changed.state).collect();
    assert_eq!(gone, [None]);
}

/// However the clock is set: nothing fires and nothing ends for it, and what crosses next fires.
#[test]
fn a_clock_that_is_set_decides_nothing() {
    for jump in [3_600.0, -3_600.0, 10.0 * 365.0 * 86_400.0, -10.0 * 365.0 * 86_400.0] {
        let rules = [
            rule(ABOVE),
            super::rule(&format!(r#"{ABOVE},"for":60"#)),
            super::rule(&format!(r#"{ABOVE},"keep":60"#)),
            super::rule(r#""value":{"of":"silence"},"is":"above","levels":[{"limit":300}]"#),
        ];
        let ids = ["fires", "waits", "recovers", "silent"];
        let rules: Vec<_> =
            rules.into_iter().zip(ids).map(|(rule, id)| crate::tests::named(rule, id)).collect();
        let start = 1_700_000_000.0;
        let mut engine = engine(&rules, &["s"]);
        let mut out = Vec::new();
        engine.listen(micros(start));
        feed(&mut engine, &[(start, 90.0), (start + 1.0, 70.0), (start + 2.0, 90.0)], &mut out);
        engine.advance_to(micros(start + 3.0), &mut out);
        out.clear();
        let now = start + 3.0 + jump;
        engine.deaf(micros(now.min(start + 3.0)), &mut out);
        engine.reset_clock(micros(now));
        engine.listen(micros(now));
        engine.advance_to(micros(now + 59.0), &mut out);
        assert_eq!(out, [], "{jump}");
        // Pending begins again, and the others go on.
        feed(&mut engine, &[(now + 60.0, 90.0)], &mut out);
        let fired = format!("{} s Fired 0 90", now + 60.0);
        same(&listed(&out), &fired);
        out.clear();
        feed(&mut engine, &[(now + 61.0, 70.0), (now + 62.0, 90.0)], &mut out);
        let said = listed(&out);
        for wanted in ["61 s Resolved", "62 s Fired 0 90", "62 s Pending 0 90"] {
            let (second, rest) = wanted.split_once(' ').unwrap();
            let wanted = format!("{} {rest}", now + second.parse::<f64>().unwrap());
            assert!(said.contains(&wanted), "{wanted}: {said}");
        }
    }
}
