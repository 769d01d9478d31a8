//! What several servers on one database do, as events: posts come, commits take turns at the database, each server looks for what the
//! others have committed, and its viewers get it. No socket, no thread and no clock: only [`Costs`], which were measured.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

/// How long a server waits between two looks at the database, in seconds: `LOOK` in the backend's `actors/follower.rs`.
const LOOK: f64 = 0.020;

/// The pace of pushing, as in the backend's `actors/broadcaster/pace.rs`.
const PACE: f64 = 4.0;
const LONGEST_PAUSE: f64 = 0.050;

/// What was measured, in seconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Costs {
    /// From a post to its answer, with nobody else about.
    pub(super) commit: f64,
    /// Processor time of the database for a commit, and for each server that reads it.
    pub(super) commit_database: f64,
    pub(super) follow_database: f64,
    /// Processor time of the server that takes a commit, and of each other one.
    pub(super) commit_server: f64,
    pub(super) follow_server: f64,
    /// Processor time of the database and of the server for a look that finds nothing.
    pub(super) look_database: f64,
    pub(super) look_server: f64,
    /// Processor time of a server for an update that one viewer gets, when nothing was gathered.
    pub(super) delivery: f64,
}

/// What is asked of the servers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Load {
    pub(super) servers: usize,
    /// Of all servers.
    pub(super) viewers: usize,
    /// Posts a second, each of one update that every viewer gets.
    pub(super) rate: f64,
    /// Whether one server takes all posts, instead of each in turn.
    pub(super) at_one: bool,
}

/// What follows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Prediction {
    /// Processors that the database keeps busy.
    pub(super) database: f64,
    /// Processors that the busiest server does.
    pub(super) server: f64,
    /// Processors of all servers.
    pub(super) servers: f64,
    /// From a post to the viewers, in seconds.
    pub(super) p50: f64,
    pub(super) p99: f64,
    /// Whether posts or updates come faster than they can be dealt with.
    pub(super) is_too_much: bool,
}

#[derive(PartialEq)]
enum Event {
    Post,
    /// The commit that a server has under way has its answer.
    Committed(usize),
    Look(usize),
    /// A server may begin another step.
    Step(usize),
}

/// In the order of their times, which are no NaN; then in that in which they were planned.
struct Planned(f64, u64, Event);

impl PartialEq for Planned {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}
impl Eq for Planned {}
impl PartialOrd for Planned {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Planned {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0).then(self.1.cmp(&other.1))
    }
}

#[derive(Clone, Default)]
struct Server {
    /// When the posts came that wait for a commit, and those of the commit under way.
    waiting: Vec<f64>,
    committing: Vec<f64>,
    /// Those of commits that it has heard of and not pushed yet.
    pending: Vec<f64>,
    /// How many commits of all it knows.
    known: usize,
    /// Whether a step has a time already, and when the next one may begin.
    is_stepping: bool,
    free: f64,
    busy: f64,
}

struct World<'a> {
    costs: &'a Costs,
    load: Load,
    servers: Vec<Server>,
    /// The posts of each commit.
    commits: Vec<Vec<f64>>,
    /// When the database's turn is free.
    turn: f64,
    database: f64,
    planned: BinaryHeap<Reverse<Planned>>,
    number: u64,
    latencies: Vec<f64>,
    posts: VecDeque<f64>,
}

/// Follows `seconds` of it.
pub(super) fn simulate(costs: &Costs, load: Load, seconds: f64) -> Prediction {
    let mut world = World {
        costs,
        load,
        servers: vec![Server::default(); load.servers],
        commits: Vec::new(),
        turn: 0.0,
        database: 0.0,
        planned: BinaryHeap::new(),
        number: 0,
        latencies: Vec::new(),
        posts: (0..(load.rate * seconds) as usize).map(|number| number as f64 / load.rate).collect(),
    };
    for server in 0..load.servers {
        // They were not started at the same moment.
        world.plan(LOOK * server as f64 / load.servers as f64, Event::Look(server));
    }
    world.plan(0.0, Event::Post);
    while let Some(Reverse(Planned(now, _, event))) = world.planned.pop() {
        if now > seconds {
            break;
        }
        match event {
            Event::Post => world.post(now),
            Event::Committed(server) => world.committed(server, now),
            Event::Look(server) => world.look(server, now),
            Event::Step(server) => world.step(server, now),
        }
    }
    world.sum(seconds)
}

impl World<'_> {
    fn plan(&mut self, at: f64, event: Event) {
        self.number += 1;
        self.planned.push(Reverse(Planned(at, self.number, event)));
    }

    fn post(&mut self, now: f64) {
        let number = self.posts.len();
        let Some(came) = self.posts.pop_front() else { return };
        let server = if self.load.at_one { 0 } else { number % self.load.servers };
        self.servers[server].waiting.push(came);
        if self.servers[server].committing.is_empty() {
            self.commit(server, now);
        }
        if let Some(next) = self.posts.front() {
            self.plan(*next, Event::Post);
        }
    }

    /// One commit of a server for all that waits there; commits of all servers follow one another.
    fn commit(&mut self, server: usize, now: f64) {
        let waiting = &mut self.servers[server];
        waiting.committing = std::mem::take(&mut waiting.waiting);
        self.turn = self.turn.max(now) + self.costs.commit;
        self.plan(self.turn, Event::Committed(server));
    }

    fn committed(&mut self, server: usize, now: f64) {
        self.database += self.costs.commit_database;
        let commit = std::mem::take(&mut self.servers[server].committing);
        self.servers[server].busy += self.costs.commit_server;
        self.commits.push(commit);
        // A server hears of its own commits at once, and with them of those before.
        self.hear(server, now, true);
        if !self.servers[server].waiting.is_empty() {
            self.commit(server, now);
        }
    }

    fn look(&mut self, server: usize, now: f64) {
        self.database += self.costs.look_database;
        self.servers[server].busy += self.costs.look_server;
        self.hear(server, now, false);
        self.plan(now + LOOK, Event::Look(server));
    }

    /// Takes over what is committed and not known yet.
    fn hear(&mut self, server: usize, now: f64, is_own: bool) {
        let unknown = self.commits.len() - self.servers[server].known;
        let others = unknown - usize::from(is_own).min(unknown);
        self.database += self.costs.follow_database * others as f64;
        let Server { pending, known, busy, .. } = &mut self.servers[server];
        *busy += self.costs.follow_server * others as f64;
        self.commits[*known..].iter().for_each(|commit| pending.extend(commit));
        *known = self.commits.len();
        if unknown > 0 && !self.servers[server].is_stepping {
            self.servers[server].is_stepping = true;
            self.plan(now.max(self.servers[server].free), Event::Step(server));
        }
    }

    /// Pushes what has gathered to all viewers of a server, one after another.
    fn step(&mut self, server: usize, now: f64) {
        let viewers = self.load.viewers / self.load.servers;
        let cost = viewers as f64 * self.costs.delivery;
        let Server { pending, is_stepping, free, busy, .. } = &mut self.servers[server];
        *busy += cost;
        *is_stepping = false;
        *free = now + (PACE * cost).min(LONGEST_PAUSE).max(cost);
        for came in pending.drain(..) {
            // A tenth of the viewers each.
            self.latencies.extend((1..=10).map(|tenth| now + cost * f64::from(tenth) / 10.0 - came));
        }
    }

    fn sum(mut self, seconds: f64) -> Prediction {
        self.latencies.sort_by(f64::total_cmp);
        let percentile = |percent: usize| {
            let place = (self.latencies.len() * percent).div_ceil(100).saturating_sub(1);
            self.latencies.get(place).copied().unwrap_or(f64::NAN)
        };
        let busy: Vec<_> = self.servers.iter().map(|server| server.busy / seconds).collect();
        let left = self.servers.iter().map(|server| server.waiting.len() + server.pending.len()).max();
        let late = left.unwrap_or(0) as f64 / self.load.rate;
        Prediction {
            database: self.database / seconds,
            server: busy.iter().copied().fold(0.0, f64::max),
            servers: busy.iter().sum(),
            p50: percentile(50),
            p99: percentile(99),
            is_too_much: late > 0.5 || percentile(99) > 1.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COSTS: Costs = Costs {
        commit: 0.001,
        commit_database: 100e-6,
        follow_database: 10e-6,
        commit_server: 50e-6,
        follow_server: 5e-6,
        look_database: 60e-6,
        look_server: 20e-6,
        delivery: 5e-6,
    };

    fn load(servers: usize, viewers: usize, rate: f64) -> Load {
        Load { servers, viewers, rate, at_one: true }
    }

    fn is_about(figure: f64, expected: f64) -> bool {
        (figure / expected - 1.0).abs() < 0.05
    }

    #[test]
    fn what_is_done_is_paid_for() {
        let seen = simulate(&COSTS, load(3, 300, 50.0), 100.0);
        // 150 looks, 50 commits, which two servers read.
        let database = 150.0 * 60e-6 + 50.0 * 100e-6 + 100.0 * 10e-6;
        assert!(is_about(seen.database, database), "{seen:?}");
        // 50 looks, 50 commits, 100 viewers 50 times.
        let busiest = 50.0 * 20e-6 + 50.0 * 50e-6 + 5_000.0 * 5e-6;
        assert!(is_about(seen.server, busiest), "{seen:?}");
        assert!(!seen.is_too_much);
    }

    #[test]
    fn viewers_of_other_servers_wait_for_the_next_look() {
        let own = simulate(&COSTS, load(1, 1, 50.3), 100.0);
        assert!(is_about(own.p99, 0.001), "{own:?}");
        let all = simulate(&COSTS, load(3, 3, 50.3), 100.0);
        assert!(all.p99 > 0.015 && all.p99 < 0.022, "{all:?}");
    }

    #[test]
    fn more_is_gathered_where_pushing_takes_long_and_too_much_is_noticed() {
        let few = simulate(&COSTS, load(1, 100, 1_000.0), 10.0);
        let many = simulate(&COSTS, load(1, 8_000, 1_000.0), 10.0);
        assert!(few.p99 < many.p99 && many.server < 1.0 && !many.is_too_much, "{few:?} {many:?}");
        assert!(many.server < 8.0 * 1_000.0 * 5e-3 / 10.0, "a push has many updates");
        let none =
            simulate(&Costs { commit: 0.1, ..COSTS }, Load { at_one: false, ..load(100, 0, 1_000.0) }, 20.0);
        assert!(none.is_too_much, "ten commits a second for a hundred servers: {none:?}");
    }
}
