//! The store against plain maps: whatever the order of writes, late writes, overwrites, sealings, expiries and restarts,
//! both answer the same at every step.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

const SIGNALS: [&str; 3] = ["a", "b", "c"];

/// From one possible instant to the next: more than an hour in all, and two of the six in a minute are those at which
/// buckets have their points.
const PACE: i64 = 10_000_000;

const MINUTE: i64 = 60_000_000;
const HOUR: i64 = 60 * MINUTE;

#[derive(Clone, Debug)]
enum Step {
    /// (signal, instant, value), in order of arrival.
    Write(Vec<(usize, i64, f64)>),
    Seal,
    Merge,
    Expire(Tier),
    /// Of one signal, or of all: the samples from one instant to another.
    Delete {
        signal: Option<usize>,
        from: i64,
        length: i64,
    },
    Restart,
    Ask {
        from: i64,
        length: i64,
        max_points: Option<u32>,
    },
}

/// What has had its time, and all before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Tier {
    Nothing,
    Raw,
    Minutes,
    Hours,
}

fn instant(number: i64) -> i64 {
    number * PACE
}

fn step() -> impl Strategy<Value = Step> {
    let value = prop_oneof![(-500..500_i32).prop_map(|v| f64::from(v) / 10.0), -1e300..1e300_f64];
    let sample = (0..SIGNALS.len(), (0_i64..400).prop_map(instant), value);
    let tier = prop_oneof![
        3 => Just(Tier::Nothing), 4 => Just(Tier::Raw), 2 => Just(Tier::Minutes), 1 => Just(Tier::Hours)
    ];
    prop_oneof![
        6 => proptest::collection::vec(sample, 1..60).prop_map(Step::Write),
        3 => Just(Step::Seal),
        1 => Just(Step::Merge),
        1 => tier.prop_map(Step::Expire),
        1 => (proptest::option::of(0..SIGNALS.len()), -10_i64..400, 0_i64..200).prop_map(|(signal, from, length)| {
            Step::Delete { signal, from: instant(from), length: length * PACE }
        }),
        1 => Just(Step::Restart),
        3 => (-10_i64..400, 0_i64..400, proptest::option::of(2..40_u32)).prop_map(|(from, length, max_points)| {
            // Neither end is where a point is, or where one goes that gives way.
            Step::Ask { from: instant(from) + PACE / 2, length: length * PACE, max_points }
        }),
    ]
}

/// What was written, by signal and instant.
#[derive(Default)]
struct Model {
    unsealed: BTreeMap<(usize, i64), f64>,
    sealed: BTreeMap<(usize, i64), f64>,
    minutes: Buckets,
    hours: Buckets,
}

type Buckets = BTreeMap<(usize, i64), Bucket>;

#[derive(Clone, Copy, PartialEq)]
struct Bucket {
    min: f64,
    max: f64,
    sum: f64,
    /// The sum of all values without their signs, by which a sum may be wrong.
    size: f64,
    count: u64,
}

impl Bucket {
    fn of(value: f64) -> Self {
        Self { min: value, max: value, sum: value, size: value.abs(), count: 1 }
    }
}

fn add(buckets: &mut Buckets, signal: usize, start: i64, more: Bucket) {
    let bucket = buckets.entry((signal, start)).or_insert(Bucket { count: 0, sum: 0.0, size: 0.0, ..more });
    bucket.min = bucket.min.min(more.min);
    bucket.max = bucket.max.max(more.max);
    bucket.sum += more.sum;
    bucket.size += more.size;
    bucket.count += more.count;
}

impl Model {
    fn seal(&mut self) {
        self.sealed.append(&mut self.unsealed);
    }

    /// Deletes; how many samples, and how many that have expired.
    fn delete(&mut self, signal: Option<usize>, from: i64, to: i64) -> (u64, u64) {
        let is_meant = |place: &(usize, i64), width: i64| {
            signal.is_none_or(|signal| signal == place.0) && place.1 <= to && place.1 + width > from
        };
        if self.unsealed.keys().any(|place| is_meant(place, 1)) {
            self.seal();
        }
        let before = self.sealed.len();
        self.sealed.retain(|place, _| !is_meant(place, 1));
        let mut expired = 0;
        for (buckets, width) in [(&mut self.minutes, MINUTE), (&mut self.hours, HOUR)] {
            let gone = buckets.extract_if(.., |place, _| is_meant(place, width));
            expired += gone.map(|(_, bucket)| bucket.count).sum::<u64>();
        }
        ((before - self.sealed.len()) as u64, expired)
    }

    fn expire(&mut self, tier: Tier) {
        if tier >= Tier::Raw {
            for ((signal, time), value) in std::mem::take(&mut self.sealed) {
                add(&mut self.minutes, signal, time.div_euclid(MINUTE) * MINUTE, Bucket::of(value));
            }
        }
        if tier >= Tier::Minutes {
            for ((signal, start), minute) in std::mem::take(&mut self.minutes) {
                add(&mut self.hours, signal, start.div_euclid(HOUR) * HOUR, minute);
            }
        }
        if tier >= Tier::Hours {
            self.hours.clear();
        }
    }

    fn expected(&self, from: i64, to: i64) -> Vec<(String, i64, f64)> {
        let samples: BTreeMap<_, _> = self.sealed.iter().chain(&self.unsealed).collect();
        let (mut points, mut hours) = (BTreeMap::new(), self.hours.clone());
        // Beside a sample, not in its place.
        let mut place = |signal: usize, time: i64, value: f64| {
            points.insert((signal, time + i64::from(samples.contains_key(&(signal, time)))), value);
        };
        let mut show = |(signal, start): (usize, i64), bucket: Bucket, width: i64| {
            place(signal, start, bucket.min);
            if bucket.max > bucket.min {
                place(signal, start + width / 2, bucket.max);
            }
        };
        for (&(signal, start), minute) in &self.minutes {
            let hour = start.div_euclid(HOUR) * HOUR;
            if hours.contains_key(&(signal, hour)) {
                add(&mut hours, signal, hour, *minute);
            } else {
                show((signal, start), *minute, MINUTE);
            }
        }
        hours.into_iter().for_each(|(place, hour)| show(place, hour, HOUR));
        points.extend(samples);
        let inside = points.into_iter().filter(|((_, time), _)| (from..=to).contains(time));
        inside.map(|((signal, time), value)| (SIGNALS[signal].to_owned(), time, value)).collect()
    }

    /// What each signal amounts to: samples, and buckets that begin between the two instants.
    fn amounts(&self, from: i64, to: i64) -> Buckets {
        let samples: BTreeMap<_, _> = self.sealed.iter().chain(&self.unsealed).collect();
        let mut buckets = self.hours.clone();
        for (&(signal, start), minute) in &self.minutes {
            let hour = start.div_euclid(HOUR) * HOUR;
            let start = if self.hours.contains_key(&(signal, hour)) { hour } else { start };
            add(&mut buckets, signal, start, *minute);
        }
        let mut amounts = Buckets::new();
        let samples = samples.into_iter().map(|(place, value)| (*place, Bucket::of(*value)));
        for ((signal, start), bucket) in samples.chain(buckets) {
            if (from..=to).contains(&start) {
                add(&mut amounts, signal, 0, bucket);
            }
        }
        amounts
    }

    /// How many samples each signal has had. Only while none waits to be sealed, which may replace one that is.
    fn counts(&self) -> BTreeMap<String, u64> {
        let buckets =
            self.minutes.iter().chain(&self.hours).map(|((signal, _), bucket)| (signal, bucket.count));
        let mut counts = BTreeMap::new();
        for (signal, count) in self.sealed.keys().map(|(signal, _)| (signal, 1)).chain(buckets) {
            *counts.entry(SIGNALS[*signal].to_owned()).or_default() += count;
        }
        counts
    }
}

/// What lets everything sealed of a tier and those before it expire a day after [`NOW`].
fn policy(tier: Tier) -> RetentionPolicy {
    let keep = |this: Tier| (tier >= this).then_some(Duration::from_secs(3_600));
    let tiers =
        RetentionTiers { raw: keep(Tier::Raw), minutes: keep(Tier::Minutes), hours: keep(Tier::Hours) };
    RetentionPolicy { tiers, ..RetentionPolicy::default() }
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

/// Slices have the extremes, the number and the sum of all samples.
fn check_slices(slices: &[(String, crate::Bucket)], amounts: &Buckets) {
    let mut found = BTreeMap::new();
    for of_signal in slices.chunk_by(|a, b| a.0 == b.0) {
        assert!(of_signal.is_sorted_by(|a, b| a.1.start < b.1.start));
        let all = of_signal.iter().map(|(_, slice)| *slice).reduce(crate::Bucket::join).unwrap();
        found.insert(of_signal[0].0.clone(), all);
    }
    assert_eq!(found.len(), amounts.len());
    for ((signal, _), amount) in amounts {
        let all = &found[SIGNALS[*signal]];
        assert_eq!((all.min, all.max, all.count.cast_unsigned()), (amount.min, amount.max, amount.count));
        assert!((all.sum - amount.sum).abs() <= 1e-12 * amount.size, "{} for {}", all.sum, amount.sum);
    }
}

fn run<D: Database>(steps: &[Step]) {
    let database = D::new();
    let mut store = database.open();
    let mut model = Model::default();
    for step in steps {
        match step {
            Step::Write(samples) => {
                let named: Vec<_> = samples.iter().map(|(s, t, v)| (SIGNALS[*s], *t, *v)).collect();
                store.commit(&[batch(&store, &named)]).unwrap();
                model.unsealed.extend(samples.iter().map(|(signal, time, value)| ((*signal, *time), *value)));
            }
            Step::Seal => {
                store.seal().unwrap();
                model.seal();
            }
            Step::Merge => while store.merge().unwrap() {},
            Step::Expire(tier) => {
                store.expire(&policy(*tier), Timestamp::from_micros(NOW.micros() + DAY)).unwrap();
                model.expire(*tier);
            }
            Step::Delete { signal, from, length } => {
                let names = signal.map_or(vec!["*".to_owned()], |signal| vec![SIGNALS[signal].to_owned()]);
                let (selector, span) = (Selector::new(&names), span(*from, from + length));
                let would = store.would_delete(&selector, span).unwrap();
                let deleted = store.delete(&selector, span).unwrap();
                assert_eq!(Deleted { sequences: None, ..deleted }, would);
                let expected = model.delete(*signal, *from, from + length);
                assert_eq!((deleted.samples, deleted.expired), expected, "after {step:?}");
            }
            Step::Restart => {
                drop(store);
                store = database.open();
            }
            Step::Ask { from, length, max_points } => {
                let query = Query {
                    span: span(*from, from + length),
                    signals: Selector::everything(),
                    detail: Detail::at_most(*max_points),
                };
                let (answer, all) = (ask(&store, &query), model.expected(*from, from + length));
                match max_points {
                    None => assert_eq!(answer, all),
                    Some(max_points) => check_reduced(&answer, &all, *max_points),
                }
                let detail = Detail::Slices(max_points.unwrap_or(1));
                let slices = collect(&store, &Query { detail, ..query }).slices;
                check_slices(&slices, &model.amounts(*from, from + length));
            }
        }
        assert_eq!(contents(&store), model.expected(i64::MIN, i64::MAX), "after {step:?}");
        if model.unsealed.is_empty() {
            let counts = store.details().unwrap().into_iter().map(|signal| (signal.name, signal.count));
            assert_eq!(counts.collect::<BTreeMap<_, _>>(), model.counts(), "after {step:?}");
        }
    }
    assert_eq!(store.damaged(), 0);
}

fn cases<D: Database>() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(D::CASES)
}

fn the_store_is_what_maps_are<D: Database>() {
    // More by PROPTEST_CASES, for a night.
    let config = ProptestConfig { max_shrink_iters: 2_000, cases: cases::<D>(), ..ProptestConfig::default() };
    proptest!(config, |(steps in proptest::collection::vec(step(), 1..25))| run::<D>(&steps));
}

suite! {
    the_store_is_what_maps_are,
}
