-- A deletion of samples that was begun and is not complete; it is completed at the next start. There is at most one row.
CREATE TABLE deletion (
    id              integer NOT NULL PRIMARY KEY CHECK (id = 1),
    -- A JSON array of the signals' numbers, in order.
    signals         text    NOT NULL,
    first_timestamp bigint  NOT NULL,
    last_timestamp  bigint  NOT NULL
);
