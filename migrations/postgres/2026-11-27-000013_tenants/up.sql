-- The tenants beside the one to which everything in this database belongs, each with a database of its own. A server keeps none so far: a
-- tenant's database is a file beside that of the default one.
CREATE TABLE tenant_database (
    name        text    NOT NULL PRIMARY KEY COLLATE "C",
    -- The name of the file, which no other tenant ever has.
    file        text    NOT NULL UNIQUE,
    -- Once it is being deleted nothing opens it, and its files go.
    is_deleting boolean NOT NULL,
    -- What it may use: the JSON of wire/.
    limits      text    NOT NULL,
    created_at  bigint  NOT NULL
);
