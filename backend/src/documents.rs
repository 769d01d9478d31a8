//! Documents (boards, annotations, signal metadata): reads and changes off the async workers, one change at a time, and a
//! revision that counts them.

use std::net::IpAddr;
use std::sync::Arc;

use afterglow_wire::revision::Revision;
use tokio::sync::watch;

use crate::clock::Clock;
use crate::places::Places;
use crate::pool::blocking;
use crate::shares::Shares;
use crate::store::{SaveError, Store, while_wanted};

/// Changes that may wait for their turn, half of them of one address; beyond it a change is refused with `queue_full`. Addresses take
/// turns. Commits of samples use the same connection: a client that floods the server with changes makes them wait for one change, not
/// for all.
const WAITING: usize = 64;

/// Reads of one extent for clients that are under way at once, of which one address has half; further ones wait. The store has more
/// readers of each: for the server itself, and for lists that are sent while they are read.
const READS: usize = 2;

/// How much a read may have to look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// One document, or a short row of each.
    One,
    /// Whole documents, or rows without a small bound. No read of [`Extent::One`] waits for it.
    List,
}

/// A kind of documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Boards.
    Boards,
    /// Annotations.
    Annotations,
    /// Signal metadata.
    Metadata,
    /// Rules.
    Rules,
    /// Alerts: what has fired.
    Alerts,
    /// Silences.
    Silences,
    /// Channels.
    Channels,
}

/// Why something was not read or changed; `E` is the store's reason.
#[derive(Debug, thiserror::Error)]
pub enum Failure<E> {
    /// The store refused it.
    #[error("{0}")]
    Store(E),
    /// The bound on waiting changes is reached.
    #[error(
        "{WAITING} changes of boards, annotations and metadata are waiting, or {} of this address; send it again in a moment",
        WAITING / 2
    )]
    TooManyChanges,
    /// A thread of the server panicked. The change may have been made.
    #[error("the server failed; its log has the reason")]
    Broken,
}

/// Access to the documents of a store. Cloning is cheap.
#[derive(Clone)]
pub struct Documents {
    store: Store,
    reads: Places,
    lists: Places,
    places: Shares,
    turn: Places,
    revision: Arc<watch::Sender<Revision>>,
}

impl Documents {
    /// The documents of `store`.
    pub fn new(store: Store, clock: &Clock) -> Self {
        // Counting goes on from the time: no number comes back after a restart. Where several servers have one database, it counts.
        let start =
            if store.is_shared() { 0 } else { u64::try_from(clock.now().micros()).unwrap_or_default() };
        let revision = Revision {
            boards: start,
            annotations: start,
            metadata: start,
            rules: start,
            alerts: start,
            silences: start,
            channels: start,
        };
        let documents = Self {
            store,
            reads: Places::new(READS, READS / 2),
            lists: Places::new(READS, READS / 2),
            places: Shares::halves(WAITING),
            turn: Places::new(1, 1),
            revision: Arc::new(watch::Sender::new(revision)),
        };
        if documents.store.is_shared() {
            documents.count_shared();
        }
        documents
    }

    /// Runs `work`, which blocks, for a client at `address` when its turn comes, and then counts the revision of this kind up.
    ///
    /// # Errors
    /// What `work` refuses; or too many changes wait.
    pub async fn change<T: Send + 'static>(
        &self,
        address: IpAddr,
        kind: Kind,
        work: impl FnOnce(&Store) -> Result<T, SaveError> + Send + 'static,
    ) -> Result<T, Failure<SaveError>> {
        let documents = self.clone();
        self.in_turn(address, move |store| {
            let done = work(store)?;
            documents.touch(kind);
            Ok(done)
        })
        .await
    }

    /// As [`Documents::change`] for what no revision counts.
    ///
    /// # Errors
    /// As there.
    pub async fn in_turn<T: Send + 'static>(
        &self,
        address: IpAddr,
        work: impl FnOnce(&Store) -> Result<T, SaveError> + Send + 'static,
    ) -> Result<T, Failure<SaveError>> {
        let _place = self.places.take(address, 1).map_err(|_| Failure::TooManyChanges)?;
        let turn = self.turn.take(address).await.ok_or(Failure::Broken)?;
        let store = self.store.clone();
        // The turn goes with the work: it ends even when the client that asked for it has left.
        let changing = blocking(move || {
            let _turn = turn;
            work(&store)
        });
        ended(changing).await
    }

    /// Runs `work`, which blocks and changes nothing, for a client at `address` when its turn comes. When the future is dropped, its
    /// reads of the database end.
    ///
    /// # Errors
    /// What `work` refuses.
    pub async fn read<T: Send + 'static, E: Send + 'static>(
        &self,
        address: IpAddr,
        extent: Extent,
        work: impl FnOnce(&Store) -> Result<T, E> + Send + 'static,
    ) -> Result<T, Failure<E>> {
        let places = match extent {
            Extent::One => &self.reads,
            Extent::List => &self.lists,
        };
        let place = places.take(address).await.ok_or(Failure::Broken)?;
        let store = self.store.clone();
        // Dropped with this future, when the client leaves.
        let waits = Arc::new(());
        let asked_for = Arc::downgrade(&waits);
        let is_unwanted = move || asked_for.strong_count() == 0;
        // The place goes with the work: a reader is in use for as long as that runs.
        let reading = blocking(move || {
            let _place = place;
            while_wanted(is_unwanted, || work(&store))
        });
        let done = ended(reading).await;
        drop(waits);
        done
    }

    /// Counts the revision of a kind up: something of it was changed by the server itself.
    pub fn touch(&self, kind: Kind) {
        if self.store.is_shared() {
            return self.count_shared();
        }
        self.revision.send_modify(|revision| *number(revision, kind) += 1);
    }

    /// Takes over the numbers of a database that several servers change. Blocks.
    fn count_shared(&self) {
        match self.store.revisions() {
            Ok(kinds) => self.take_over(&kinds),
            // The next look does it.
            Err(error) => log::warn!("pages learn of a change a little later: {error}"),
        }
    }

    /// Takes over the numbers that a database shared by several servers has for each kind.
    pub fn take_over(&self, kinds: &[(String, i64)]) {
        self.revision.send_if_modified(|revision| {
            let before = *revision;
            for (name, count) in kinds {
                if let Some(kind) = named(name) {
                    let number = number(revision, kind);
                    // Never back: another thread may have been faster.
                    *number = (*number).max(count.cast_unsigned());
                }
            }
            *revision != before
        });
    }

    /// The newest revision, and a way to wait for the next one.
    pub fn watch(&self) -> watch::Receiver<Revision> {
        self.revision.subscribe()
    }

    /// The newest revision.
    pub fn revision(&self) -> Revision {
        *self.revision.borrow()
    }

    /// The newest revision's number of one kind.
    pub fn number(&self, kind: Kind) -> u64 {
        *number(&mut self.revision(), kind)
    }
}

async fn ended<T, E>(work: impl Future<Output = Result<Result<T, E>, String>>) -> Result<T, Failure<E>> {
    match work.await {
        Ok(outcome) => outcome.map_err(Failure::Store),
        Err(broken) => {
            log::error!("a thread that reads or changes documents broke: {broken}");
            Err(Failure::Broken)
        }
    }
}

/// The kind that a database calls so.
fn named(name: &str) -> Option<Kind> {
    Some(match name {
        "boards" => Kind::Boards,
        "annotations" => Kind::Annotations,
        "metadata" => Kind::Metadata,
        "rules" => Kind::Rules,
        "alerts" => Kind::Alerts,
        "silences" => Kind::Silences,
        "channels" => Kind::Channels,
        _ => return None,
    })
}

fn number(revision: &mut Revision, kind: Kind) -> &mut u64 {
    match kind {
        Kind::Boards => &mut revision.boards,
        Kind::Annotations => &mut revision.annotations,
        Kind::Metadata => &mut revision.metadata,
        Kind::Rules => &mut revision.rules,
        Kind::Alerts => &mut revision.alerts,
        Kind::Silences => &mut revision.silences,
        Kind::Channels => &mut revision.channels,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use afterglow_wire::Timestamp;
    use futures_util::FutureExt as _;
    use tokio::sync::oneshot;

    use super::*;
    use crate::store::StoreConfig;

    fn documents(folder: &tempfile::TempDir) -> Documents {
        let clock = Clock::manual(Timestamp::MIN);
        let database = folder.path().join("a.db");
        let config = StoreConfig {
            database: database.into(),
            readers: 1,
            signal_limit: 1,
            read_limit: None,
            head_samples: crate::store::HEAD_SAMPLES,
        };
        let store = Store::open(&config, clock.clone()).unwrap();
        Documents::new(store, &clock)
    }

    #[actix_rt::test]
    async fn a_change_beyond_the_bound_is_refused_as_such() {
        let folder = tempfile::tempdir().unwrap();
        let documents = documents(&folder);
        let (release, held) = oneshot::channel::<()>();
        let [here, elsewhere] = [IpAddr::from([127, 0, 0, 1]), IpAddr::from([127, 0, 0, 2])];
        let order = Arc::new(Mutex::new(Vec::new()));
        let change = |address| {
            let order = Arc::clone(&order);
            documents.change(address, Kind::Boards, move |_| {
                order.lock().unwrap().push(address);
                Ok(())
            })
        };
        // Polled once, each has its place; the first has the turn and waits.
        let first = documents.change(here, Kind::Boards, move |_| {
            let _ = held.blocking_recv();
            Ok(())
        });
        let mut waiting: Vec<_> = vec![Box::pin(first) as std::pin::Pin<Box<dyn Future<Output = _>>>];
        for _ in 1..WAITING / 2 {
            waiting.push(Box::pin(change(here)));
        }
        for change in &mut waiting {
            assert!(change.now_or_never().is_none());
        }
        let refused = documents.change(here, Kind::Boards, |_| Ok(())).await.unwrap_err();
        assert!(matches!(refused, Failure::TooManyChanges), "{refused}");
        assert!(refused.to_string().starts_with("64 changes"), "{refused}");
        waiting.push(Box::pin(change(elsewhere)));
        assert!(waiting.last_mut().unwrap().now_or_never().is_none(), "it has a place, and waits");
        assert!(
            documents.read(here, Extent::One, |_| Ok::<_, SaveError>(())).await.is_ok(),
            "reading goes on"
        );
        release.send(()).unwrap();
        futures_util::future::try_join_all(waiting).await.unwrap();
        let order = order.lock().unwrap().clone();
        assert_eq!((order[0], order.len()), (elsewhere, WAITING / 2), "its turn is next");
        assert!(documents.change(here, Kind::Boards, |_| Ok(())).await.is_ok());
    }

    #[actix_rt::test]
    async fn one_address_leaves_a_reader_to_others() {
        let folder = tempfile::tempdir().unwrap();
        let documents = documents(&folder);
        let [a, b] = [IpAddr::from([127, 0, 0, 1]), IpAddr::from([127, 0, 0, 2])];
        let (release, held) = oneshot::channel::<()>();
        let read = |address| documents.read(address, Extent::One, |_| Ok::<_, SaveError>(()));
        let mut first = Box::pin(documents.read(a, Extent::One, move |_| {
            let _ = held.blocking_recv();
            Ok::<_, SaveError>(())
        }));
        assert!((&mut first).now_or_never().is_none());
        let mut second = Box::pin(read(a));
        assert!((&mut second).now_or_never().is_none());
        read(b).await.unwrap();
        assert!((&mut second).now_or_never().is_none(), "it waits for its own address");
        release.send(()).unwrap();
        first.await.unwrap();
        second.await.unwrap();
    }

    #[actix_rt::test]
    async fn documents_do_not_wait_for_lists() {
        let folder = tempfile::tempdir().unwrap();
        let documents = documents(&folder);
        let (mut lists, mut held) = (Vec::new(), Vec::new());
        for address in 1..=4_u8 {
            let (release, holds) = oneshot::channel::<()>();
            let list = documents.read([127, 0, 0, address].into(), Extent::List, move |_| {
                let _ = holds.blocking_recv();
                Ok::<_, SaveError>(())
            });
            let mut list = Box::pin(list);
            assert!((&mut list).now_or_never().is_none());
            lists.push(list);
            held.push(release);
        }
        for address in 1..=5_u8 {
            documents.read([127, 0, 0, address].into(), Extent::One, Store::boards).await.unwrap();
        }
        assert!(lists.iter_mut().all(|list| list.now_or_never().is_none()));
        drop(held);
        futures_util::future::try_join_all(lists).await.unwrap();
    }

    #[actix_rt::test]
    async fn a_panic_is_not_a_database_that_does_not_answer() {
        let folder = tempfile::tempdir().unwrap();
        let documents = documents(&folder);
        let (here, before) = (IpAddr::from([127, 0, 0, 1]), documents.number(Kind::Boards));
        let broken =
            documents.change(here, Kind::Boards, |_| -> Result<(), SaveError> { panic!("on purpose") }).await;
        assert!(matches!(broken, Err(Failure::Broken)));
        assert!(documents.change(here, Kind::Boards, |_| Ok(())).await.is_ok(), "the turn was given back");
        assert_eq!(documents.number(Kind::Boards), before + 1);
    }
}
