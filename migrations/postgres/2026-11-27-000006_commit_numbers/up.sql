-- What must outlive the journal's rows: the number of a commit never comes back, also when all rows have become blocks.
CREATE TABLE numbering (
    -- There is one row.
    id              integer NOT NULL PRIMARY KEY CHECK (id = 1),
    -- A part of the name of this numbering; 0 where the program has still to choose it.
    epoch           bigint  NOT NULL,
    -- The number of the last commit whose samples are in blocks; written in the transaction that empties the journal.
    sealed_sequence bigint  NOT NULL,
    -- The process that opened the database last, by a number of its own: an earlier one must not write any more.
    owner           bigint  NOT NULL DEFAULT 0,
    -- Transactions of the process that has the lock; each counts itself.
    writes          bigint  NOT NULL DEFAULT 0
);
INSERT INTO numbering (id, epoch, sealed_sequence) VALUES (1, 0, 0);
