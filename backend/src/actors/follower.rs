//! **Role.** Follows the other servers of a database: lets this server's clients hear of what those commit, reads again what they change
//! (documents, keys, members), and takes the lead when no server has it.
//! **Receives.** Commits from the bus, where there is one. It looks into the database every [`LOOK`]; every [`RARE_LOOK`] while the bus
//! brings what there is, or nobody watches a tenant beside the default one, unless somebody waits for a look.
//! **Sends.** Commits, in order, to the listeners; that rules, channels, silences or acknowledgements are different, to `Alerts`.
//! **Bound.** One look at a time, on a thread of its own; the store bounds what it has not fetched. [`WAITING`] commits of the bus, and
//! [`WAITING_BYTES`] of them; as many that came too early ([`Early`]).
//! **Overload.** What is not seen in one look is in the next: a database that is slow makes looks rarer. What the bus brings and has no
//! room is dropped, and found by a look.
//! **Restart.** A look that fails is tried again after [`RETRY`]; the process stops when this thread is lost.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use afterglow_wire::alert::Ack;
use prometheus_client::metrics::gauge::Gauge;
use tokio::sync::watch;

use super::alerts::Alerts;
use super::notifier::Notifier;
use crate::access::Access;
use crate::access::people::People;
use crate::bus::{Bus, Early, Frame, Trust};
use crate::clock::Stopwatch;
use crate::committed::Announcer;
use crate::documents::Documents;
use crate::health::Health;
use crate::lifeline::Lifeline;
use crate::metrics::{BusFrame, BusMetrics};
use crate::store::{Asked, Brought, Commit, Store, StoreError};

/// How often it is looked for what others have done: what live clients see of it is later by half of this.
const LOOK: Duration = Duration::from_millis(20);

/// How often while the bus brings what they commit.
const RARE_LOOK: Duration = Duration::from_millis(250);

/// Commits of the bus that wait for this thread, and bytes of them.
const WAITING: usize = 1_024;
const WAITING_BYTES: usize = 32 << 20;

/// How often the lead is asked for, or kept: it is lost after ten seconds.
const LEAD: Duration = Duration::from_secs(1);

/// After an error of the database.
const RETRY: Duration = Duration::from_millis(200);

/// How long somebody waits for a look.
const PATIENCE: Duration = Duration::from_secs(1);

/// What it keeps up to date.
pub struct Parts {
    /// The database.
    pub store: Store,
    /// What brings commits of others, where there is a bus.
    pub bus: Option<Bus>,
    /// Who hears of commits.
    pub announcer: Announcer,
    /// Boards, annotations and the like.
    pub documents: Documents,
    /// Keys.
    pub access: Access,
    /// Members and sessions.
    pub people: People,
    /// The evaluation of rules.
    pub alerts: Alerts,
    /// Messages.
    pub notifier: Notifier,
    /// What is counted of the bus.
    pub metrics: BusMetrics,
    /// What hears whether the database answers.
    pub health: Health,
    /// For a tenant beside the default one: how many live clients it has. It is looked at rarely while there is none.
    pub viewers: Option<Gauge>,
}

/// The thread that follows, seen by others. Cloning is cheap.
#[derive(Clone)]
pub struct Others {
    looks: watch::Receiver<u64>,
    shared: Arc<Shared>,
    wakes: SyncSender<Wake>,
}

/// What the thread shares with others.
#[derive(Default)]
struct Shared {
    is_stopping: AtomicBool,
    /// Looks that somebody waits for.
    wanted: AtomicU8,
    /// Bytes of what waits in the inbox.
    waiting: AtomicUsize,
}

/// What wakes the thread.
enum Wake {
    /// The bus brings something.
    Frame(Frame),
    /// There is something new in what is shared.
    Up,
}

/// The thread's end of [`Others`].
pub struct Inbox {
    looked: watch::Sender<u64>,
    shared: Arc<Shared>,
    wakes: Receiver<Wake>,
}

/// What a thread will follow by.
pub fn prepare() -> (Others, Inbox) {
    let (looked, looks) = watch::channel(0);
    let (wake, wakes) = sync_channel(WAITING);
    let shared = Arc::<Shared>::default();
    (Others { looks, shared: Arc::clone(&shared), wakes: wake }, Inbox { looked, shared, wakes })
}

impl Others {
    /// Waits for a look that begins after this call, a second at most.
    pub async fn wait(&self) {
        let mut looks = self.looks.clone();
        // One may be under way.
        let next = *looks.borrow_and_update() + 2;
        self.shared.wanted.store(2, Ordering::Relaxed);
        self.wake();
        let _ = tokio::time::timeout(PATIENCE, looks.wait_for(|looks| *looks >= next)).await;
    }

    /// Hands over what the bus has brought; whether there was room.
    pub fn deliver(&self, frame: Frame) -> bool {
        let bytes = frame.bytes();
        let before = self.shared.waiting.fetch_add(bytes, Ordering::Relaxed);
        let is_taken = before + bytes <= WAITING_BYTES && self.wakes.try_send(Wake::Frame(frame)).is_ok();
        if !is_taken {
            self.shared.waiting.fetch_sub(bytes, Ordering::Relaxed);
        }
        is_taken
    }

    /// Ends the thread.
    pub fn stop(&self) {
        self.shared.is_stopping.store(true, Ordering::Relaxed);
        self.wake();
    }

    /// Where the inbox is full, the thread is awake.
    fn wake(&self) {
        let _ = self.wakes.try_send(Wake::Up);
    }
}

/// Starts the thread.
///
/// # Errors
/// When there can be no thread.
pub fn start(parts: Parts, inbox: Inbox, lifeline: Lifeline) -> std::io::Result<()> {
    let run = move || {
        let sequence = parts.store.sequence();
        let mut follower = Follower {
            parts,
            kinds: HashMap::new(),
            acks: HashMap::new(),
            changes: -1,
            sequence,
            led: None,
            is_to_wake: true,
            early: Early::default(),
            trust: Trust::default(),
            is_connected: false,
        };
        follower.run(&inbox);
        if !follower.parts.store.is_lost() {
            lifeline.end();
        }
        // Or else the lifeline says so.
    };
    thread::Builder::new().name("follower".into()).spawn(run).map(drop)
}

struct Follower {
    parts: Parts,
    /// How often each kind has changed, as of the last look that found a change.
    kinds: HashMap<String, i64>,
    /// The acknowledgements of open episodes, as of the last look that found a change of any, also while another server leads: what has
    /// changed since the evaluation read them is to be noticed.
    acks: HashMap<String, Option<Ack>>,
    changes: i64,
    /// The last commit as of the last look: what has changed since was changed after it.
    sequence: u64,
    /// Since the lead was asked for.
    led: Option<Stopwatch>,
    /// Whether the outbox may have what nobody was woken for.
    is_to_wake: bool,
    /// What the bus brought before what comes before it.
    early: Early,
    trust: Trust,
    is_connected: bool,
}

impl Follower {
    /// Follows until it is to stop, or the database has what this process cannot know.
    fn run(&mut self, inbox: &Inbox) {
        let (mut last, mut is_failing) = (None::<Stopwatch>, false);
        while !inbox.shared.is_stopping.load(Ordering::Relaxed) {
            let since = last.map_or(Duration::MAX, Stopwatch::elapsed);
            let rest = self.pause(is_failing, &inbox.shared).saturating_sub(since);
            if rest.is_zero() {
                last = Some(Stopwatch::start());
                match self.look() {
                    Ok(()) => {
                        let _ = inbox.shared.wanted.fetch_update(
                            Ordering::Relaxed,
                            Ordering::Relaxed,
                            |wanted| wanted.checked_sub(1),
                        );
                        inbox.looked.send_modify(|looks| *looks += 1);
                        is_failing = false;
                    }
                    Err(error) => {
                        if !std::mem::replace(&mut is_failing, true) {
                            log::error!("what other servers do is not seen for now: {error}");
                        }
                    }
                }
                if self.parts.store.is_lost() {
                    return;
                }
                continue;
            }
            let patience = self.early.patience().filter(|_| !is_failing).unwrap_or(rest);
            if patience.is_zero() {
                self.trust.has_hole();
                self.fill();
                continue;
            }
            match inbox.wakes.recv_timeout(patience.min(rest)) {
                Ok(Wake::Frame(frame)) => {
                    inbox.shared.waiting.fetch_sub(frame.bytes(), Ordering::Relaxed);
                    self.take(frame);
                }
                Ok(Wake::Up) | Err(RecvTimeoutError::Timeout) => {}
                // Nobody is left to follow for.
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// How long after a look the next one is due.
    fn pause(&self, is_failing: bool, shared: &Shared) -> Duration {
        if is_failing {
            RETRY
        } else if shared.wanted.load(Ordering::Relaxed) > 0 {
            LOOK
        } else if self.is_connected && self.trust.is_deserved() || self.is_unwatched() {
            RARE_LOOK
        } else {
            LOOK
        }
    }

    /// Whether it is a tenant's that nobody watches: there may be many.
    fn is_unwatched(&self) -> bool {
        self.parts.viewers.as_ref().is_some_and(|viewers| viewers.get() == 0)
    }

    /// Takes what the bus has brought.
    fn take(&mut self, Frame { sequences, samples }: Frame) {
        self.trust.brought(sequences.last);
        match samples {
            Some(samples) => self.bring(Commit { sequences, batches: vec![samples] }),
            None if sequences.last > self.parts.store.sequence() => self.fill(),
            None => self.parts.metrics.count(BusFrame::Known),
        }
    }

    /// Takes over a commit, and those after it that came before it.
    fn bring(&mut self, commit: Commit) {
        let mut next = Some(commit);
        while let Some(commit) = next {
            match self.parts.store.bring(commit) {
                Brought::Taken => self.parts.metrics.count(BusFrame::Taken),
                Brought::Known => self.parts.metrics.count(BusFrame::Known),
                Brought::Unknown => return self.fill(),
                Brought::Early(commit) => {
                    if !self.early.keep(commit) {
                        self.parts.metrics.count(BusFrame::Dropped);
                    }
                    break;
                }
            }
            next = self.early.next(self.parts.store.sequence());
        }
        self.parts.announcer.announce();
    }

    /// Reads from the database what the bus did not bring whole.
    fn fill(&mut self) {
        self.parts.metrics.count(BusFrame::Filled);
        // A look says so when the database does not answer.
        let is_filled = self.sync().is_ok();
        self.early.wait_again();
        if is_filled && let Some(commit) = self.early.next(self.parts.store.sequence()) {
            return self.bring(commit);
        }
        self.parts.announcer.announce();
    }

    /// Notes what the bus is worth.
    fn judge(&mut self) {
        let Some(bus) = &self.parts.bus else { return };
        let was_connected = std::mem::replace(&mut self.is_connected, bus.is_connected());
        if self.is_connected && !was_connected {
            self.trust.begin();
        }
        self.trust.looked(self.parts.store.read_elsewhere());
        self.parts.metrics.relied_on(self.is_connected && self.trust.is_deserved());
    }

    fn look(&mut self) -> Result<(), StoreError> {
        // First: the lead is lost to a server that does not ask for it in time. It may wait for a lock that others have, which says
        // nothing of whether the database answers.
        let kept = self.keep_lead();
        let before = self.parts.store.sequence();
        self.sync()?;
        self.parts.announcer.announce();
        self.judge();
        let store = &self.parts.store;
        if store.changes() != self.changes {
            let changes = store.changes();
            self.reading(|follower| {
                follower.parts.store.revisions().and_then(|kinds| follower.take_over(kinds))
            })?;
            // Last: what could not be read is read again.
            self.changes = changes;
        }
        // Not later: what is committed from here on may be so by rules that are not read yet.
        self.sequence = before;
        kept.and_then(|()| self.wake())
    }

    /// Has what waits in the outbox sent where this server leads; tried again until it is.
    fn wake(&mut self) -> Result<(), StoreError> {
        if self.is_to_wake && self.parts.store.leads() {
            self.reading(|follower| follower.parts.notifier.wake_all())?;
            self.is_to_wake = false;
        }
        Ok(())
    }

    /// Does `read`, and notes whether the database answers: these reads wait for no lock either, and may be what is not answered.
    fn reading(&mut self, read: impl FnOnce(&mut Self) -> Result<(), StoreError>) -> Result<(), StoreError> {
        self.parts.health.database_asked();
        let read = read(self);
        self.parts.health.database_answered(match &read {
            Err(StoreError::Down(why)) => Err(why),
            _ => Ok(()),
        });
        read
    }

    /// Takes over what others have committed, and notes whether the database answers.
    fn sync(&self) -> Result<(), StoreError> {
        let Parts { store, health, .. } = &self.parts;
        let synced = store.sync_noting(&|asked| match asked {
            Asked::Now => health.database_asked(),
            Asked::Answered => health.database_answered(Ok(())),
        });
        if let Err(StoreError::Down(why)) = &synced {
            health.database_answered(Err(why));
        }
        synced
    }

    fn keep_lead(&mut self) -> Result<(), StoreError> {
        if self.led.is_none_or(|led| led.elapsed() >= LEAD) {
            self.led = Some(Stopwatch::start());
            let led = self.parts.store.leads();
            if led && self.parts.health.cut_off().is_some() {
                // It may write and cannot read what it leads by: the lead runs out, and another server that can takes it.
                return Ok(());
            }
            if self.parts.store.lead()? && !led {
                log::info!("this server leads: it seals, expires, deletes and evaluates");
                self.parts.alerts.changed();
                self.is_to_wake = true;
            }
        }
        Ok(())
    }

    /// Reads again what has changed, on this server or another.
    fn take_over(&mut self, kinds: Vec<(String, i64)>) -> Result<(), StoreError> {
        let is_first = self.kinds.is_empty();
        let changed = |kind: &str| {
            kinds.iter().any(|(name, number)| name == kind && self.kinds.get(name) != Some(number))
        };
        let Parts { store, documents, access, people, alerts, .. } = &self.parts;
        documents.take_over(&kinds);
        if changed("access") {
            access.reload()?;
            people.reload()?;
        }
        if ["rules", "channels", "silences"].into_iter().any(changed) {
            alerts.changed_after(self.sequence);
        }
        self.is_to_wake |= !is_first && changed("channels");
        if changed("acks") {
            let open = store.open_episodes()?;
            let acks: HashMap<_, _> = open.into_iter().map(|episode| (episode.id, episode.ack)).collect();
            for (episode, ack) in &acks {
                // One that was there before may have been taken back meanwhile: the alert has become worse.
                if store.leads() && self.acks.get(episode).unwrap_or(&None) != ack {
                    alerts.seen(episode.clone());
                }
            }
            self.acks = acks;
        }
        self.kinds = kinds.into_iter().collect();
        Ok(())
    }
}
