//! What every connection to a database of unknown origin needs: nothing in its schema is trusted, and its statements can
//! be interrupted.

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
        for (setting, value) in
            [(ffi::SQLITE_DBCONFIG_DEFENSIVE, 1), (ffi::SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0)]
        {
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
}
