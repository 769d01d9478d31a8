-- The tenants beside the one to which everything in this database belongs. Each has a database of its own, in a file beside this
-- one, with its own samples, documents, keys, members and audit log: nothing of it is here but that it exists.
CREATE TABLE tenant_database (
    name        TEXT    NOT NULL PRIMARY KEY,
    -- The name of the file, which no other tenant ever has.
    file        TEXT    NOT NULL UNIQUE,
    -- Once it is being deleted nothing opens it, and its files go.
    is_deleting BOOLEAN NOT NULL,
    -- What it may use: the JSON of wire/.
    limits      TEXT    NOT NULL,
    created_at  BIGINT  NOT NULL
) WITHOUT ROWID;
