//! **Role.** Tells people: makes messages of what waits in the outbox, and hands them to channels.
//! **Receives.** The names of channels with notices, through [`Notifier::wake`]; the outbox is the store's.
//! **Sends.** Requests, letters and programs' input to receivers; notices for a fallback into the outbox.
//! **Bound.** A thread for each channel with notices, of at most as many as are kept; one message of a channel at
//! a time. What waits is rows of the outbox, at most [`WAITING_NOTICES`] notices and what comes during one attempt.
//! **Overload.** Gather: the longer a channel takes, the more one message says. What is not listed in it is counted. Beyond the bound the oldest
//! notices become messages at once. While the disk is full messages are sent from memory (`notifier/urgent`).
//! **Restart.** What is stored and not marked as delivered is sent again, under the same number. A thread that panics ends the
//! process.

mod fallback;
mod urgent;

use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use afterglow_wire::Timestamp;
use afterglow_wire::alert::{EpisodeState, Event, Message, Notice};
use afterglow_wire::channel::{Channel, ChannelKind, ChannelTest, Delivery, Outcome};
use afterglow_wire::document::Document as _;
use afterglow_wire::limits::WAITING_NOTICES;
use afterglow_wire::rule::Severity;
use tokio::sync::mpsc;

use crate::alerts::compose::{compose, summary};
use crate::alerts::delivery;
use crate::alerts::pace::Pace;
use crate::alerts::send::{Sender, Tried};
use crate::clock::{Clock, Stopwatch};
use crate::fault::{self, Point};
use crate::lifeline::Lifeline;
use crate::metrics::Metrics;
use crate::store::alerts::Stored;
use crate::store::{SaveError, Store, StoreError};
use fallback::Report;
use urgent::Urgent;

/// A thread that has nothing to do ends after this time.
const IDLE: Duration = Duration::from_secs(60);

/// How often `heartbeat` channels are asked.
const BEAT: Duration = Duration::from_secs(60);

/// After an error of the store, and while it is not known which server leads.
const RETRY: Duration = Duration::from_secs(1);

/// A message that is due later than the longest pause from now was stored under another time of the clock.
const LATEST: Duration = Duration::from_secs(2 * 3_600);

/// How others have notices sent. Cloning is cheap.
#[derive(Clone)]
pub struct Notifier(Arc<Shared>);

struct Shared {
    store: Store,
    sender: Sender,
    clock: Clock,
    metrics: Metrics,
    lost: mpsc::UnboundedSender<&'static str>,
    workers: Mutex<Workers>,
    urgent: Urgent,
}

#[derive(Default)]
struct Workers {
    by_channel: HashMap<String, Arc<Bell>>,
    stopping: bool,
}

/// Wakes one thread.
#[derive(Default)]
struct Bell {
    rung: Mutex<bool>,
    changed: Condvar,
}

impl Bell {
    fn ring(&self) {
        *self.rung.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_all();
    }

    /// Waits until it rings or `time` has passed; whether it rang.
    fn wait(&self, time: Duration) -> bool {
        let rung = self.rung.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.changed.wait_timeout_while(rung, time, |rung| !*rung);
        let (mut rung, _) = waited.unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut rung)
    }
}

impl Notifier {
    /// Starts sending what the outbox of `store` has. `lost` hears of a thread that panics.
    pub fn start(
        store: Store,
        sender: Sender,
        clock: Clock,
        metrics: Metrics,
        lost: mpsc::UnboundedSender<&'static str>,
    ) -> Self {
        let (workers, urgent) = <(Mutex<Workers>, Urgent)>::default();
        let notifier = Self(Arc::new(Shared { store, sender, clock, metrics, lost, workers, urgent }));
        if let Err(error) = notifier.wake_all() {
            log::error!("notices that wait are sent later: {error}");
        }
        notifier
    }

    /// Wakes every channel with notices, and those that get a message at regular intervals.
    ///
    /// # Errors
    /// When the database does not answer: then some may sleep on.
    pub fn wake_all(&self) -> Result<(), StoreError> {
        let busy = self.0.store.busy_channels()?;
        self.wake(busy.iter().map(String::as_str));
        let channels = self.0.store.saved::<Channel>()?;
        let beating = channels.iter().filter(|saved| saved.document.kind == ChannelKind::Heartbeat);
        self.wake(beating.map(|saved| &*saved.document.id));
        Ok(())
    }

    /// Wakes these channels, which have notices. Where several servers have one database, only the one that leads sends.
    pub fn wake<'c>(&self, channels: impl Iterator<Item = &'c str>) {
        if !self.0.store.leads() {
            return;
        }
        for channel in channels {
            let mut workers = self.workers();
            if workers.stopping {
                return;
            }
            if let Some(bell) = workers.by_channel.get(channel) {
                bell.ring();
                continue;
            }
            let bell = Arc::<Bell>::default();
            let mut worker = Worker::new(self.clone(), channel, Arc::clone(&bell));
            let lifeline = Lifeline::new("notifier", self.0.lost.clone());
            let run = move || {
                worker.run();
                lifeline.end();
            };
            match std::thread::Builder::new().name(format!("channel {channel}")).spawn(run) {
                Ok(_) => drop(workers.by_channel.insert(channel.to_owned(), bell)),
                Err(error) => log::error!("the channel {channel:?} gets its messages later: {error}"),
            }
        }
    }

    /// Ends all threads, each after the request that it has begun. What they have not sent is sent after the next start.
    pub fn stop(&self) {
        let mut workers = self.workers();
        workers.stopping = true;
        workers.by_channel.values().for_each(|bell| bell.ring());
    }

    /// Whether the configuration has a command of this name.
    pub fn has_command(&self, name: &str) -> bool {
        self.0.sender.has_command(name)
    }

    /// Sends a message that is marked as a test. Blocks.
    ///
    /// # Errors
    /// When there is no such channel or the database does not answer.
    pub fn test(&self, channel: &str) -> Result<ChannelTest, SaveError> {
        let Shared { store, sender, clock, .. } = &*self.0;
        let whole = store.whole_channel(channel)?;
        let now = clock.now();
        let notice = Notice {
            episode: format!("test-{:x}", now.micros()),
            event: Event::Test,
            rule: "test".into(),
            title: "A test".into(),
            signal: "afterglow.test".into(),
            severity: Severity::Info,
            state: EpisodeState::Firing,
            value: 1.0,
            limit: 0.0,
            at: now,
            since: now,
            text: "Somebody tests this channel. Nothing is wrong.".into(),
            link: None,
            labels: std::collections::BTreeMap::new(),
        };
        let message = compose(channel, "test", vec![notice], 0, now);
        let Tried { attempt, sent, took } = sender.send(whole, &message, now);
        let outcome = if attempt.error.is_none() { Outcome::Delivered } else { Outcome::Refused };
        let delivery = Delivery {
            at: now,
            message: message.id.clone(),
            what: summary(&message),
            attempt: 1,
            outcome,
            status: attempt.status,
            took_millis: millis(took),
            error: attempt.error,
        };
        store.log_delivery(channel, &delivery)?;
        Ok(ChannelTest { delivery, sent })
    }

    fn workers(&self) -> MutexGuard<'_, Workers> {
        self.0.workers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What one channel's thread knows.
struct Worker {
    notifier: Notifier,
    channel: String,
    bell: Arc<Bell>,
    since: Stopwatch,
    paces: HashMap<String, Pace>,
    /// Since when every attempt has failed.
    failing_since: Option<Duration>,
    /// Whether the fallback was notified of that, or is to be by `unreported`.
    fallback_notified: bool,
    /// What the fallback is to be notified of, as long as the database does not take it: until then nothing is sent.
    unreported: Option<Report>,
    /// Whether what has gathered during a failure is sent as one message.
    catching_up: bool,
    next_beat: Duration,
    /// What became of the last attempt, as long as the database does not take it: until then nothing is sent.
    unnoted: Option<(Delivery, Option<Timestamp>)>,
}

/// What is to be done next.
enum Next {
    /// Look again at once.
    Again,
    /// Nothing for this time, unless the bell rings.
    Wait(Duration),
    /// Nothing at all.
    Idle,
}

impl Worker {
    fn new(notifier: Notifier, channel: &str, bell: Arc<Bell>) -> Self {
        Self {
            notifier,
            channel: channel.to_owned(),
            bell,
            since: Stopwatch::start(),
            paces: HashMap::new(),
            failing_since: None,
            fallback_notified: false,
            unreported: None,
            catching_up: false,
            next_beat: Duration::ZERO,
            unnoted: None,
        }
    }

    fn run(&mut self) {
        let mut idle_since: Option<Duration> = None;
        loop {
            if self.notifier.workers().stopping {
                break;
            }
            let wait = match self.step() {
                Ok(Next::Again) => {
                    idle_since = None;
                    continue;
                }
                Ok(Next::Wait(time)) => {
                    idle_since = None;
                    time
                }
                Ok(Next::Idle) => {
                    let since = *idle_since.get_or_insert(self.since.elapsed());
                    let left = (since + IDLE).saturating_sub(self.since.elapsed());
                    if left.is_zero() && self.leave() {
                        return;
                    }
                    left.max(Duration::from_millis(1))
                }
                Err(error) => {
                    log::warn!("the channel {:?} waits for the database: {error}", self.channel);
                    RETRY
                }
            };
            if self.bell.wait(wait) {
                idle_since = None;
            }
        }
        self.notifier.workers().by_channel.remove(&self.channel);
    }

    /// Ends this thread, unless the bell has just rung; whether it ends.
    fn leave(&self) -> bool {
        let mut workers = self.notifier.workers();
        if *self.bell.rung.lock().unwrap_or_else(PoisonError::into_inner) {
            return false;
        }
        workers.by_channel.remove(&self.channel);
        true
    }

    fn step(&mut self) -> Result<Next, StoreError> {
        if let Some(next) = self.send_urgent() {
            return Ok(next);
        }
        self.report()?;
        self.note_attempt()?;
        let store = &self.notifier.0.store;
        let topics = store.topics(&self.channel)?;
        let most = fault::waiting_notices().unwrap_or(WAITING_NOTICES);
        if topics.iter().map(|topic| topic.waiting).sum::<u64>() > most
            && let Some(topic) = topics.iter().max_by_key(|topic| topic.waiting)
        {
            log::warn!(
                "more than {most} notices wait for the channel {:?}: they are summed up",
                self.channel
            );
            return self.compose(Some(&topic.topic), &topic.topic, true);
        }
        if let Some(stored) = store.first_message(&self.channel)? {
            return self.deliver(stored);
        }
        let now = self.since.elapsed();
        self.paces.retain(|_, pace| !pace.is_idle(now));
        if self.catching_up && !topics.is_empty() {
            return self.compose(None, "*", false);
        }
        let mut soonest: Option<Duration> = None;
        for topic in topics {
            let due = self.paces.entry(topic.topic.clone()).or_default().due(now);
            if due <= now {
                self.paces.entry(topic.topic.clone()).or_default().sent(now);
                return self.compose(Some(&topic.topic), &topic.topic, false);
            }
            soonest = Some(soonest.map_or(due, |soonest| soonest.min(due)));
        }
        match soonest {
            Some(due) => Ok(Next::Wait(due - now)),
            None => self.beat(),
        }
    }

    /// Makes a message of what waits of a topic, or of all; when there are `too_many` notices, before the messages that wait are sent.
    fn compose(&mut self, topic: Option<&str>, name: &str, too_many: bool) -> Result<Next, StoreError> {
        let Shared { store, clock, .. } = &*self.notifier.0;
        let now = clock.now();
        let still = store.count_open(topic)?;
        store.compose(&self.channel, topic, too_many, |notices| {
            compose(&self.channel, name, notices, still, now)
        })?;
        self.catching_up &= too_many;
        fault::crash_point(Point::MessageComposed);
        Ok(Next::Again)
    }

    fn deliver(&mut self, stored: Stored) -> Result<Next, StoreError> {
        let shared = Arc::clone(&self.notifier.0);
        let Shared { store, sender, clock, metrics, .. } = &*shared;
        let Stored { message, attempts, next_at } = stored;
        let now = clock.now();
        let wait = micros(next_at.micros() - now.micros());
        if !wait.is_zero() && wait < LATEST {
            return Ok(Next::Wait(wait));
        }
        // Or else it was deleted meanwhile, with all that waited for it.
        let Some(whole) = self.whole_channel()? else { return Ok(Next::Idle) };
        if !store.leads() {
            // It is another server's to send.
            return Ok(Next::Idle);
        }
        if !store.leads_alone() {
            // Another server may send it by now; this one is about to know.
            return Ok(Next::Wait(RETRY));
        }
        let fallback = whole.fallback.clone();
        let Tried { attempt, took, .. } = sender.send(whole, &message, now);
        if attempt.error.is_none() {
            fault::crash_point(Point::MessageSent);
        }
        let age = micros(now.micros() - message.at.micros());
        let (outcome, pause) = delivery::next(&attempt, attempts + 1, age, rand::random());
        metrics.alerts.message(&self.channel, outcome);
        if attempts == 0 && attempt.error.is_none() {
            metrics.alerts.sent_after(age + took);
        }
        let after = clock.now();
        let next_at = pause
            .map(|pause| Timestamp::from_micros(after.micros().saturating_add(pause.as_micros() as i64)));
        let delivery = Delivery {
            at: now,
            message: message.id.clone(),
            what: summary(&message),
            attempt: attempts + 1,
            outcome,
            status: attempt.status,
            took_millis: millis(took),
            error: attempt.error.clone(),
        };
        self.unnoted = Some((delivery, next_at));
        self.note(outcome, attempt.error.as_deref(), fallback);
        // First: a process that ends in between sends the message again, and reports that.
        self.report()?;
        self.note_attempt()?;
        Ok(Next::Again)
    }

    /// The channel with its secrets; none when it was deleted.
    fn whole_channel(&self) -> Result<Option<Channel>, StoreError> {
        match self.notifier.0.store.whole_channel(&self.channel) {
            Ok(whole) => Ok(Some(whole)),
            Err(SaveError::NotFound(_)) => Ok(None),
            Err(SaveError::Store(error)) => Err(error),
            Err(other) => Err(StoreError::Down(other.to_string())),
        }
    }

    /// Writes what became of the last attempt, unless that is written.
    fn note_attempt(&mut self) -> Result<(), StoreError> {
        if let Some((delivery, next_at)) = &self.unnoted {
            self.notifier.0.store.delivered(&self.channel, delivery, *next_at)?;
            self.unnoted = None;
        }
        Ok(())
    }

    /// Asks a `heartbeat` channel when it is time.
    fn beat(&mut self) -> Result<Next, StoreError> {
        let Shared { store, sender, clock, .. } = &*self.notifier.0;
        let now = self.since.elapsed();
        if now < self.next_beat {
            return Ok(Next::Wait(self.next_beat - now));
        }
        let Some(channel) = self.whole_channel()? else { return Ok(Next::Idle) };
        if channel.kind != ChannelKind::Heartbeat {
            // A channel that fails is remembered until it works, or is deleted.
            let fails = self.failing_since.is_some() && store.leads();
            return Ok(if fails { Next::Wait(IDLE) } else { Next::Idle });
        }
        let nothing = Message {
            id: String::new(),
            channel: channel.id().to_owned(),
            topic: String::new(),
            at: clock.now(),
            firing: 0,
            resolved: 0,
            alerts: Vec::new(),
            more: 0,
            still: 0,
        };
        let tried = sender.send(channel, &nothing, nothing.at);
        if let Some(error) = tried.attempt.error {
            log::warn!("the heartbeat {:?} failed: {error}", self.channel);
        }
        self.next_beat = self.since.elapsed() + BEAT;
        Ok(Next::Wait(BEAT))
    }
}

fn micros(micros: i64) -> Duration {
    Duration::from_micros(u64::try_from(micros).unwrap_or_default())
}

fn millis(took: Duration) -> u64 {
    u64::try_from(took.as_millis()).unwrap_or(u64::MAX)
}
