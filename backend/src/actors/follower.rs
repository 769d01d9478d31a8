//! **Role.** Follows the other servers of a database: lets this server's clients hear of what those commit, reads again what they change
//! (documents, keys, members), and takes the lead when no server has it.
//! **Receives.** Nothing; it looks every [`LOOK`]. That somebody waits for a look costs nothing.
//! **Sends.** Commits, in order, to the listeners; that rules, channels, silences or acknowledgements are different, to `Alerts`.
//! **Bound.** One look at a time, on a thread of its own; the store bounds what it has not fetched.
//! **Overload.** What is not seen in one look is in the next: a database that is slow makes looks rarer.
//! **Restart.** A look that fails is tried again after [`RETRY`]; the process stops when this thread is lost.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use afterglow_wire::alert::Ack;
use tokio::sync::watch;

use super::alerts::Alerts;
use super::notifier::Notifier;
use crate::access::Access;
use crate::access::people::People;
use crate::clock::Stopwatch;
use crate::committed::Announcer;
use crate::documents::Documents;
use crate::lifeline::Lifeline;
use crate::store::{Store, StoreError};

/// How often it is looked for what others have done: what live clients see of it is later by half of this.
const LOOK: Duration = Duration::from_millis(20);

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
}

/// The thread that follows, seen by others. Cloning is cheap.
#[derive(Clone)]
pub struct Others {
    looks: watch::Receiver<u64>,
    stopping: Arc<AtomicBool>,
}

impl Others {
    /// Waits for a look that begins after this call, a second at most.
    pub async fn wait(&self) {
        let mut looks = self.looks.clone();
        // One may be under way.
        let next = *looks.borrow_and_update() + 2;
        let _ = tokio::time::timeout(PATIENCE, looks.wait_for(|looks| *looks >= next)).await;
    }

    /// Ends the thread.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }
}

/// Starts the thread.
///
/// # Errors
/// When there can be no thread.
pub fn start(parts: Parts, lifeline: Lifeline) -> std::io::Result<Others> {
    let (looked, looks) = watch::channel(0);
    let stopping = Arc::<AtomicBool>::default();
    let stop = Arc::clone(&stopping);
    let run = move || {
        let sequence = parts.store.sequence();
        let mut follower =
            Follower { parts, kinds: HashMap::new(), acks: HashMap::new(), changes: -1, sequence, led: None };
        let mut is_failing = false;
        while !stop.load(Ordering::Relaxed) {
            let pause = match follower.look() {
                Ok(()) => {
                    looked.send_modify(|looks| *looks += 1);
                    is_failing = false;
                    LOOK
                }
                Err(error) => {
                    if !std::mem::replace(&mut is_failing, true) {
                        log::error!("what other servers do is not seen for now: {error}");
                    }
                    RETRY
                }
            };
            if follower.parts.store.is_lost() {
                // The lifeline says so.
                return;
            }
            thread::park_timeout(pause);
        }
        lifeline.end();
    };
    thread::Builder::new().name("follower".into()).spawn(run)?;
    Ok(Others { looks, stopping })
}

struct Follower {
    parts: Parts,
    /// How often each kind has changed, as of the last look that found a change.
    kinds: HashMap<String, i64>,
    /// The acknowledgements of open episodes, as of the last look that found a change of any.
    acks: HashMap<String, Option<Ack>>,
    changes: i64,
    /// The last commit as of the last look: what has changed since was changed after it.
    sequence: u64,
    /// Since the lead was asked for.
    led: Option<Stopwatch>,
}

impl Follower {
    fn look(&mut self) -> Result<(), StoreError> {
        // First: the lead is lost to a server that does not ask for it in time.
        self.keep_lead()?;
        let store = &self.parts.store;
        let before = store.sequence();
        store.sync()?;
        self.parts.announcer.announce();
        if store.changes() != self.changes {
            let changes = store.changes();
            let kinds = store.revisions()?;
            self.take_over(kinds)?;
            // Last: what could not be read is read again.
            self.changes = changes;
        }
        // Not later: what is committed from here on may be so by rules that are not read yet.
        self.sequence = before;
        Ok(())
    }

    fn keep_lead(&mut self) -> Result<(), StoreError> {
        if self.led.is_none_or(|led| led.elapsed() >= LEAD) {
            self.led = Some(Stopwatch::start());
            let led = self.parts.store.leads();
            if self.parts.store.lead()? && !led {
                log::info!("this server leads: it seals, expires, deletes and evaluates");
                self.parts.alerts.changed();
                self.parts.notifier.wake_all();
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
        let Parts { store, documents, access, people, alerts, notifier, .. } = &self.parts;
        documents.take_over(&kinds);
        if changed("access") {
            access.reload()?;
            people.reload()?;
        }
        if ["rules", "channels", "silences"].into_iter().any(changed) {
            alerts.changed_after(self.sequence);
        }
        if store.leads() && !is_first && changed("channels") {
            notifier.wake_all();
        }
        if store.leads() && changed("acks") {
            let open = store.open_episodes()?;
            let acks: HashMap<_, _> = open.into_iter().map(|episode| (episode.id, episode.ack)).collect();
            for (episode, ack) in &acks {
                // One that was there before may have been taken back meanwhile: the alert has become worse.
                if self.acks.get(episode).unwrap_or(&None) != ack {
                    alerts.seen(episode.clone(), ack.clone());
                }
            }
            self.acks = acks;
        }
        self.kinds = kinds.into_iter().collect();
        Ok(())
    }
}
