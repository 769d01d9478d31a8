//! What every connection to a database of unknown origin needs: nothing in its schema is trusted, and its statements can
//! be interrupted. They are prepared once.

use std::ffi::{c_char, c_int, c_void};
use std::ptr;
use std::sync::LazyLock;

use diesel::prelude::*;
use libsqlite3_sys as ffi;

use crate::budget;

/// Steps of SQLite's virtual machine between two checks of the limits: some ten microseconds.
const STEPS: c_int = 1_000;

/// Diesel does not give its connections' handles out; SQLite calls this for each connection that is opened from now on.
#[expect(unsafe_code, reason = "a function is registered; it lives as long as the process")]
static REGISTERED: LazyLock<bool> =
    LazyLock::new(|| unsafe { ffi::sqlite3_auto_extension(Some(set_up)) == ffi::SQLITE_OK });

/// Makes sure that connections are guarded that are opened from now on.
pub(super) fn install() -> ConnectionResult<()> {
    if *REGISTERED {
        return Ok(());
    }
    Err(ConnectionError::BadConnection("SQLite has no memory for its settings".into()))
}

/// Opens a guarded connection.
pub(super) fn establish(url: &str) -> ConnectionResult<SqliteConnection> {
    install()?;
    SqliteConnection::establish(url)
}

#[expect(unsafe_code, reason = "SQLite calls it with a connection that has just been opened")]
unsafe extern "C" fn set_up(
    connection: *mut ffi::sqlite3,
    _error: *mut *mut c_char,
    _api: *const ffi::sqlite3_api_routines,
) -> c_int {
    // SAFETY: the connection is open, and the handler takes no argument.
    unsafe {
        for (setting, value) in [
            (ffi::SQLITE_DBCONFIG_DEFENSIVE, 1),
            (ffi::SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0),
            // Bound values choose no plan. Without it, a statement is prepared again for each value of a `LIMIT`.
            (ffi::SQLITE_DBCONFIG_ENABLE_QPSG, 1),
        ] {
            let result = ffi::sqlite3_db_config(connection, setting, value, ptr::null_mut::<c_int>());
            if result != ffi::SQLITE_OK {
                return result;
            }
        }
        ffi::sqlite3_progress_handler(connection, STEPS, Some(progress), ptr::null_mut());
        ffi::sqlite3_exec(
            connection,
            c"PRAGMA cell_size_check = ON".as_ptr(),
            None,
            ptr::null_mut(),
            ptr::null_mut(),
        )
    }
}

/// Not 0 interrupts the statement.
extern "C" fn progress(_: *mut c_void) -> c_int {
    c_int::from(budget::interrupts())
}

#[cfg(test)]
mod tests {
    use diesel::connection::SimpleConnection as _;

    use super::*;
    use crate::sqlite::number;

    #[test]
    fn connections_trust_no_schema() {
        let mut connection = establish(":memory:").unwrap();
        for (setting, value) in [("trusted_schema", 0), ("cell_size_check", 1)] {
            let sql = format!("SELECT {setting} AS value FROM pragma_{setting}");
            assert_eq!(number(&mut connection, &sql), Ok(value), "{setting}");
        }
        let forged = "PRAGMA writable_schema = ON; CREATE TABLE a (b); UPDATE sqlite_schema SET sql = 'x'";
        assert!(connection.batch_execute(forged).is_err());
    }

    #[test]
    #[expect(unsafe_code, reason = "how often a statement was prepared is asked of SQLite itself")]
    fn statements_are_prepared_once() {
        install().unwrap();
        let (mut connection, mut statement) = (ptr::null_mut(), ptr::null_mut());
        // SAFETY: pointers are used between their opening and their end.
        unsafe {
            assert_eq!(ffi::sqlite3_open(c":memory:".as_ptr(), &raw mut connection), ffi::SQLITE_OK);
            let text = c"SELECT name FROM sqlite_schema WHERE rootpage > ? ORDER BY name LIMIT ?";
            let (unused, length) = (ptr::null_mut(), -1);
            let prepared =
                ffi::sqlite3_prepare_v2(connection, text.as_ptr(), length, &raw mut statement, unused);
            assert_eq!(prepared, ffi::SQLITE_OK);
            for value in 1..=5 {
                ffi::sqlite3_bind_int64(statement, 1, value);
                ffi::sqlite3_bind_int64(statement, 2, value);
                assert_eq!(ffi::sqlite3_step(statement), ffi::SQLITE_DONE);
                ffi::sqlite3_reset(statement);
            }
            let again = ffi::sqlite3_stmt_status(statement, ffi::SQLITE_STMTSTATUS_REPREPARE, 0);
            assert_eq!(again, 0);
            ffi::sqlite3_finalize(statement);
            ffi::sqlite3_close(connection);
        }
    }
}
