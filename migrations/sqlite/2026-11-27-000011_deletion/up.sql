-- A deletion of samples that was begun and is not complete; it is completed at the next start. There is at most one row.
CREATE TABLE deletion (
    id              INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    -- A JSON array of the signals' numbers, in order.
    signals         TEXT    NOT NULL,
    first_timestamp BIGINT  NOT NULL,
    last_timestamp  BIGINT  NOT NULL
);
