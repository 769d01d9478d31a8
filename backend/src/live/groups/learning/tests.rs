use std::collections::{BTreeSet, HashMap, HashSet};
use std::net::{IpAddr, Ipv4Addr};

use afterglow_wire::Timestamp;
use afterglow_wire::v1::{self, Body, Follower, Position, Progress};

use super::*;
use crate::batch::{Batch, Sample};
use crate::live::{Frame, Protocol, Selection};

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

fn at(sequence: u64) -> Position {
    Position { epoch: 1, sequence }
}

fn batch(signals: &Signals, samples: &[(String, i64)]) -> Batch {
    let mut batch = Batch::default();
    for (name, number) in samples {
        let signal = signals.number(&mut batch, name).unwrap();
        batch.push(Sample { signal, timestamp: Timestamp::from_micros(*number), value: *number as f64 });
    }
    signals.learn(std::slice::from_mut(&mut batch)).unwrap().keep();
    batch
}

fn select(signals: &Signals, patterns: &[String]) -> Selection {
    Selection::new(patterns, signals)
}

/// A client of `afterglow.v1` that knows what it should get.
struct Watcher {
    patterns: Vec<String>,
    /// The commit up to which it had everything when it joined.
    since: u64,
    /// How many signals, from the first on, it had the names of.
    named: u32,
    names: HashMap<u32, String>,
    follower: Follower,
    got: Vec<(String, i64)>,
}

impl Watcher {
    fn new(patterns: &[String], since: u64) -> Self {
        let mut follower = Follower::default();
        let header = |kind, flags, sequence| v1::Header {
            kind,
            flags,
            covers: 0,
            position: at(sequence),
            server_time: 0,
        };
        follower.take(&header(v1::Kind::Subscribed, v1::Flags::NONE, 0));
        follower.take(&header(v1::Kind::Snapshot, v1::Flags::LAST, since));
        Self {
            patterns: patterns.to_vec(),
            since,
            named: 0,
            names: HashMap::new(),
            follower,
            got: Vec::new(),
        }
    }

    /// Takes frames; whether they brought it further.
    fn take(&mut self, frames: &[Frame], signals: &Signals) -> bool {
        let mut reached = false;
        for frame in frames {
            let Frame::Binary(bytes) = frame else { panic!("not binary") };
            let frame = v1::Frame::parse(bytes).unwrap();
            let before = self.follower.position();
            let progress = self.follower.take(&frame.header);
            assert!(
                matches!(progress, Progress::Part | Progress::Reached),
                "{progress:?} {:?}",
                frame.header
            );
            assert!(self.follower.position().unwrap().sequence >= before.unwrap().sequence, "it went back");
            reached |= progress == Progress::Reached;
            match frame.body {
                Body::Names(names) => {
                    for named in names {
                        let (signal, name) = named.unwrap();
                        self.names.insert(signal, name.to_owned());
                    }
                }
                Body::Samples(mut columns) => {
                    let (mut times, mut values) = (Vec::new(), Vec::new());
                    while let Some(signal) = columns.next(&mut times, &mut values).unwrap() {
                        let name = signals.name(SignalId(signal)).unwrap().to_string();
                        let known = signal < self.named || self.names.get(&signal) == Some(&name);
                        assert!(known, "{name} has samples and no name");
                        self.got.extend(times.iter().map(|time| (name.clone(), *time)));
                    }
                }
                _ => {}
            }
        }
        reached
    }

    /// What it should have of the commits up to `position`.
    fn expected(&self, commits: &[Vec<(String, i64)>], position: u64) -> Vec<(String, i64)> {
        let commits = &commits[self.since as usize..position as usize];
        let selector = crate::signals::Selector::new(&self.patterns);
        commits.iter().flatten().filter(|(name, _)| selector.has(name)).cloned().collect()
    }

    /// It has everything up to its position, nothing twice, and the samples of each signal in order.
    fn check(&self, commits: &[Vec<(String, i64)>]) {
        let got: HashSet<_> = self.got.iter().collect();
        assert_eq!(got.len(), self.got.len(), "something came twice");
        for sample in self.expected(commits, self.follower.position().unwrap().sequence) {
            assert!(got.contains(&sample), "{sample:?} is missing for {:?}", self.patterns);
        }
        let mut last = HashMap::new();
        for (name, time) in &self.got {
            assert!(last.insert(name, time).is_none_or(|before| before < time), "{name} is out of order");
        }
    }
}

/// Many clients of one [`Groups`], as the broadcaster treats them.
struct World {
    groups: Groups<usize>,
    signals: Signals,
    watchers: Vec<Watcher>,
    commits: Vec<Vec<(String, i64)>>,
    samples: i64,
}

impl World {
    fn new() -> Self {
        Self {
            groups: Groups::default(),
            signals: Signals::empty(100_000),
            watchers: Vec::new(),
            commits: Vec::new(),
            samples: 0,
        }
    }

    fn sequence(&self) -> u64 {
        self.commits.len() as u64
    }

    fn commit(&mut self, names: Vec<String>) {
        let samples = names.into_iter().map(|name| {
            self.samples += 1;
            (name, self.samples)
        });
        let samples: Vec<_> = samples.collect();
        let batch = batch(&self.signals, &samples);
        let before = at(self.sequence());
        self.commits.push(samples);
        self.groups.pass(before, &[batch], &self.signals);
    }

    /// Sends what has gathered.
    fn step(&mut self) {
        let after = at(self.commits.len() as u64);
        for (group, members) in self.groups.all().filter(|(group, _)| group.is_pending()) {
            let frames = group.take(after, 0, &self.signals);
            for member in members {
                if self.watchers[member.client].take(&frames, &self.signals) {
                    self.watchers[member.client].check(&self.commits);
                }
            }
            group.offered();
        }
    }

    fn heartbeat(&mut self) {
        self.step();
        let after = at(self.commits.len() as u64);
        for (group, members) in self.groups.all() {
            let frame = group.heartbeat(after, 0).unwrap();
            for member in members {
                self.watchers[member.client].take(std::slice::from_ref(&frame), &self.signals);
                self.watchers[member.client].check(&self.commits);
            }
        }
    }

    /// A client that has everything joins; `selection` may be of some time ago.
    fn join(&mut self, patterns: &[String], mut selection: Selection) -> usize {
        self.groups.meet(&mut selection, &self.signals);
        let here = at(self.sequence());
        let id = self.groups.group(Protocol::V1, &selection, HERE, here).unwrap();
        self.step();
        let mut watcher = Watcher::new(patterns, here.sequence);
        watcher.named = self.groups.known(id);
        self.watchers.push(watcher);
        self.groups.add(id, self.watchers.len() - 1, &selection, HERE);
        self.watchers.len() - 1
    }

    fn join_now(&mut self, patterns: &[&str]) -> usize {
        let patterns: Vec<_> = patterns.iter().map(|pattern| (*pattern).to_owned()).collect();
        self.join(&patterns, select(&self.signals, &patterns))
    }

    fn got(&self, watcher: usize) -> (usize, u64) {
        let watcher = &self.watchers[watcher];
        (watcher.got.len(), watcher.follower.position().unwrap().sequence)
    }
}

#[test]
fn others_go_on_while_new_names_are_compared() {
    let mut world = World::new();
    world.commit(vec!["known".into(), "other".into(), "both".into()]);
    let everything = world.join_now(&["*"]);
    let ordinary = [world.join_now(&["known"]), world.join_now(&["kno*", "both"])];
    let mut costly = Vec::new();
    for client in 0..20 {
        let patterns: Vec<_> = (0..50).map(|number| format!("*a{client}.{number}*b*c*")).collect();
        let patterns = patterns.iter().map(String::as_str).chain(["other"]);
        costly.push(world.join_now(&patterns.collect::<Vec<_>>()));
    }
    let new = (0..2_000).map(|number| format!("a{}.{}bc{number}", number % 20, number % 50));
    world.commit(new.chain(["known".into(), "other".into()]).collect());
    world.step();
    assert_eq!((world.got(everything), world.got(ordinary[0])), ((2_002, 2), (1, 2)));
    // For a pattern 10,000 units of work are left: the next slice does them, before those of the others.
    world.groups.learn(&world.signals);
    world.heartbeat();
    assert!(world.groups.is_learning(), "4,000 units of work a name are not done at once");
    ordinary.iter().for_each(|client| assert_eq!(world.got(*client), (1, 2)));
    assert_eq!(world.got(costly[19]), (1, 1), "it has what it knows, and no more is claimed");
    world.commit(vec!["known".into(), "other".into(), "both".into()]);
    world.heartbeat();
    assert!(world.groups.is_learning());
    assert_eq!((world.got(ordinary[0]), world.got(ordinary[1])), ((2, 3), (3, 3)));
    assert_eq!(world.got(costly[19]), (2, 1));
    let mut slices = 0;
    while world.groups.is_learning() {
        world.groups.learn(&world.signals);
        world.step();
        slices += 1;
    }
    assert!(slices > 100, "{slices}");
    world.heartbeat();
    for (number, client) in costly.iter().enumerate() {
        let watcher = &world.watchers[*client];
        let mut expected = watcher.expected(&world.commits, 3);
        let mut got = watcher.got.clone();
        expected.sort();
        got.sort();
        assert!(expected.len() > 2 && got == expected, "client {number}");
        assert_eq!(watcher.follower.position(), Some(at(3)));
    }
}

/// Numbers that are the same in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

#[test]
fn every_client_gets_every_sample_once_and_no_position_is_ahead_of_it() {
    for seed in 1..=60 {
        let mut random = Random(seed << 20 | 0x9E37_79B9);
        let mut world = World::new();
        world.groups.slice = 1 + random.below(400) as usize;
        let mut chosen: Vec<(Vec<String>, Selection)> = Vec::new();
        for _ in 0..300 {
            match random.below(12) {
                0..5 => {
                    let names = (0..1 + random.below(8)).map(|_| {
                        let number = random.below(1 + world.signals.len() as u64 * 3 / 2);
                        format!("{}{number}", ["a", "b", "ab"][number as usize % 3])
                    });
                    let names: BTreeSet<_> = names.collect();
                    world.commit(names.into_iter().collect());
                }
                5..7 => world.groups.learn(&world.signals),
                7 => world.step(),
                8 => world.heartbeat(),
                9 => {
                    let patterns = ["*", "a*", "b*", "*1", "*b*1*", "a1", "b4", "a*2", "ab*", "*a*b*"];
                    let some =
                        (0..1 + random.below(3)).map(|_| patterns[random.below(10) as usize].to_owned());
                    let some: Vec<_> = some.collect();
                    let selection = select(&world.signals, &some);
                    chosen.push((some, selection));
                }
                10 if !chosen.is_empty() => {
                    let (patterns, selection) = chosen.remove(random.below(chosen.len() as u64) as usize);
                    world.join(&patterns, selection);
                }
                11 if random.below(4) == 0 && !world.watchers.is_empty() => {
                    let gone = random.below(world.watchers.len() as u64) as usize;
                    world.groups.retain(|client| *client != gone);
                }
                _ => {}
            }
        }
        while world.groups.is_learning() {
            world.groups.learn(&world.signals);
        }
        world.heartbeat();
        assert!(world.groups.take_refused().is_empty());
        assert_eq!(world.groups.parked.len(), 0);
        let here: Vec<usize> =
            world.groups.all().flat_map(|(_, members)| members.iter().map(|member| member.client)).collect();
        assert!(here.len() > 5, "{here:?}");
        for client in here {
            let watcher = &world.watchers[client];
            let mut expected = watcher.expected(&world.commits, world.sequence());
            let mut got = watcher.got.clone();
            expected.sort();
            got.sort();
            assert_eq!(got, expected, "client {client} of seed {seed} with {:?}", watcher.patterns);
            assert_eq!(watcher.follower.position(), Some(at(world.sequence())));
        }
    }
}

#[test]
fn who_has_been_away_is_compared_with_what_it_misses_first() {
    let mut world = World::new();
    world.groups.slice = 100;
    let stale = select(&world.signals, &["*x".to_owned()]);
    world.commit((0..50).map(|number| format!("{number}x")).collect());
    let mut fresh = stale.clone();
    assert!(!world.groups.meet(&mut fresh, &world.signals), "250 units of work are not done for it at once");
    fresh.learn_all(&world.signals);
    assert!(world.groups.meet(&mut fresh, &world.signals));
    assert!(fresh.signals.has(SignalId(49)));
    let mut everything = Selection::everything();
    assert!(world.groups.meet(&mut everything, &world.signals));
}

#[test]
fn what_cannot_be_parked_is_missed_by_those_who_wait_for_it_alone() {
    let mut world = World::new();
    world.commit(vec!["known".into()]);
    let ordinary = world.join_now(&["known"]);
    let everything = world.join_now(&["*"]);
    let costly = world.join_now(&["*a*b*", "*c*"]);
    world.groups.slice = 1;
    let signals = world.signals.clone();
    let names = ["known", "1", "2", "ab"].map(str::to_owned);
    let samples: Vec<_> = names.iter().cloned().zip(10..).collect();
    let mut batches = vec![batch(&signals, &samples)];
    let many: Vec<_> = (0..500_001).map(|number| ("ab".to_owned(), 100 + number)).collect();
    batches.push(batch(&signals, &many));
    world.groups.pass(at(1), &batches, &signals);
    assert!(world.groups.is_parking_full());
    world.groups.drop_parked();
    let held = world.groups.all().filter(|(group, _)| group.is_held()).flat_map(|(group, members)| {
        group.skip_to(at(2), 0);
        members.iter().map(|member| member.client)
    });
    let held: Vec<usize> = held.collect();
    assert!(held.contains(&costly) && !held.contains(&everything), "{held:?}");
    assert!(!world.groups.is_parking_full() && !world.groups.all().any(|(group, _)| group.is_held()));
    while world.groups.is_learning() {
        world.groups.learn(&signals);
    }
    let frames = world.groups.all().flat_map(|(group, members)| {
        let frames = group.take(at(2), 0, &signals);
        members.iter().map(move |member| (member.client, frames.len())).collect::<Vec<_>>()
    });
    let frames: HashMap<_, _> = frames.collect();
    assert!(frames[&ordinary] > 0 && frames[&everything] > 0 && frames[&costly] == 0, "{frames:?}");
}
