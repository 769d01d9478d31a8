//! Opening the database, wherever it is.

use std::sync::Arc;

use crate::access::Access;
use crate::clock::Clock;
use crate::engine::Engine;
use crate::location::Location;
use crate::signals::Signals;
use crate::{OpenError, Store, StoreConfig, StoreError, postgres, sqlite, transfer};

impl Store {
    /// Opens the database, and makes or migrates it where needed; before a file is migrated, a copy of it is kept beside it. A file is
    /// locked against other processes; a server's database may be opened by several.
    ///
    /// # Errors
    /// When it is another's, in use, or cannot be read or written; it is then left as it was.
    pub fn open(config: &StoreConfig, clock: Clock) -> Result<Self, OpenError> {
        Self::open_with(config, true, clock)
    }

    /// As [`Store::open`], without the copy.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn open_without_copy(config: &StoreConfig, clock: Clock) -> Result<Self, OpenError> {
        Self::open_with(config, false, clock)
    }

    fn open_with(config: &StoreConfig, keeps_copy: bool, clock: Clock) -> Result<Self, OpenError> {
        let (engine, names) = match &config.database {
            Location::File(path) => sqlite::open(path, config, keeps_copy, clock.clone())?,
            Location::Server(server) => postgres::open(server, config, clock.clone())?,
        };
        let signals = Signals::new(names, config.signal_limit);
        let engine = engine.with(signals.clone());
        refuse_unfinished(&engine, &config.database)?;
        if engine.is_shared() {
            // A database that is slow to let readers in is asked again.
            for _ in 0..20 {
                match engine.lead() {
                    Err(StoreError::Busy) => {}
                    Err(error) => return Err(unusable(&config.database, error)),
                    Ok(_) => break,
                }
            }
        }
        Ok(Self {
            access: Access::new(Arc::clone(engine.tables()), clock).with_limit(config.read_limit),
            engine: Arc::new(engine),
            signals,
            read_limit: config.read_limit,
            scope: None,
            earliest: None,
            author: None,
            meter: None,
        })
    }

    /// Opens a database only to be queried, also while another process writes it: no lock is taken, nothing is migrated.
    /// What is committed later may be missing from its answers.
    ///
    /// # Errors
    /// When the file is another's, has an older schema, or cannot be read.
    pub fn open_read_only(database: &Location, clock: Clock) -> Result<Self, OpenError> {
        let store = Self::open_unfinished(database, clock)?;
        refuse_unfinished(&store.engine, database)?;
        Ok(store)
    }

    /// As [`Store::open_read_only`], also where another database is being copied into this one.
    pub(crate) fn open_unfinished(database: &Location, clock: Clock) -> Result<Self, OpenError> {
        let (engine, names) = match database {
            Location::File(path) => sqlite::open_read_only(path, clock.clone())?,
            Location::Server(server) => postgres::open_read_only(server, clock.clone())?,
        };
        let limit = names.len();
        let signals = Signals::new(names, limit);
        Ok(Self {
            access: Access::new(Arc::clone(engine.tables()), clock),
            engine: Arc::new(engine.with(signals.clone())),
            signals,
            read_limit: None,
            scope: None,
            earliest: None,
            author: None,
            meter: None,
        })
    }
}

/// Refuses a database into which another one was not copied to its end.
fn refuse_unfinished(engine: &Engine, database: &Location) -> Result<(), OpenError> {
    let origin = engine.tables().reading_beside(|rows| rows.origin());
    match origin.map_err(|error| unusable(database, error))? {
        Some(origin) if !origin.is_complete => {
            Err(OpenError::unusable(database.to_string(), transfer::UNFINISHED))
        }
        _ => Ok(()),
    }
}

/// The database does not do what was asked of it before anyone had it.
pub(crate) fn unusable(database: &Location, error: StoreError) -> OpenError {
    let why = match error {
        StoreError::Down(why) => why,
        error => error.to_string(),
    };
    OpenError::unusable(database.to_string(), why)
}
