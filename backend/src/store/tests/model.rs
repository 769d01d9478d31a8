//! The store against a plain map: whatever the order of writes, late writes, overwrites, sealings, expiries and restarts,
//! both answer the same at every step.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

const SIGNALS: [&str; 3] = ["a", "b", "c"];

#[derive(Clone, Debug)]
enum Step {
    /// (signal, microsecond, value), in order of arrival.
    Write(Vec<(usize, i64, f64)>),
    Seal,
    /// Nothing is old enough to go, whatever the timestamps are.
    Expire,
    Restart,
    Ask {
        from: i64,
        length: i64,
        max_points: Option<u32>,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let value = prop_oneof![(-500..500_i32).prop_map(|v| f64::from(v) / 10.0), -1e300..1e300_f64];
    let sample = (0..SIGNALS.len(), 0_i64..400, value);
    prop_oneof![
        6 => proptest::collection::vec(sample, 1..60).prop_map(Step::Write),
        2 => Just(Step::Seal),
        1 => Just(Step::Expire),
        1 => Just(Step::Restart),
        3 => (-10_i64..400, 0_i64..400, proptest::option::of(2..40_u32))
            .prop_map(|(from, length, max_points)| Step::Ask { from, length, max_points }),
    ]
}

type Model = BTreeMap<(usize, i64), f64>;

fn expected(model: &Model, from: i64, to: i64) -> Vec<(String, i64, f64)> {
    let inside = model.iter().filter(|((_, time), _)| (from..=to).contains(time));
    inside.map(|((signal, time), value)| (SIGNALS[*signal].to_owned(), *time, *value)).collect()
}

/// A reduced answer keeps the extremes, the order and the limit, and invents nothing.
fn check_reduced(answer: &[(String, i64, f64)], all: &[(String, i64, f64)], max_points: u32) {
    for name in SIGNALS {
        let of = |samples: &[(String, i64, f64)]| -> Vec<(i64, f64)> {
            samples.iter().filter(|s| s.0 == name).map(|s| (s.1, s.2)).collect()
        };
        let (answer, all) = (of(answer), of(all));
        let extremes = |samples: &[(i64, f64)]| {
            let values = samples.iter().map(|s| s.1);
            (values.clone().fold(f64::INFINITY, f64::min), values.fold(f64::NEG_INFINITY, f64::max))
        };
        assert!(answer.len() <= max_points as usize);
        assert!(answer.is_sorted_by(|a, b| a.0 < b.0));
        assert!(answer.iter().all(|point| all.contains(point)));
        assert_eq!(extremes(&answer), extremes(&all));
        if all.len() <= max_points as usize {
            assert_eq!(answer, all, "few samples stay as they are");
        }
    }
}

fn run(steps: &[Step]) {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(&folder);
    let mut model = Model::new();
    for step in steps {
        match step {
            Step::Write(samples) => {
                let named: Vec<_> = samples.iter().map(|(s, t, v)| (SIGNALS[*s], *t, *v)).collect();
                store.commit(&[batch(&store, &named)]).unwrap();
                model.extend(samples.iter().map(|(signal, time, value)| ((*signal, *time), *value)));
            }
            Step::Seal => drop(store.seal().unwrap()),
            Step::Expire => drop(store.expire(&Retention::default(), NOW).unwrap()),
            Step::Restart => {
                drop(store);
                store = open(&folder);
            }
            Step::Ask { from, length, max_points } => {
                let query =
                    Query { span: span(*from, from + length), signals: vec![], max_points: *max_points };
                let (answer, all) = (ask(&store, &query), expected(&model, *from, from + length));
                match max_points {
                    None => assert_eq!(answer, all),
                    Some(max_points) => check_reduced(&answer, &all, *max_points),
                }
            }
        }
        assert_eq!(contents(&store), expected(&model, i64::MIN, i64::MAX), "after {step:?}");
    }
    assert_eq!(store.damaged(), 0);
}

fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(1_000)
}

proptest! {
    // More by PROPTEST_CASES, for a night.
    #![proptest_config(ProptestConfig { max_shrink_iters: 2_000, cases: cases(), ..ProptestConfig::default() })]

    #[test]
    fn the_store_is_what_a_map_is(steps in proptest::collection::vec(step(), 1..25)) {
        run(&steps);
    }
}
