//! The queue between requests and commits: requests come one by one, commits take them in groups. Knows no actix.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long a commit waits for the companions it expects. A fraction of a disk flush: when they come, a flush is saved
/// for each; when they do not, little is lost.
const GATHER: Duration = Duration::from_micros(200);

/// Requests that wait for a commit, with the number of samples of each.
#[derive(Debug)]
pub(super) struct Groups<T> {
    queue: Mutex<Queue<T>>,
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
    /// Whether somebody takes groups until nothing waits.
    served: bool,
    /// How many requests the next commit would like to take together.
    expected: usize,
}

impl<T> Groups<T> {
    pub(super) fn new(requests: usize, samples: usize, group_limit: usize) -> Self {
        let queue = Queue { waiting: VecDeque::new(), samples: 0, served: false, expected: 0 };
        Self { queue: Mutex::new(queue), enough: Condvar::new(), limits: (requests, samples), group_limit }
    }

    /// Adds a request, or gives it back when too much waits already. True when nobody serves the queue: the caller must
    /// see to it that somebody does.
    pub(super) fn push(&self, samples: usize, request: T) -> Result<bool, T> {
        let mut queue = self.lock();
        if queue.waiting.len() >= self.limits.0 || queue.samples + samples > self.limits.1 {
            return Err(request);
        }
        queue.samples += samples;
        queue.waiting.push_back((samples, request));
        if queue.waiting.len() == queue.expected {
            self.enough.notify_one();
        }
        Ok(!std::mem::replace(&mut queue.served, true))
    }

    /// How many requests wait.
    pub(super) fn len(&self) -> usize {
        self.lock().waiting.len()
    }

    /// Whether nobody waits and nobody is being served.
    pub(super) fn is_idle(&self) -> bool {
        let queue = self.lock();
        queue.waiting.is_empty() && !queue.served
    }

    /// The oldest requests, at least one; `None` when nobody waits, and then nobody serves the queue any more.
    ///
    /// `answered` is how many the last commit answered. Clients that wait for their answers send the next request right
    /// after it, so together with those who wait already they are as many as can be expected: for so many, and no longer
    /// than [`GATHER`], it waits. Without that, clients fall into two halves, each of which waits for the other's flush.
    pub(super) fn take(&self, answered: usize) -> Option<Vec<T>> {
        let mut queue = self.lock();
        if queue.waiting.is_empty() {
            queue.served = false;
            return None;
        }
        if answered > 0 {
            queue.expected = queue.waiting.len() + answered;
            let waited =
                self.enough.wait_timeout_while(queue, GATHER, |queue| queue.waiting.len() < queue.expected);
            queue = waited.unwrap_or_else(PoisonError::into_inner).0;
            queue.expected = 0;
        }
        let mut group = Vec::new();
        let mut samples = 0;
        while let Some((next, _)) = queue.waiting.front() {
            if !group.is_empty() && samples + next > self.group_limit {
                break;
            }
            let Some((next, request)) = queue.waiting.pop_front() else { break };
            samples += next;
            group.push(request);
        }
        queue.samples -= samples;
        Some(group)
    }

    fn lock(&self) -> MutexGuard<'_, Queue<T>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_bounded_but_never_empty() {
        let groups = Groups::new(10, 1_000, 10);
        for (samples, request) in [(4, 'a'), (6, 'b'), (1, 'c'), (50, 'd'), (1, 'e')] {
            groups.push(samples, request).unwrap();
        }
        assert_eq!(groups.take(0), Some(vec!['a', 'b']));
        assert_eq!(groups.take(0), Some(vec!['c']));
        assert_eq!(groups.take(0), Some(vec!['d']));
        assert_eq!(groups.take(0), Some(vec!['e']));
        assert_eq!(groups.take(0), None);
    }

    #[test]
    fn what_is_too_much_is_given_back() {
        let groups = Groups::new(2, 10, 10);
        groups.push(9, 'a').unwrap();
        assert_eq!(groups.push(2, 'b'), Err('b'), "too many samples");
        groups.push(1, 'c').unwrap();
        assert_eq!(groups.push(0, 'd'), Err('d'), "too many requests");
        groups.take(0).unwrap();
        assert!(groups.push(10, 'e').is_ok());
    }

    #[test]
    fn whoever_finds_nobody_serving_must_begin() {
        let groups = Groups::new(10, 10, 10);
        assert!(groups.is_idle());
        assert_eq!(groups.push(1, 'a'), Ok(true));
        assert_eq!(groups.push(1, 'b'), Ok(false));
        assert_eq!(groups.take(0), Some(vec!['a', 'b']));
        assert_eq!(groups.push(1, 'c'), Ok(false), "the one who serves looks again");
        assert_eq!(groups.take(0), Some(vec!['c']));
        assert!(!groups.is_idle());
        assert_eq!(groups.take(0), None);
        assert!(groups.is_idle());
        assert_eq!(groups.push(1, 'd'), Ok(true));
    }

    #[test]
    fn companions_are_waited_for_but_not_for_ever() {
        let groups = Groups::new(10, 10, 10);
        groups.push(1, 'a').unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| groups.push(1, 'b').unwrap());
            let first = groups.take(1).unwrap();
            let second = groups.take(0).unwrap_or_default();
            // The companion may also come after both looks.
            assert!([first, second].concat().starts_with(&['a']));
        });
        groups.push(1, 'c').unwrap();
        assert!(groups.take(100).unwrap().ends_with(&['c']));
    }
}
