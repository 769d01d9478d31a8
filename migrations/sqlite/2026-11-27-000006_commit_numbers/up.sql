-- What must outlive the journal's rows: the number of a commit never comes back, also when all rows have become blocks.
CREATE TABLE numbering (
    -- There is one row.
    id              INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    -- Names this numbering. 0 where the program has still to choose it: in a new database, and in a copy, whose numbers go
    -- on beside those of the original.
    epoch           BIGINT  NOT NULL,
    -- The number of the last commit whose samples are in blocks; written in the transaction that empties the journal.
    sealed_sequence BIGINT  NOT NULL
);
INSERT INTO numbering (id, epoch, sealed_sequence) VALUES (1, 0, 0);
