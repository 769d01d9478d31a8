//! **Role.** Evaluates rules on what was committed, and writes what follows: states, episodes and notices.
//! **Receives.** Commits, in order; that rules, channels or silences changed; that somebody has seen an alert.
//! **Sends.** The names of channels with notices to `Notifier`; the revision of alerts; to live clients of `/api/stream` episodes, at most
//! [`NEWS`] ahead of the slowest, who misses the oldest.
//! **Bound.** [`WAITING_SAMPLES`] samples of commits. Without a rule nothing is kept, and nothing is done.
//! **Overload.** Shed: commits beyond the bound are dropped, and read from the journal when their turn comes.
//! Where several servers have one database, only the one that leads evaluates.
//! **Restart.** From the stored cursor: the journal is evaluated from there, and gives the same alerts under the same numbers.
//! The thread that panics ends the process.

mod evaluation;
mod past;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use afterglow_wire::alert::Episode;
use tokio::sync::{broadcast, oneshot};

use super::notifier::Notifier;
use crate::clock::Clock;
use crate::committed::{Committed, Hears};
use crate::documents::Documents;
use crate::lifeline::Lifeline;
use crate::metrics::Metrics;
use crate::store::Store;
use evaluation::Evaluation;

/// Samples that may wait: 48 MB at 24 bytes each, which the committer shares.
const WAITING_SAMPLES: usize = 2_000_000;

/// How long the thread waits when nothing is due: what was held is looked at again.
const LOOK: Duration = Duration::from_secs(1);

/// Changes of episodes that a live client may have to catch up with. One that is further behind misses the oldest, and learns from the
/// revision that there were some.
const NEWS: usize = 1_024;

/// The way for others to reach the thread that evaluates. Cloning is cheap.
#[derive(Clone)]
pub struct Alerts(Arc<Inbox>);

struct Inbox {
    queue: Mutex<Queue>,
    changed: Condvar,
    /// Whether there is a rule: without one commits are not kept.
    is_awake: AtomicBool,
    store: Store,
    metrics: Metrics,
    news: broadcast::Sender<Arc<Episode>>,
}

#[derive(Default)]
struct Queue {
    inputs: VecDeque<Input>,
    samples: usize,
    stopping: bool,
    finished: bool,
    /// Those that wait for the end.
    done: Vec<oneshot::Sender<()>>,
}

/// What the thread receives.
pub(super) enum Input {
    /// Samples are on the disk.
    Commit(Committed),
    /// Rules, channels or silences are different; what was committed after this number comes after this.
    Changed(u64),
    /// Somebody has seen an alert, or takes that back.
    Seen(String),
}

/// What a thread needs that evaluates.
pub struct Parts {
    /// Where everything is.
    pub store: Store,
    /// The time.
    pub clock: Clock,
    /// Counts what happens.
    pub metrics: Metrics,
    /// Learns of new alerts.
    pub documents: Documents,
    /// Tells people.
    pub notifier: Notifier,
    /// The address of the page, for texts.
    pub page: Option<String>,
}

impl Alerts {
    /// Starts the thread that evaluates. It ends with [`Alerts::stop`].
    ///
    /// # Errors
    /// When there can be no thread.
    pub fn start(parts: Parts, lifeline: Lifeline) -> std::io::Result<Self> {
        let (news, _) = broadcast::channel(NEWS);
        let alerts = Self(Arc::new(Inbox {
            queue: Mutex::default(),
            changed: Condvar::new(),
            // Until the thread knows better.
            is_awake: AtomicBool::new(true),
            store: parts.store.clone(),
            metrics: parts.metrics.clone(),
            news: news.clone(),
        }));
        alerts.changed();
        let inbox = Arc::clone(&alerts.0);
        let run = move || {
            let mut evaluation = Evaluation::new(parts, news);
            while let Some(inputs) = inbox.take(evaluation.wait().min(LOOK)) {
                // What comes before this process leads is in the database, from which the evaluation begins.
                let is_awake = inbox.store.leads() && evaluation.turn(inputs);
                inbox.settle(is_awake);
            }
            if inbox.store.leads() {
                evaluation.finish();
            }
            inbox.finished();
            lifeline.end();
        };
        thread::Builder::new().name("alerts".into()).spawn(run)?;
        Ok(alerts)
    }

    /// Rules, channels or silences are different. What is committed after this call is evaluated by them.
    pub fn changed(&self) {
        self.changed_after(self.0.store.sequence());
    }

    /// As [`Alerts::changed`], for a change that another server has made, somewhere after the commit numbered `sequence`.
    pub fn changed_after(&self, sequence: u64) {
        let mut queue = self.0.lock();
        queue.inputs.push_back(Input::Changed(sequence));
        self.0.is_awake.store(true, Ordering::Release);
        drop(queue);
        self.0.changed.notify_one();
    }

    /// Somebody has seen an alert, or takes that back, and that is stored.
    pub fn seen(&self, episode: String) {
        self.0.put(Input::Seen(episode));
    }

    /// Episodes, each time that one has begun, changed or ended and that is on the disk.
    pub fn news(&self) -> broadcast::Receiver<Arc<Episode>> {
        self.0.news.subscribe()
    }

    /// Evaluates what has been committed, writes what follows, and ends the thread; done when this future is.
    pub async fn stop(&self) {
        let (done, finished) = oneshot::channel();
        self.0.stop(done);
        let _ = finished.await;
    }
}

impl Hears for Alerts {
    fn is_awake(&self) -> bool {
        self.0.is_awake.load(Ordering::Acquire)
    }

    fn hear(&self, commit: &Committed) -> bool {
        self.0.commit(commit)
    }
}

impl Inbox {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, input: Input) {
        self.lock().inputs.push_back(input);
        self.changed.notify_one();
    }

    /// Notes whether commits are wanted, unless something has just come that may decide otherwise.
    fn settle(&self, is_awake: bool) {
        let queue = self.lock();
        self.is_awake.store(is_awake || !queue.inputs.is_empty(), Ordering::Release);
    }

    fn commit(&self, commit: &Committed) -> bool {
        let mut queue = self.lock();
        let samples = commit.samples();
        if queue.samples + samples > WAITING_SAMPLES {
            // Those to come show the gap, which the journal fills.
            return false;
        }
        queue.samples += samples;
        queue.inputs.push_back(Input::Commit(commit.clone()));
        drop(queue);
        self.changed.notify_one();
        true
    }

    /// All that waits; nothing when `time` has passed; `None` at the end.
    fn take(&self, time: Duration) -> Option<Vec<Input>> {
        let queue = self.lock();
        let nothing = |queue: &mut Queue| queue.inputs.is_empty() && !queue.stopping;
        let waited = self.changed.wait_timeout_while(queue, time, nothing);
        let (mut queue, _) = waited.unwrap_or_else(PoisonError::into_inner);
        if queue.inputs.is_empty() && queue.stopping {
            return None;
        }
        self.metrics.alerts.waiting(queue.samples);
        queue.samples = 0;
        Some(queue.inputs.drain(..).collect())
    }

    fn stop(&self, done: oneshot::Sender<()>) {
        let mut queue = self.lock();
        queue.stopping = true;
        queue.done.push(done);
        if queue.finished {
            queue.done.clear();
        }
        drop(queue);
        self.changed.notify_one();
    }

    fn finished(&self) {
        let mut queue = self.lock();
        queue.finished = true;
        for done in queue.done.drain(..) {
            let _ = done.send(());
        }
    }
}
