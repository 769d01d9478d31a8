//! Compares the schema of a database with ours before anything is read from its tables: a view in a table's place may
//! take forever to read, and a trigger does what it likes to what is written.

use std::collections::HashMap;

use diesel::prelude::*;
use diesel::sql_types::Binary;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness as _, embed_migrations};

use super::guard;

/// Every version of the schema.
pub(crate) const MIGRATIONS: EmbeddedMigrations = embed_migrations!("../migrations/sqlite");

/// Far more than any schema of ours has.
const OBJECTS: usize = 1_000;

#[derive(QueryableByName)]
struct Object {
    #[diesel(sql_type = Binary)]
    kind: Vec<u8>,
    #[diesel(sql_type = Binary)]
    name: Vec<u8>,
    #[diesel(sql_type = Binary)]
    statement: Vec<u8>,
}

/// What an object is, and the statement that made it.
type Made = (String, String);

impl Object {
    fn kind(&self) -> String {
        String::from_utf8_lossy(&self.kind).into_owned()
    }

    /// SQLite's names do not tell upper case from lower.
    fn name(&self) -> String {
        String::from_utf8_lossy(&self.name).to_ascii_lowercase()
    }

    fn made(&self) -> Made {
        (self.kind(), normalized(&String::from_utf8_lossy(&self.statement)))
    }
}

/// Checks that what has the name of a table, index or view of ours is that one, in any version of the schema, and that
/// there are no triggers.
///
/// # Errors
/// A sentence that names what is different, or why the schema cannot be read.
pub(super) fn check(connection: &mut SqliteConnection) -> Result<(), String> {
    let ours = ours()?;
    let objects = objects(connection).map_err(|error| format!("its schema cannot be read: {error}"))?;
    if objects.len() > OBJECTS {
        return Err(format!(
            "its schema is not Afterglow's: it has more than {OBJECTS} tables, indexes and views"
        ));
    }
    for object in objects {
        let (kind, name) = (object.kind(), object.name());
        if kind == "trigger" {
            return Err(format!("its schema is not Afterglow's: it has the trigger {name:?}"));
        }
        if ours.get(&name).is_some_and(|versions| !versions.contains(&object.made())) {
            return Err(format!("its schema is not Afterglow's: its {kind} {name:?} is another"));
        }
    }
    Ok(())
}

fn objects(connection: &mut SqliteConnection) -> QueryResult<Vec<Object>> {
    diesel::sql_query(format!(
        "SELECT CAST(type AS BLOB) AS kind, CAST(name AS BLOB) AS name, \
            CAST(coalesce(substr(sql, 1, 100000), '') AS BLOB) AS statement FROM sqlite_schema LIMIT {}",
        OBJECTS + 1
    ))
    .load(connection)
}

/// By name, every version that there has been.
fn ours() -> Result<HashMap<String, Vec<Made>>, String> {
    let failed = |error: &dyn std::fmt::Display| format!("its schema has nothing to compare with: {error}");
    let mut connection = guard::establish(":memory:").map_err(|error| failed(&error))?;
    let mut ours: HashMap<String, Vec<Made>> = HashMap::new();
    while connection.has_pending_migration(MIGRATIONS).map_err(|error| failed(&error))? {
        connection.run_next_migration(MIGRATIONS).map_err(|error| failed(&error))?;
        for object in objects(&mut connection).map_err(|error| failed(&error))? {
            let versions = ours.entry(object.name()).or_default();
            versions.push(object.made());
        }
    }
    Ok(ours)
}

/// A statement without comments and blanks, which may change.
fn normalized(statement: &str) -> String {
    let mut lines = String::new();
    for line in statement.lines() {
        lines.push_str(line.split("--").next().unwrap_or_default());
    }
    lines.retain(|character| !character.is_whitespace());
    lines.make_ascii_lowercase();
    lines
}
