-- Instants are integers: microseconds since 1970-01-01T00:00:00Z.

CREATE TABLE signal (
    id         INTEGER NOT NULL PRIMARY KEY,
    name       TEXT    NOT NULL UNIQUE,
    created_at BIGINT  NOT NULL
);

CREATE TABLE sample (
    id         INTEGER NOT NULL PRIMARY KEY,
    signal_id  INTEGER NOT NULL REFERENCES signal (id),
    timestamp  BIGINT  NOT NULL,
    value      DOUBLE  NOT NULL,
    created_at BIGINT  NOT NULL,
    -- The identity of a sample: sending it again replaces it, and nothing is stored twice.
    UNIQUE (signal_id, timestamp)
);

-- The inherited table, for plain SQL. Subtracting the comparison rounds instants before 1970 down, as it must be.
CREATE VIEW telemetry (id, timestamp, signal_name, value, created_at) AS
SELECT
    sample.id,
    strftime('%Y-%m-%dT%H:%M:%S', sample.timestamp / 1000000 - (sample.timestamp % 1000000 < 0), 'unixepoch')
        || printf('.%06dZ', (sample.timestamp % 1000000 + 1000000) % 1000000),
    signal.name,
    sample.value,
    strftime('%Y-%m-%dT%H:%M:%S', sample.created_at / 1000000, 'unixepoch')
        || printf('.%06dZ', sample.created_at % 1000000)
FROM sample
JOIN signal ON signal.id = sample.signal_id;
