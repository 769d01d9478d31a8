//! Messages that are sent from memory while the disk is full: an alert is no less urgent for it.
//!
//! They have the numbers that they would have from the outbox, where they are as soon as there is room, unless they have been
//! delivered by then.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use afterglow_wire::alert::Message;

use super::{Next, Notifier, RETRY, Shared, Worker, micros};
use crate::alerts::compose::compose;
use crate::alerts::delivery;
use crate::alerts::send::Tried;
use crate::clock::Stopwatch;
use crate::store::alerts::NewNotice;

/// Messages of one channel in memory; what is beyond them waits for the outbox.
const MOST: usize = 64;

/// What is in memory, of all channels.
#[derive(Default)]
pub(super) struct Urgent(Mutex<Messages>);

#[derive(Default)]
struct Messages {
    by_channel: HashMap<String, VecDeque<Entry>>,
    /// Keys of notices that are in a message, delivered or not.
    known: HashSet<String>,
    /// Keys of those that are delivered.
    sent: HashSet<String>,
}

struct Entry {
    message: Message,
    keys: Vec<String>,
    attempts: u32,
    /// The last attempt, and how long nothing is tried after it.
    tried: Option<(Stopwatch, Duration)>,
}

impl Urgent {
    fn lock(&self) -> MutexGuard<'_, Messages> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Notifier {
    /// Sends notices that the database has no room for, as far as that has not been asked before.
    pub fn send_from_memory(&self, notices: &[NewNotice]) {
        let now = self.0.clock.now();
        let mut urgent = self.0.urgent.lock();
        let mut parts: BTreeMap<(&str, &str), Vec<&NewNotice>> = BTreeMap::new();
        for new in notices.iter().filter(|new| !urgent.known.contains(&new.key)) {
            parts.entry((&new.channel, &new.topic)).or_default().push(new);
        }
        let mut busy = Vec::new();
        for ((channel, topic), parts) in parts {
            let queue = urgent.by_channel.entry(channel.to_owned()).or_default();
            if queue.len() == MOST {
                continue;
            }
            let notices = parts.iter().map(|new| new.notice.clone()).collect();
            let keys: Vec<String> = parts.iter().map(|new| new.key.clone()).collect();
            let message = compose(channel, topic, notices, 0, now);
            queue.push_back(Entry { message, keys: keys.clone(), attempts: 0, tried: None });
            urgent.known.extend(keys);
            busy.push(channel);
        }
        drop(urgent);
        self.wake(busy.into_iter());
    }

    /// Removes those that have been delivered from memory.
    pub fn leave_out_sent(&self, notices: &mut Vec<NewNotice>) {
        let urgent = self.0.urgent.lock();
        if !urgent.sent.is_empty() {
            notices.retain(|new| !urgent.sent.contains(&new.key));
        }
    }

    /// The database has them now.
    pub fn forget_memory(&self) {
        let mut urgent = self.0.urgent.lock();
        if !urgent.known.is_empty() {
            *urgent = Messages::default();
        }
    }
}

impl Worker {
    /// Sends the first message in memory, when there is one.
    pub(super) fn send_urgent(&self) -> Option<Next> {
        let Shared { store, sender, clock, metrics, urgent, .. } = &*self.notifier.0;
        let (message, attempts) = {
            let urgent = urgent.lock();
            let entry = urgent.by_channel.get(&self.channel)?.front()?;
            if let Some((since, pause)) = &entry.tried {
                let left = pause.saturating_sub(since.elapsed());
                if !left.is_zero() {
                    return Some(Next::Wait(left));
                }
            }
            (entry.message.clone(), entry.attempts)
        };
        let Ok(whole) = store.whole_channel(&self.channel) else { return Some(Next::Wait(RETRY)) };
        let now = clock.now();
        let Tried { attempt, took, .. } = sender.send(whole, &message, now);
        let age = micros(now.micros() - message.at.micros());
        let (outcome, pause) = delivery::next(&attempt, attempts + 1, age, rand::random());
        metrics.alerts.message(&self.channel, outcome);
        if attempts == 0 && attempt.error.is_none() {
            metrics.alerts.sent_after(age + took);
        }
        let mut urgent = urgent.lock();
        // It may have gone to the outbox meanwhile.
        let queue = urgent.by_channel.get_mut(&self.channel)?;
        let entry = queue.front_mut().filter(|entry| entry.message.id == message.id)?;
        match pause {
            Some(pause) => {
                entry.attempts += 1;
                entry.tried = Some((Stopwatch::start(), pause));
            }
            None => {
                let keys = queue.pop_front().map(|entry| entry.keys).unwrap_or_default();
                urgent.sent.extend(keys);
            }
        }
        Some(Next::Again)
    }
}
