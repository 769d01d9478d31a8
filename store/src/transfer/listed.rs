//! Which tables are copied, and what identifies their rows.

use crate::tables::Table;

/// Rows of small tables that are copied at once.
const MANY: usize = 500;

/// Rows of samples that are copied at once: some 10 MB.
const FEW: usize = 32;

/// A table whose rows are small, and compared as a whole.
const fn small(name: &'static str, key: &'static [&'static str], others: &'static [&'static str]) -> Table {
    Table { name, key, mark: others, rest: &[], numbered: None, batch: MANY, is_late: false }
}

/// A table whose rows never change, so that a part of them tells whether they are the same.
const fn large(
    name: &'static str,
    key: &'static [&'static str],
    mark: &'static [&'static str],
    rest: &'static [&'static str],
) -> Table {
    Table { name, key, mark, rest, numbered: None, batch: FEW, is_late: false }
}

/// A table whose rows the database numbers in this column.
const fn numbered(table: Table, column: &'static str) -> Table {
    Table { numbered: Some(column), ..table }
}

/// Every table that is copied; one comes after those that it refers to.
pub(super) const TABLES: [Table; 24] = [
    small("signal", &["id"], &["name", "created_at"]),
    large(
        "block",
        &["id"],
        &[
            "signal_id",
            "first_timestamp",
            "last_timestamp",
            "count",
            "min_timestamp",
            "min",
            "max_timestamp",
            "max",
            "sum",
            "first",
            "last",
            "sealed_at",
            "checksum",
        ],
        &["extremes", "payload"],
    ),
    numbered(
        large(
            "bundle",
            &["id"],
            &[
                "signal_group",
                "tier",
                "sequence",
                "first_signal",
                "last_signal",
                "first_timestamp",
                "last_timestamp",
                "count",
                "sealed_at",
                "checksum",
            ],
            &["directory", "payload"],
        ),
        "id",
    ),
    numbered(
        large(
            "rollup",
            &["id"],
            &["signal_id", "resolution", "first_bucket", "last_bucket", "count", "arrived_at", "checksum"],
            &["payload"],
        ),
        "id",
    ),
    small("metadata", &["signal_id"], &["document"]),
    small("board", &["id"], &["version", "title", "document", "updated_at"]),
    numbered(
        small("annotation", &["id"], &["first_timestamp", "last_timestamp", "text", "tags", "signals"]),
        "id",
    ),
    small("member", &["name"], &["role", "password", "totp", "totp_used", "recovery", "created_at"]),
    small("session", &["hash"], &["member", "created_at", "seen_at", "address", "agent"]),
    small("invitation", &["hash"], &["member", "expires_at"]),
    small("identity", &["issuer", "subject"], &["member"]),
    small("access_key", &["id"], &["tenant_id", "hash", "document", "used_at", "used_from"]),
    Table {
        batch: MANY,
        ..large(
            "audit",
            &["id"],
            &["hash"],
            &["tenant_id", "at", "who", "address", "action", "object", "outcome", "detail", "previous"],
        )
    },
    small("alert_document", &["tenant", "kind", "id"], &["version", "document", "created_at", "updated_at"]),
    small("alert_secret", &["tenant", "channel", "name"], &["value", "set_at"]),
    small("alert_cursor", &["id"], &["sequence", "at", "heard_at"]),
    small("alert_state", &["tenant", "rule", "scope"], &["document"]),
    small(
        "alert_episode",
        &["id"],
        &["tenant", "rule", "scope", "fired_at", "resolved_at", "document", "ack"],
    ),
    numbered(
        small("alert_notice", &["id"], &["tenant", "key", "channel", "topic", "document", "message"]),
        "id",
    ),
    numbered(
        small(
            "alert_message",
            &["position"],
            &["tenant", "id", "channel", "document", "attempts", "next_at"],
        ),
        "position",
    ),
    numbered(small("alert_delivery", &["id"], &["tenant", "channel", "document"]), "id"),
    small("alert_unheard", &["from_at"], &["to_at"]),
    small("deletion", &["id"], &["signals", "first_timestamp", "last_timestamp"]),
    Table {
        is_late: true,
        ..large("journal", &["sequence"], &["committed_at", "count", "checksum"], &["samples"])
    },
];

/// Tables that are not copied: their rows are about one database and its processes. `tenant` has the same row everywhere, and a database with
/// other tenants in `tenant_database` is copied only when one is named.
#[cfg(test)]
const LEFT: [&str; 7] =
    ["__diesel_schema_migrations", "numbering", "transfer", "node", "revision", "tenant", "tenant_database"];

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use diesel::connection::Connection as _;
    use diesel::prelude::*;
    use diesel_migrations::MigrationHarness as _;

    use super::*;

    #[derive(QueryableByName)]
    struct Column {
        #[diesel(sql_type = diesel::sql_types::Text)]
        table: String,
        #[diesel(sql_type = diesel::sql_types::Text)]
        column: String,
    }

    /// The columns of every table of the file's schema.
    fn schema() -> BTreeMap<String, Vec<String>> {
        let mut connection = diesel::SqliteConnection::establish(":memory:").unwrap();
        connection.run_pending_migrations(crate::sqlite::MIGRATIONS).unwrap();
        let columns: Vec<Column> = diesel::sql_query(
            "SELECT t.name AS \"table\", c.name AS \"column\" FROM sqlite_schema AS t, pragma_table_info(t.name) AS c \
             WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%' ORDER BY t.name, c.name",
        )
        .load(&mut connection)
        .unwrap();
        let mut tables: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for Column { table, column } in columns {
            tables.entry(table).or_default().push(column);
        }
        tables
    }

    #[test]
    fn every_column_of_every_table_is_copied_or_known_not_to_be() {
        let mut schema = schema();
        // The first schema's table becomes blocks before anything is copied; the journal's two parts are one.
        schema.remove("sample");
        let parts = [schema.remove("journal_a"), schema.remove("journal_b")];
        assert_eq!(parts[0], parts[1]);
        schema.insert("journal".into(), parts[0].clone().unwrap());
        for table in &TABLES {
            let mut listed = table.columns();
            listed.sort_unstable();
            assert_eq!(schema.remove(table.name).unwrap_or_default(), listed, "{}", table.name);
        }
        for table in schema.into_keys() {
            assert!(LEFT.contains(&&*table), "the table {table} is not copied");
        }
    }
}
