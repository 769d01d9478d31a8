//! What it costs to find out what may be done with a key, as every request with one does: the functions that the server calls, called
//! here.
//!
//! Reading the clock takes about a tenth of what a check does, so the time of [`BATCH`] checks is taken at once, each of another key, and
//! divided. The 99th percentile is that of these means.

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::num::NonZeroU32;
use std::time::Instant;

use afterglow_backend::access::issuers::Issuers;
use afterglow_backend::access::{Access, Principal, token};
use afterglow_backend::clock::Clock;
use afterglow_backend::store::{self, Author, HEAD_SAMPLES, StoreConfig};
use afterglow_wire::access::{Key, Kind, Scope};
use anyhow::{Result, ensure};

use super::{Bar, Judged};
use crate::figures::{float, percentile, print_table, progress, show};
use crate::lab::Lab;

/// How many keys there are.
const KEYS: [usize; 2] = [10, 10_000];

const BATCH: usize = 10;
const BATCHES: u64 = 200_000;

/// Requests a second with one key that are never reached here.
const RATE: NonZeroU32 = NonZeroU32::MIN.saturating_add(999_999_999);

/// The bars in nanoseconds.
const P50: f64 = 500.0;
const P99: f64 = 2_000.0;

pub(super) fn run(lab: &Lab) -> Result<Vec<Judged>> {
    let (mut rows, mut judged) = (Vec::new(), Vec::new());
    for count in KEYS {
        progress(&format!("check: {count} keys"));
        let folder = lab.folder()?;
        let (access, texts) = keys(&folder.path().join("bench.db"), count)?;
        let mut order = Order(0x9e37_79b9_7f4a_7c15);
        // Twice: what the first one brings into caches, and how fast the processor is by then, counts for the second.
        measure(lab.scaled(BATCHES) / 4, &access, &texts, &mut order)?;
        let sorted = measure(lab.scaled(BATCHES), &access, &texts, &mut order)?;
        let of_one = |percent| percentile(&sorted, percent) / float(BATCH as u64);
        let [p50, p99] = [50, 99].map(of_one);
        rows.push([count.to_string(), show(p50), show(p99), show(clock() / float(BATCH as u64))]);
        for (name, figure, bar) in [("p50", p50, P50), ("p99", p99, P99)] {
            let what = format!("a check among {count} keys, {name}");
            judged.push(Judged { what, figure, unit: " ns", bar: Bar::Below(bar) });
        }
    }
    print_table(
        &format!("A check of a key: ns, means of {BATCH} checks of different keys, {BATCHES} times"),
        ["keys", "p50", "p99", "of it for reading the clock"],
        &rows,
    );
    Ok(judged)
}

/// `count` keys in a database, read from it as a server reads them; and their texts.
fn keys(database: &std::path::Path, count: usize) -> Result<(Access, Vec<String>)> {
    let clock = Clock::real();
    let config = StoreConfig {
        database: database.to_owned().into(),
        readers: 2,
        signal_limit: usize::MAX,
        head_samples: HEAD_SAMPLES,
        read_limit: None,
    };
    let store = store::Access::open(&config, clock.clone())?;
    let mut texts = Vec::with_capacity(count);
    for number in 0..count {
        let (text, made) = token::create(Kind::Key);
        let key = Key {
            id: token::id(made.id),
            label: format!("bench {number}"),
            scopes: vec![Scope::Write],
            create: true,
            created: clock.now(),
            creator: "bench".to_owned(),
            ..Key::default()
        };
        store.add_key(&Author::command_line(), &key, &made.hash)?;
        texts.push(text);
    }
    let access = Access::new(false, store, RATE, Issuers::none(RATE), clock.now());
    access.reload()?;
    Ok((access, texts))
}

/// The sorted nanoseconds of batches.
fn measure(batches: u64, access: &Access, texts: &[String], order: &mut Order) -> Result<Vec<u32>> {
    let now = Clock::real().now();
    let address = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let mut times = Vec::with_capacity(usize::try_from(batches)?);
    let mut granted = 0;
    for _ in 0..batches {
        let some: [&str; BATCH] = std::array::from_fn(|_| &*texts[order.below(texts.len())]);
        let start = Instant::now();
        for text in some {
            // What the gate does: whose key it is, and then who sends it.
            let principal =
                access.has_key(black_box(text)).then(|| access.principal(text, Kind::Key, now, address));
            granted += usize::from(matches!(black_box(&principal), Some(Principal::Granted(_))));
        }
        times.push(u32::try_from(start.elapsed().as_nanos()).unwrap_or(u32::MAX));
    }
    ensure!(granted == times.len() * BATCH, "{granted} keys of {} counted", times.len() * BATCH);
    times.sort_unstable();
    Ok(times)
}

/// The nanoseconds that a batch of nothing takes, in the median.
fn clock() -> f64 {
    let nothing = |_| u32::try_from(Instant::now().elapsed().as_nanos()).unwrap_or(u32::MAX);
    let mut times: Vec<u32> = (0..10_001).map(nothing).collect();
    times.sort_unstable();
    percentile(&times, 50)
}

/// Marsaglia's xorshift64, so that every run asks in the same order.
struct Order(u64);

impl Order {
    fn below(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % below as u64).unwrap_or_default()
    }
}
