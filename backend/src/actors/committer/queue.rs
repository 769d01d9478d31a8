//! The queue between requests and commits: requests come one by one, commits take them in groups, of each sender in order and one
//! sender's after another's. Knows no actix.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long a commit waits for the companions it expects. About a disk flush: when they come, a flush is saved for
/// each; when they do not, little is lost.
const GATHER: Duration = Duration::from_micros(200);

/// Requests that wait for a commit, with the number of samples of each.
#[derive(Debug)]
pub(super) struct CommitQueue<T> {
    queue: Mutex<Queue<T>>,
    /// Told when as many wait as [`Queue::wanted`] says, or when no more come.
    enough: Condvar,
    /// Requests, and samples, that may wait: in all, and of one sender.
    limits: Limits,
    /// Samples of one group; the rest goes into the next, so that nobody waits for a giant transaction.
    group_limit: usize,
}

/// How much may wait.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Requests of all senders; half of them of one.
    pub(super) requests: usize,
    /// Samples of all senders.
    pub(super) samples: usize,
    /// Samples of one sender.
    pub(super) own_samples: usize,
}

/// An address; none for what the server itself sends.
pub(super) type Sender = Option<IpAddr>;

#[derive(Debug)]
struct Queue<T> {
    /// What waits, by its sender.
    lines: HashMap<Sender, Line<T>>,
    /// Whose turn it is; each that has something once.
    turns: VecDeque<Sender>,
    requests: usize,
    samples: usize,
    /// How many requests the next commit would like to take together; 0 while it does not wait for any.
    wanted: usize,
    closed: bool,
}

#[derive(Debug)]
struct Line<T> {
    waiting: VecDeque<(usize, T)>,
    samples: usize,
}

/// Why a request was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PushError {
    /// Too much waits already.
    Full,
    /// Nothing is taken any more.
    Closed,
}

impl<T> CommitQueue<T> {
    pub(super) fn new(limits: Limits, group_limit: usize) -> Self {
        let queue = Queue {
            lines: HashMap::new(),
            turns: VecDeque::new(),
            requests: 0,
            samples: 0,
            wanted: 0,
            closed: false,
        };
        Self { queue: Mutex::new(queue), enough: Condvar::new(), limits, group_limit }
    }

    /// Adds a request.
    pub(super) fn push(&self, sender: Sender, samples: usize, request: T) -> Result<(), PushError> {
        let mut queue = self.lock();
        if queue.closed {
            return Err(PushError::Closed);
        }
        let Limits { requests, samples: all, own_samples } = self.limits;
        let own = queue.lines.get(&sender).map_or((0, 0), |line| (line.waiting.len(), line.samples));
        if queue.requests >= requests
            || queue.samples + samples > all
            || own.0 >= requests.div_ceil(2)
            || own.1 + samples > own_samples
        {
            return Err(PushError::Full);
        }
        queue.put(sender, samples, request);
        // One wake a group, not one a request.
        if queue.requests == queue.wanted {
            drop(queue);
            self.enough.notify_one();
        }
        Ok(())
    }

    /// How many requests wait.
    pub(super) fn len(&self) -> usize {
        self.lock().requests
    }

    /// Takes no more requests; those that wait are still handed out.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.enough.notify_one();
    }

    /// Whether nothing is taken any more.
    pub(super) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// The next requests, at least one; waits for it. `None` once the queue is closed and empty. For one caller.
    ///
    /// `answered` is how many the last commit answered. Clients that wait for their answers send the next request right
    /// after it. Together with those that wait already, that many requests can be expected: it waits for them, but no longer
    /// than [`GATHER`]. Without that, clients fall into two halves, each of which waits for the other's flush.
    pub(super) fn take(&self, answered: usize) -> Option<Vec<T>> {
        let mut queue = self.lock();
        if answered > 0 {
            queue.wanted = queue.requests + answered;
            let gathered = self.enough.wait_timeout_while(queue, GATHER, |queue| !queue.has_enough());
            queue = gathered.unwrap_or_else(PoisonError::into_inner).0;
        }
        queue.wanted = 1;
        queue = self
            .enough
            .wait_while(queue, |queue| !queue.has_enough())
            .unwrap_or_else(PoisonError::into_inner);
        queue.wanted = 0;
        queue.take_group(self.group_limit)
    }

    fn lock(&self) -> MutexGuard<'_, Queue<T>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Queue<T> {
    fn put(&mut self, sender: Sender, samples: usize, request: T) {
        (self.requests, self.samples) = (self.requests + 1, self.samples + samples);
        let line = match self.lines.entry(sender) {
            Entry::Occupied(line) => line.into_mut(),
            Entry::Vacant(place) => {
                self.turns.push_back(sender);
                place.insert(Line { waiting: VecDeque::new(), samples: 0 })
            }
        };
        line.samples += samples;
        line.waiting.push_back((samples, request));
    }

    fn has_enough(&self) -> bool {
        self.closed || self.requests >= self.wanted
    }

    fn take_group(&mut self, limit: usize) -> Option<Vec<T>> {
        let mut group = Vec::with_capacity(self.requests);
        let mut samples = 0;
        while let Some(sender) = self.turns.front().copied() {
            let Some(line) = self.lines.get_mut(&sender) else { break };
            let Some((next, request)) =
                line.waiting.pop_front_if(|(next, _)| group.is_empty() || samples + *next <= limit)
            else {
                break;
            };
            samples += next;
            line.samples -= next;
            group.push(request);
            self.turns.pop_front();
            if line.waiting.is_empty() {
                self.lines.remove(&sender);
            } else {
                self.turns.push_back(sender);
            }
        }
        self.requests -= group.len();
        self.samples -= samples;
        (!group.is_empty()).then_some(group)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: Sender = Some(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST));

    /// Of which one sender may have all samples.
    fn queue(requests: usize, samples: usize, group: usize) -> CommitQueue<char> {
        CommitQueue::new(Limits { requests, samples, own_samples: samples }, group)
    }

    #[test]
    fn groups_are_bounded_but_never_empty() {
        let queue = queue(10, 1_000, 10);
        for (samples, request) in [(4, 'a'), (6, 'b'), (1, 'c'), (50, 'd'), (1, 'e')] {
            queue.push(HERE, samples, request).unwrap();
        }
        queue.close();
        assert_eq!(queue.push(HERE, 1, 'f'), Err(PushError::Closed));
        assert_eq!(queue.take(0), Some(vec!['a', 'b']));
        assert_eq!(queue.take(0), Some(vec!['c']));
        assert_eq!(queue.take(0), Some(vec!['d']));
        assert_eq!(queue.len(), 1);
        assert_eq!(queue.take(0), Some(vec!['e']));
        assert_eq!(queue.take(0), None);
    }

    #[test]
    fn what_is_too_much_is_not_taken() {
        let queue = queue(4, 10, 10);
        queue.push(HERE, 9, 'a').unwrap();
        assert_eq!(queue.push(HERE, 2, 'b'), Err(PushError::Full), "too many samples");
        queue.push(HERE, 1, 'c').unwrap();
        assert_eq!(queue.push(HERE, 0, 'd'), Err(PushError::Full), "too many requests");
        queue.take(0).unwrap();
        assert!(queue.push(HERE, 10, 'e').is_ok());
    }

    #[test]
    fn senders_take_turns_and_each_has_a_part() {
        let queue = CommitQueue::new(Limits { requests: 10, samples: 100, own_samples: 60 }, 20);
        let [many, few]: [Sender; 2] = [HERE, None];
        for request in ['a', 'b', 'c'] {
            queue.push(many, 20, request).unwrap();
        }
        assert_eq!(queue.push(many, 1, 'x'), Err(PushError::Full), "it has as many samples as one may have");
        queue.push(few, 1, 'd').unwrap();
        queue.push(few, 0, 'e').unwrap();
        for _ in 0..3 {
            queue.push(few, 1, 'f').unwrap();
        }
        assert_eq!(queue.push(few, 1, 'x'), Err(PushError::Full), "it has half of the places");
        queue.close();
        assert_eq!(queue.take(0), Some(vec!['a']), "it came first");
        assert_eq!(queue.take(0), Some(vec!['d']), "then it is another one's turn");
        assert_eq!(queue.take(0), Some(vec!['b', 'e']));
        assert_eq!(queue.take(0), Some(vec!['c']));
        assert_eq!(queue.take(0), Some(vec!['f', 'f', 'f']), "in the order in which they came");
        assert_eq!((queue.take(0), queue.len()), (None, 0));
    }

    #[test]
    fn companions_are_waited_for_but_not_for_ever() {
        let queue = queue(10, 10, 10);
        queue.push(HERE, 1, 'a').unwrap();
        assert_eq!(queue.take(100), Some(vec!['a']));
        queue.push(HERE, 1, 'b').unwrap();
        queue.push(HERE, 1, 'c').unwrap();
        assert_eq!(queue.take(0), Some(vec!['b', 'c']), "what waits already is taken along");
    }

    #[test]
    fn a_commit_waits_until_there_is_something() {
        let limits = Limits { requests: 200, samples: 100, own_samples: 100 };
        let queue = CommitQueue::new(limits, 100);
        let taken = std::thread::scope(|scope| {
            let takes = scope.spawn(|| {
                let mut taken = Vec::new();
                let mut answered = 0;
                while let Some(group) = queue.take(answered) {
                    answered = group.len();
                    taken.extend(group);
                }
                taken
            });
            (0..100).for_each(|number| queue.push(HERE, 1, number).unwrap());
            queue.close();
            takes.join().unwrap()
        });
        assert_eq!(taken, (0..100).collect::<Vec<_>>());
    }
}
