-- A row per sample costs 28 to 145 bytes. From here on a commit is one row of a journal, and thousands of samples
-- become one compressed block. Rows of `sample` are converted by the program (store/sqlite/convert.rs) and the
-- emptied table is dropped there.

DROP VIEW telemetry;

-- The durable journal: what was committed and is not in a block yet. Two tables take turns, so that the one that has
-- been sealed is emptied as a whole, which is nearly free. `samples` is [[timestamp, [[signal_id, value], ...]], ...].
CREATE TABLE journal_a (
    sequence     INTEGER NOT NULL PRIMARY KEY,
    committed_at BIGINT  NOT NULL,
    count        INTEGER NOT NULL,
    samples      TEXT    NOT NULL,
    checksum     BIGINT  NOT NULL
);

CREATE TABLE journal_b (
    sequence     INTEGER NOT NULL PRIMARY KEY,
    committed_at BIGINT  NOT NULL,
    count        INTEGER NOT NULL,
    samples      TEXT    NOT NULL,
    checksum     BIGINT  NOT NULL
);

-- Some thousand samples of one signal. The blocks of a signal never overlap.
CREATE TABLE block (
    id              INTEGER NOT NULL PRIMARY KEY,
    signal_id       INTEGER NOT NULL,
    first_timestamp BIGINT  NOT NULL,
    last_timestamp  BIGINT  NOT NULL,
    count           INTEGER NOT NULL,
    min_timestamp   BIGINT  NOT NULL,
    min             DOUBLE  NOT NULL,
    max_timestamp   BIGINT  NOT NULL,
    max             DOUBLE  NOT NULL,
    sum             DOUBLE  NOT NULL,
    first           DOUBLE  NOT NULL,
    last            DOUBLE  NOT NULL,
    sealed_at       BIGINT  NOT NULL,
    -- The lowest and highest of every few hundred samples, for wide charts; before the payload, so that reading it does
    -- not read that. NULL where it is not worth its space.
    extremes        BLOB,
    payload         BLOB    NOT NULL,
    checksum        BIGINT  NOT NULL
);
CREATE INDEX block_by_time ON block (signal_id, last_timestamp, first_timestamp);
-- For making room: which samples are the oldest of all.
CREATE INDEX block_by_age ON block (last_timestamp);

-- What remains of samples whose blocks have expired: buckets of `resolution` seconds with min, max, sum, count, last.
CREATE TABLE rollup (
    id           INTEGER NOT NULL PRIMARY KEY,
    signal_id    INTEGER NOT NULL,
    resolution   INTEGER NOT NULL,
    first_bucket BIGINT  NOT NULL,
    last_bucket  BIGINT  NOT NULL,
    count        BIGINT  NOT NULL,
    arrived_at   BIGINT  NOT NULL,
    payload      BLOB    NOT NULL,
    checksum     BIGINT  NOT NULL
);
CREATE INDEX rollup_by_time ON rollup (signal_id, resolution, last_bucket, first_bucket);

-- The inherited table, for plain SQL: the journal's samples, the last write of each identity.
CREATE VIEW telemetry (id, timestamp, signal_name, value, created_at) AS
WITH journal AS (
    SELECT sequence, committed_at, samples FROM journal_a
    UNION ALL
    SELECT sequence, committed_at, samples FROM journal_b
),
sample AS (
    SELECT
        -- At most 8,192 samples are in a row of the journal.
        max(journal.sequence * 67108864 + instant.key * 8192 + pair.key) AS id,
        instant.value ->> 0 AS timestamp,
        pair.value ->> 0    AS signal_id,
        pair.value ->> 1    AS value,
        journal.committed_at
    FROM journal, json_each(journal.samples) AS instant, json_each(instant.value, '$[1]') AS pair
    GROUP BY 2, 3
)
SELECT
    sample.id,
    strftime('%Y-%m-%dT%H:%M:%S', sample.timestamp / 1000000 - (sample.timestamp % 1000000 < 0), 'unixepoch')
        || printf('.%06dZ', (sample.timestamp % 1000000 + 1000000) % 1000000),
    signal.name,
    sample.value,
    strftime('%Y-%m-%dT%H:%M:%S', sample.committed_at / 1000000, 'unixepoch')
        || printf('.%06dZ', sample.committed_at % 1000000)
FROM sample
JOIN signal ON signal.id = sample.signal_id;
