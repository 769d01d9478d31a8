-- Instants are integers: microseconds since 1970-01-01T00:00:00Z. Texts are compared by their bytes, as Rust does.
-- The table of samples that SQLite had at first was never here.

CREATE TABLE signal (
    id         integer NOT NULL PRIMARY KEY,
    name       text    NOT NULL UNIQUE COLLATE "C",
    created_at bigint  NOT NULL
);
