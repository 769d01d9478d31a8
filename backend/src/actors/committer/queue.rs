//! The queue between requests and commits: requests come one by one, commits take them in queue. Knows no actix.

use std::collections::VecDeque;
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
    /// Requests, and samples, that may wait.
    limits: (usize, usize),
    /// Samples of one group; the rest goes into the next, so that nobody waits for a giant transaction.
    group_limit: usize,
}

#[derive(Debug)]
struct Queue<T> {
    waiting: VecDeque<(usize, T)>,
    samples: usize,
    /// How many requests the next commit would like to take together; 0 while it does not wait for any.
    wanted: usize,
    closed: bool,
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
    pub(super) fn new(requests: usize, samples: usize, group_limit: usize) -> Self {
        let queue = Queue { waiting: VecDeque::new(), samples: 0, wanted: 0, closed: false };
        Self { queue: Mutex::new(queue), enough: Condvar::new(), limits: (requests, samples), group_limit }
    }

    /// Adds a request.
    pub(super) fn push(&self, samples: usize, request: T) -> Result<(), PushError> {
        let mut queue = self.lock();
        if queue.closed {
            return Err(PushError::Closed);
        }
        if queue.waiting.len() >= self.limits.0 || queue.samples + samples > self.limits.1 {
            return Err(PushError::Full);
        }
        queue.samples += samples;
        queue.waiting.push_back((samples, request));
        // One wake a group, not one a request.
        if queue.waiting.len() == queue.wanted {
            drop(queue);
            self.enough.notify_one();
        }
        Ok(())
    }

    /// How many requests wait.
    pub(super) fn len(&self) -> usize {
        self.lock().waiting.len()
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

    /// The oldest requests, at least one; waits for it. `None` once the queue is closed and empty. For one caller.
    ///
    /// `answered` is how many the last commit answered. Clients that wait for their answers send the next request right
    /// after it. Together with those that wait already, that many requests can be expected: it waits for them, but no longer
    /// than [`GATHER`]. Without that, clients fall into two halves, each of which waits for the other's flush.
    pub(super) fn take(&self, answered: usize) -> Option<Vec<T>> {
        let mut queue = self.lock();
        if answered > 0 {
            queue.wanted = queue.waiting.len() + answered;
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
    fn has_enough(&self) -> bool {
        self.closed || self.waiting.len() >= self.wanted
    }

    fn take_group(&mut self, limit: usize) -> Option<Vec<T>> {
        let mut group = Vec::with_capacity(self.waiting.len());
        let mut samples = 0;
        while let Some((next, _)) = self.waiting.front() {
            if !group.is_empty() && samples + next > limit {
                break;
            }
            let Some((next, request)) = self.waiting.pop_front() else { break };
            samples += next;
            group.push(request);
        }
        self.samples -= samples;
        (!group.is_empty()).then_some(group)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_bounded_but_never_empty() {
        let queue = CommitQueue::new(10, 1_000, 10);
        for (samples, request) in [(4, 'a'), (6, 'b'), (1, 'c'), (50, 'd'), (1, 'e')] {
            queue.push(samples, request).unwrap();
        }
        queue.close();
        assert_eq!(queue.push(1, 'f'), Err(PushError::Closed));
        assert_eq!(queue.take(0), Some(vec!['a', 'b']));
        assert_eq!(queue.take(0), Some(vec!['c']));
        assert_eq!(queue.take(0), Some(vec!['d']));
        assert_eq!(queue.len(), 1);
        assert_eq!(queue.take(0), Some(vec!['e']));
        assert_eq!(queue.take(0), None);
    }

    #[test]
    fn what_is_too_much_is_not_taken() {
        let queue = CommitQueue::new(2, 10, 10);
        queue.push(9, 'a').unwrap();
        assert_eq!(queue.push(2, 'b'), Err(PushError::Full), "too many samples");
        queue.push(1, 'c').unwrap();
        assert_eq!(queue.push(0, 'd'), Err(PushError::Full), "too many requests");
        queue.take(0).unwrap();
        assert!(queue.push(10, 'e').is_ok());
    }

    #[test]
    fn companions_are_waited_for_but_not_for_ever() {
        let queue = CommitQueue::new(10, 10, 10);
        queue.push(1, 'a').unwrap();
        assert_eq!(queue.take(100), Some(vec!['a']));
        queue.push(1, 'b').unwrap();
        queue.push(1, 'c').unwrap();
        assert_eq!(queue.take(0), Some(vec!['b', 'c']), "what waits already is taken along");
    }

    #[test]
    fn a_commit_waits_until_there_is_something() {
        let queue = CommitQueue::new(100, 100, 100);
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
            (0..100).for_each(|number| queue.push(1, number).unwrap());
            queue.close();
            takes.join().unwrap()
        });
        assert_eq!(taken, (0..100).collect::<Vec<_>>());
    }
}
