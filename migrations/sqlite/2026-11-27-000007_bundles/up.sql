-- With many signals a sealing has few samples of each, and a row for each would cost more than what is in it. They are bundled
-- first: a row has the samples of some neighbouring signals, and rows are merged until a signal has enough for a block.
CREATE TABLE bundle (
    id              INTEGER NOT NULL PRIMARY KEY,
    -- Numbers of signals divided by 64: no row has signals of two groups.
    signal_group    INTEGER NOT NULL,
    -- How often its samples were merged. Of two samples with one identity the one in the lower tier is newer,
    tier            INTEGER NOT NULL,
    -- and within a tier the one with the higher sequence: the number of the last commit that it may come from.
    sequence        BIGINT  NOT NULL,
    first_signal    INTEGER NOT NULL,
    last_signal     INTEGER NOT NULL,
    first_timestamp BIGINT  NOT NULL,
    last_timestamp  BIGINT  NOT NULL,
    count           INTEGER NOT NULL,
    sealed_at       BIGINT  NOT NULL,
    -- What is known of each signal's samples, and where they are in the payload.
    directory       BLOB    NOT NULL,
    payload         BLOB    NOT NULL,
    checksum        BIGINT  NOT NULL
);
CREATE INDEX bundle_by_group
    ON bundle (signal_group, tier DESC, sequence, first_signal, last_signal, first_timestamp, last_timestamp);
CREATE INDEX bundle_by_age ON bundle (last_timestamp);
