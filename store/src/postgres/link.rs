//! How connections are made, and when one is used no more.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use diesel::connection::SimpleConnection as _;
use diesel::r2d2::ManageConnection;
use diesel_async::AsyncPgConnection;
use diesel_async::pooled_connection::PoolableConnection as _;
use tokio::task::AbortHandle;
use tokio_postgres::error::SqlState;

use super::driver::{self, Watch};
use super::server::{Server, Tls};
use super::{Connection, special};

/// How long a server may take for what it does at once where it is well: to accept a connection, for each statement that makes it ready, and to
/// begin and end a transaction that reads.
pub(super) const PROMPT: Duration = Duration::from_secs(10);

/// A connection, and what ends it.
pub(super) struct Link {
    connection: Connection,
    /// What reads from and writes to its socket.
    task: AbortHandle,
    tls: Tls,
    /// How long one of its statements may take.
    limit: Duration,
    /// Set while its state is not known, so that a panic does not hand it to another.
    pub(super) in_use: bool,
}

impl Link {
    /// Connects to `server`, and makes the `settings`.
    ///
    /// # Errors
    /// Why the server cannot be reached, or refuses; also when the connection is not in the schema that it is to be in.
    pub(super) fn new(server: &Server, tls: &Tls, limit: Duration, settings: &str) -> Result<Self, String> {
        let mut link = Self::anywhere(server, tls, limit, settings)?;
        if let Some(schema) = server.schema() {
            let found = link.watched_within(PROMPT, special::current_schema);
            let found = found.map_err(|error| error.to_string())?;
            if found != schema {
                return Err(format!(
                    "a connection for the schema {schema:?} is in {found:?}: the schema is missing, its use is not granted, or what is \
                     between this server and PostgreSQL does not pass on `options`"
                ));
            }
        }
        Ok(link)
    }

    /// As [`Self::new`], for statements that name their schema: it may be in another one.
    ///
    /// # Errors
    /// Why the server cannot be reached, or refuses.
    pub(super) fn anywhere(
        server: &Server,
        tls: &Tls,
        limit: Duration,
        settings: &str,
    ) -> Result<Self, String> {
        let runtime = driver::handle()?;
        let (client, task) = driver::block_on(async {
            let connecting = server.config().connect(tls.clone());
            let (client, connection) = tokio::time::timeout(PROMPT, connecting)
                .await
                .map_err(|_| format!("the server has not answered in {} s", PROMPT.as_secs()))?
                .map_err(|error| reason(&error))?;
            let task = runtime.spawn(async move {
                if let Err(error) = connection.await {
                    log::debug!("a connection to PostgreSQL has ended: {error}");
                }
            });
            Ok::<_, String>((client, task.abort_handle()))
        })?;
        let late = |_| format!("the server has not answered in {} s", PROMPT.as_secs());
        let connecting = async { tokio::time::timeout(PROMPT, AsyncPgConnection::try_from(client)).await };
        let connected = driver::block_on(connecting).map_err(late)?;
        let connection = Connection::from(connected.map_err(|error| error.to_string())?);
        let mut link = Self { connection, task, tls: tls.clone(), limit, in_use: false };
        let set = link.watched_within(PROMPT, |connection| connection.batch_execute(settings));
        set.map_err(|error| error.to_string())?;
        Ok(link)
    }

    /// For statements that take as long as they take: those of a start, and what makes or drops a schema.
    pub(super) fn unlimited(&mut self) -> &mut Connection {
        &mut self.connection
    }

    /// Does `work`, which is ended when it takes too long or is not wanted any more.
    pub(super) fn watched<R>(&mut self, work: impl FnOnce(&mut Connection) -> R) -> R {
        self.watched_within(self.limit, work)
    }

    /// As [`Self::watched`]; its statements may take as long as `limit` each.
    pub(super) fn watched_within<R>(
        &mut self,
        limit: Duration,
        work: impl FnOnce(&mut Connection) -> R,
    ) -> R {
        let watch = Watch {
            cancel: self.connection.cancel_token(),
            tls: self.tls.clone(),
            task: self.task.clone(),
            limit,
            is_cancelled: false,
        };
        let (done, is_usable) = driver::watched(watch, || work(&mut self.connection));
        if !is_usable {
            self.task.abort();
        }
        done
    }

    /// Whether it cannot be used any more.
    pub(super) fn is_broken(&mut self) -> bool {
        self.in_use || self.task.is_finished() || self.connection.is_broken()
    }
}

/// Why a server refused a connection, by its code.
fn reason(error: &tokio_postgres::Error) -> String {
    let Some(refused) = error.as_db_error() else {
        let source = std::error::Error::source(error);
        return source.map_or_else(|| error.to_string(), |source| format!("{error}: {source}"));
    };
    let advice = match *refused.code() {
        SqlState::INVALID_PASSWORD | SqlState::INVALID_AUTHORIZATION_SPECIFICATION => {
            "; check user and password in the database's URL"
        }
        SqlState::INVALID_CATALOG_NAME => "; create it first, as with createdb",
        SqlState::TOO_MANY_CONNECTIONS => "; raise max_connections, or the limit of this user",
        _ => "",
    };
    format!("the server refuses ({}): {}{advice}", refused.code().code(), refused.message())
}

/// What the connections of a pool are for.
pub(super) enum Role {
    /// To read.
    Reader,
    /// To write: each new one takes the lock of its process.
    Writer(Node),
    /// To write a little for a process that is not entered.
    Guest,
}

/// A process that writes.
#[derive(Clone, Copy)]
pub(super) struct Node {
    /// Its number in the database.
    pub(super) run: i64,
    /// The numbering that was found when it was opened.
    pub(super) epoch: u64,
}

impl Node {
    /// Whether the database still knows this process, and is the one that it was.
    fn check(self, connection: &mut Connection) -> Result<(), String> {
        if special::writes_of(connection, self.run).map_err(|error| error.to_string())?.is_none() {
            return Err(format!("{LOST}: it does not know this process any more"));
        }
        if special::epoch(connection)? != self.epoch {
            return Err(format!(
                "{LOST}: the server has gone back to an earlier state, or another has taken its place"
            ));
        }
        Ok(())
    }
}

/// Makes the connections of a pool.
pub(super) struct Manager {
    server: Server,
    tls: Tls,
    role: Role,
    limit: Duration,
    settings: String,
    /// One that is there already.
    first: Mutex<Option<Link>>,
    /// Why the last one could not be made.
    failure: Arc<Mutex<Option<String>>>,
}

impl Manager {
    pub(super) fn new(
        server: &Server,
        tls: &Tls,
        role: Role,
        limit: Duration,
        settings: String,
        first: Option<Link>,
    ) -> Self {
        let (first, failure) = (Mutex::new(first), Arc::default());
        Self { server: server.clone(), tls: tls.clone(), role, limit, settings, first, failure }
    }

    pub(super) fn failure(&self) -> Arc<Mutex<Option<String>>> {
        Arc::clone(&self.failure)
    }

    fn make(&self) -> Result<Link, String> {
        if let Some(link) = self.first.lock().unwrap_or_else(PoisonError::into_inner).take() {
            return Ok(link);
        }
        let mut link = Link::new(&self.server, &self.tls, self.limit, &self.settings)?;
        if let Role::Writer(node) = &self.role {
            // First: another server has no lock for it to wait for.
            link.watched_within(PROMPT, |connection| node.check(connection))?;
            link.watched_within(PROMPT, |connection| take_locks(connection, node.run))?;
        }
        Ok(link)
    }
}

/// How the reason begins for which this process cannot go on.
pub(super) const LOST: &str = "the database is no longer the one that was opened";

/// Waits a moment for the schema's lock, which all processes share, and for that of the process with the number `run`.
///
/// # Errors
/// When somebody changes the schema, or an earlier connection of the process has not ended.
pub(super) fn take_locks(connection: &mut Connection, run: i64) -> Result<(), String> {
    special::schema_lock(connection, "pg_advisory_lock_shared")
        .and_then(|()| special::lock_of(connection, run))
        .map_err(|error| format!("the lock of the database cannot be taken: {error}"))
}

/// Why a connection could not be made.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct NotMade(String);

impl ManageConnection for Manager {
    type Connection = Link;
    type Error = NotMade;

    fn connect(&self) -> Result<Link, NotMade> {
        let made = self.make();
        *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = made.as_ref().err().cloned();
        made.map_err(NotMade)
    }

    /// Asks nobody: that would be another round trip.
    fn is_valid(&self, link: &mut Link) -> Result<(), NotMade> {
        if link.is_broken() { Err(NotMade("the server has closed the connection".into())) } else { Ok(()) }
    }

    fn has_broken(&self, link: &mut Link) -> bool {
        link.is_broken()
    }
}
