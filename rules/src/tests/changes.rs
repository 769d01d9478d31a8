//! Rules that come, change and go.

use super::{engine, feed, listed, micros, rule, same};
use crate::{Engine, Reason};

const ABOVE: &str = r#""is":"above","levels":[{"limit":80}]"#;

/// An engine with a changed rule that has seen the samples.
fn seen(fields: &str, samples: &[(f64, f64)]) -> Engine {
    let mut engine = engine(&[rule(fields)], &["s"]);
    feed(&mut engine, samples, &mut Vec::new());
    engine
}

#[test]
fn what_is_wrong_when_a_rule_is_made_is_reported() {
    let samples = [(0.0, 90.0), (10.0, 91.0)];
    let mut live = engine(&[], &["s"]);
    feed(&mut live, &samples, &mut Vec::new());
    let mut out = Vec::new();
    live.adopt(seen(ABOVE, &samples), micros(11.0), &mut out);
    same(&listed(&out), "0 s Fired 0 91");
    feed(&mut live, &[(12.0, 70.0)], &mut out);
    same(&listed(&out[1..]), "12 s Resolved 0 70");
}

#[test]
fn a_change_of_the_text_touches_nothing() {
    let mut live = seen(ABOVE, &[(0.0, 90.0)]);
    let mut out = Vec::new();
    let mut renamed = rule(ABOVE);
    renamed.title = "Another".into();
    live.put(&renamed, 77);
    feed(&mut live, &[(1.0, 70.0)], &mut out);
    same(&listed(&out), "1 s Resolved 0 70");
    assert_eq!(out[0].episode().as_deref(), Some("r@0/s/0"));
}

#[test]
fn a_changed_limit_ends_an_episode_or_lets_it_go_on() {
    let samples = [(0.0, 90.0), (10.0, 90.0)];
    let mut out = Vec::new();
    let mut live = seen(ABOVE, &samples);
    live.adopt(seen(r#""is":"above","levels":[{"limit":85}],"for":5"#, &samples), micros(11.0), &mut out);
    assert_eq!(out, []);
    assert_eq!(live.state("r", "s").unwrap().fired_at, Some(0), "the same episode");
    live.adopt(seen(r#""is":"above","levels":[{"limit":95}]"#, &samples), micros(12.0), &mut out);
    same(&listed(&out), "12 s Resolved(Changed) 0 90");
    assert_eq!(live.state("r", "s"), None);
    let last = live.take_changed();
    assert!(last.iter().all(|changed| changed.state.is_none()) && !last.is_empty());
}

#[test]
fn a_deleted_rule_ends_what_fires() {
    for reason in [Reason::Deleted, Reason::Disabled] {
        let mut out = Vec::new();
        let mut live = seen(ABOVE, &[(0.0, 90.0)]);
        live.take_changed();
        live.remove("r", reason, micros(5.0), &mut out);
        same(&listed(&out), &format!("5 s Resolved({reason:?}) 0 90"));
        let changed = live.take_changed();
        assert_eq!((changed.len(), changed[0].state), (1, None));
        feed(&mut live, &[(6.0, 99.0)], &mut out);
        assert_eq!(out.len(), 1);
        live.put(&rule(ABOVE), 9);
        feed(&mut live, &[(7.0, 99.5)], &mut out);
        assert_eq!(out[1].episode().as_deref(), Some("r@9/s/7000000"));
    }
}

#[test]
fn an_alert_is_explained_by_another() {
    let named = |id: &str, fields: &str, signals: &str| {
        serde_json::from_str(&format!(r#"{{"id":"{id}","title":"R","signals":["{signals}"],{fields}}}"#))
            .unwrap()
    };
    let own = format!(r#"{ABOVE},"unless":[{{"rule":"down","same":"*"}}]"#);
    let anywhere = format!(r#"{ABOVE},"unless":[{{"rule":"down","same":"anywhere"}}]"#);
    let down = r#""is":"above","levels":[{"limit":0.5}],"for":60"#;
    let rules = [
        named("hot", &own, "oven.*.temp"),
        named("any", &anywhere, "oven.*.temp"),
        named("down", down, "plug.*.off"),
    ];
    let mut engine = engine(&rules, &["oven.1.temp", "plug.1.off", "plug.2.off"]);
    let mut out = Vec::new();
    let mut step = |signal, at, value, out: &mut Vec<_>| {
        engine.step(micros(at), [crate::Sample { signal, at: micros(at), value }], out);
        out.iter()
            .filter(|t: &&crate::Transition| &*t.rule != "down")
            .map(|t| engine.explained(t).is_some())
            .collect::<Vec<_>>()
    };
    assert_eq!(step(0, 1.0, 90.0, &mut out), [false, false]);
    assert_eq!(step(2, 2.0, 1.0, &mut out), [false, true], "another plug");
    assert_eq!(step(1, 3.0, 1.0, &mut out), [true, true], "pending is enough");
    assert_eq!(step(1, 4.0, 0.0, &mut out), [false, true]);
    assert_eq!(step(2, 5.0, 0.0, &mut out), [false, false]);
}

#[test]
fn a_new_rule_about_changes_compares_with_the_sample_before() {
    let samples = [(0.0, 1.0), (10.0, 50.0)];
    let mut live = seen(ABOVE, &samples[..1]);
    live.remove("r", Reason::Deleted, micros(1.0), &mut Vec::new());
    // No rule looks at it now.
    feed(&mut live, &samples[1..], &mut Vec::new());
    let mut out = Vec::new();
    let change = r#""value":{"of":"change"},"is":"above","levels":[{"limit":50}]"#;
    live.adopt(seen(change, &samples), micros(11.0), &mut out);
    // Late, and no change of 60.
    feed(&mut live, &[(9.0, 110.0)], &mut out);
    feed(&mut live, &[(12.0, 60.0)], &mut out);
    same(&listed(&out), "");
    feed(&mut live, &[(13.0, 111.0)], &mut out);
    same(&listed(&out), "13 s Fired 0 51");
}

#[test]
fn a_new_rule_knows_the_last_value_of_the_other_signal() {
    let and = r#""is":"above","levels":[{"limit":80}],"and":[{"signals":["t"],"is":"above","limit":0,"within":60}]"#;
    let against =
        r#""is":"above","levels":[{"limit":80}],"against":{"signals":"t","as":"difference","within":60}"#;
    for fields in [and, against] {
        let mut other = engine(&[rule(fields)], &["s", "t"]);
        for (signal, at, value) in [(0, 1.0, 10.0), (1, 2.0, 5.0)] {
            let sample = crate::Sample { signal, at: micros(at), value };
            other.step(sample.at, [sample], &mut Vec::new());
        }
        let mut live = engine(&[], &["s", "t"]);
        let mut out = Vec::new();
        live.adopt(other, micros(3.0), &mut out);
        feed(&mut live, &[(4.0, 90.0)], &mut out);
        assert_eq!(out.len(), 1, "{fields}: {out:?}");
    }
}

#[test]
fn a_changed_rule_about_silence_keeps_what_it_heard() {
    let silent = |severity: &str, limit: u32| {
        let levels = format!(r#"[{{"severity":"{severity}","limit":{limit}}}]"#);
        rule(&format!(r#""value":{{"of":"silence"}},"is":"above","levels":{levels}"#))
    };
    let mut live = engine(&[silent("info", 30)], &["s"]);
    let mut out = Vec::new();
    feed(&mut live, &[(0.0, 1.0)], &mut out);
    // The new form has seen none of it.
    live.adopt(engine(&[silent("critical", 30)], &["s"]), micros(20.0), &mut out);
    same(&listed(&out), "");
    live.advance_to(micros(40.0), &mut out);
    same(&listed(&out), "30 s Fired 0 30");
    // One that has seen it goes on with the alert.
    let mut other = engine(&[silent("warning", 20)], &["s"]);
    feed(&mut other, &[(0.0, 1.0)], &mut Vec::new());
    other.advance_to(micros(41.0), &mut Vec::new());
    live.adopt(other, micros(41.0), &mut out);
    assert_eq!(out.len(), 1, "{out:?}");
    assert_eq!(live.state("r", "s").unwrap().fired_at, Some(micros(30.0)), "the same episode");
    feed(&mut live, &[(50.0, 1.0)], &mut out);
    same(&listed(&out[1..]), "50 s Resolved 0 50");
}

#[test]
fn a_new_rule_takes_no_sample_from_others() {
    // The new rule has seen a sample of a commit that is still to come.
    let mut live = seen(ABOVE, &[(0.0, 1.0)]);
    let mut out = Vec::new();
    let other = rule(r#""is":"below","levels":[{"limit":0}]"#);
    let mut new = engine(&[super::named(other, "new")], &["s"]);
    feed(&mut new, &[(0.0, 1.0), (10.0, 90.0)], &mut Vec::new());
    live.adopt(new, micros(11.0), &mut out);
    feed(&mut live, &[(10.0, 90.0)], &mut out);
    same(&listed(&out), "10 s Fired 0 90");
}
