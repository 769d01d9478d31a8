-- What people save: pages of panels, marks on the time axis, and what they say about signals. Their JSON is that of wire/.

CREATE TABLE board (
    id         TEXT    NOT NULL PRIMARY KEY,
    -- Counts the changes: whoever replaces a board says which version.
    version    INTEGER NOT NULL,
    title      TEXT    NOT NULL,
    document   TEXT    NOT NULL,
    updated_at BIGINT  NOT NULL
) WITHOUT ROWID;

CREATE TABLE annotation (
    -- AUTOINCREMENT: the number of a deleted one must not come back, or a page that has not heard of it deletes another.
    id              INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    first_timestamp BIGINT  NOT NULL,
    -- As the first for an instant.
    last_timestamp  BIGINT  NOT NULL,
    text            TEXT    NOT NULL,
    tags            TEXT    NOT NULL,
    signals         TEXT    NOT NULL
);
CREATE INDEX annotation_by_time ON annotation (last_timestamp, first_timestamp);

CREATE TABLE metadata (
    signal_id INTEGER NOT NULL PRIMARY KEY REFERENCES signal (id),
    document  TEXT    NOT NULL
);
