-- Plain SQL over all samples. Those of the journal are text, which SQL reads; compressed ones it cannot read, so where that is wanted their
-- rows have them once more as arrays, written in the transaction that writes the row. NULL where they are not written.
ALTER TABLE block ADD COLUMN times bigint[], ADD COLUMN "values" double precision[];
-- A number, an instant and a value for each sample.
ALTER TABLE bundle ADD COLUMN signals integer[], ADD COLUMN times bigint[], ADD COLUMN "values" double precision[];
-- When each minute or hour begins, its lowest and its highest value.
ALTER TABLE rollup ADD COLUMN times bigint[], ADD COLUMN lows double precision[], ADD COLUMN highs double precision[];
DO $$ BEGIN
    ALTER TABLE block ALTER COLUMN times SET COMPRESSION lz4, ALTER COLUMN "values" SET COMPRESSION lz4;
    ALTER TABLE bundle ALTER COLUMN signals SET COMPRESSION lz4, ALTER COLUMN times SET COMPRESSION lz4,
        ALTER COLUMN "values" SET COMPRESSION lz4;
    ALTER TABLE rollup ALTER COLUMN times SET COMPRESSION lz4, ALTER COLUMN lows SET COMPRESSION lz4,
        ALTER COLUMN highs SET COMPRESSION lz4;
EXCEPTION WHEN feature_not_supported THEN
    NULL;
END $$;
-- Of which rows the arrays are not there.
CREATE INDEX block_unread ON block (id) WHERE times IS NULL;
CREATE INDEX bundle_unread ON bundle (id) WHERE times IS NULL;
CREATE INDEX rollup_unread ON rollup (id) WHERE times IS NULL;

-- Whether they are wanted.
ALTER TABLE numbering ADD COLUMN sql_history boolean NOT NULL DEFAULT false;

-- Switches them on or off. The server that leads fills in what is missing, a part every few seconds; what is not wanted goes at once.
CREATE FUNCTION sql_history(wanted boolean) RETURNS void LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF NOT wanted THEN
        UPDATE block SET times = NULL, "values" = NULL WHERE times IS NOT NULL;
        UPDATE bundle SET signals = NULL, times = NULL, "values" = NULL WHERE times IS NOT NULL;
        UPDATE rollup SET times = NULL, lows = NULL, highs = NULL WHERE times IS NOT NULL;
    END IF;
    -- Last: commits wait from here on.
    UPDATE numbering SET sql_history = wanted;
END $$;

-- Microseconds since 1970 as an instant, exactly: hours have the same length everywhere.
CREATE FUNCTION afterglow_time(micros bigint) RETURNS timestamptz LANGUAGE sql STABLE AS $$
    SELECT timestamptz 'epoch' + micros / 3600000000 * interval '1 hour' + micros % 3600000000 * interval '1 microsecond'
$$;

-- The other way.
CREATE FUNCTION afterglow_micros("time" timestamptz) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT CASE "time"
        WHEN 'infinity' THEN 4611686018427387904
        WHEN '-infinity' THEN -4611686018427387904
        ELSE (extract(epoch FROM "time") * 1000000)::bigint
    END
$$;

-- The samples of some signals, or of all, in a span with both ends: those that a query gets by HTTP, the last write of each identity. Where
-- some of them are compressed only, nothing is returned but an error that says so.
CREATE FUNCTION afterglow_samples(ids integer[], first_micros bigint, last_micros bigint)
RETURNS TABLE (signal_id integer, at bigint, value double precision) LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
#variable_conflict use_column
DECLARE
    hour CONSTANT bigint := 3600000000;
    unread bigint;
BEGIN
    SELECT
        (SELECT count(*) FROM block AS b WHERE b.times IS NULL AND (ids IS NULL OR b.signal_id = ANY (ids))
            AND b.last_timestamp >= first_micros AND b.first_timestamp <= last_micros)
        + (SELECT count(*) FROM bundle AS b WHERE b.times IS NULL
            AND (ids IS NULL OR EXISTS (SELECT FROM unnest(ids) AS id WHERE id BETWEEN b.first_signal AND b.last_signal))
            AND b.last_timestamp >= first_micros AND b.first_timestamp <= last_micros)
        + (SELECT count(*) FROM rollup AS b WHERE b.times IS NULL AND (ids IS NULL OR b.signal_id = ANY (ids))
            AND b.last_bucket >= first_micros - hour AND b.first_bucket <= last_micros)
        INTO unread;
    IF unread > 0 THEN
        RAISE EXCEPTION '% rows of this span have samples that SQL cannot read', unread USING
            ERRCODE = 'object_not_in_prerequisite_state',
            HINT = 'SELECT sql_history(true) has them written as arrays, too, within some minutes; or ask for a later span, or by HTTP.';
    END IF;
    RETURN QUERY
    WITH bucket AS (
        SELECT r.signal_id, r.resolution, u.start, u.low, u.high,
            (u.start - ((u.start % hour) + hour) % hour) AS hour_start
        FROM rollup AS r, unnest(r.times, r.lows, r.highs) AS u (start, low, high)
        WHERE (ids IS NULL OR r.signal_id = ANY (ids)) AND r.last_bucket >= first_micros - hour AND r.first_bucket <= last_micros
    ),
    -- Minutes of samples that came when their hour was made already belong to it.
    merged AS (
        SELECT b.signal_id, 3600 AS resolution, b.hour_start AS start, min(b.low) AS low, max(b.high) AS high
        FROM bucket AS b
        WHERE EXISTS (SELECT FROM bucket AS h
            WHERE h.resolution = 3600 AND h.signal_id = b.signal_id AND h.start = b.hour_start)
        GROUP BY b.signal_id, b.hour_start
        UNION ALL
        SELECT b.signal_id, 60, b.start, min(b.low), max(b.high)
        FROM bucket AS b
        WHERE NOT EXISTS (SELECT FROM bucket AS h
            WHERE h.resolution = 3600 AND h.signal_id = b.signal_id AND h.start = b.hour_start)
        GROUP BY b.signal_id, b.start
    ),
    found (signal_id, at, value, tier, newer, newest) AS (
        SELECT m.signal_id, m.start, m.low, 0, 0::bigint, 0::bigint FROM merged AS m
        UNION ALL
        SELECT m.signal_id, m.start + m.resolution * 500000::bigint, m.high, 0, 0, 0 FROM merged AS m WHERE m.high > m.low
        UNION ALL
        SELECT b.signal_id, u.at, u.value, 1, 0, 0
        FROM block AS b, unnest(b.times, b."values") AS u (at, value)
        WHERE (ids IS NULL OR b.signal_id = ANY (ids)) AND b.last_timestamp >= first_micros AND b.first_timestamp <= last_micros
        UNION ALL
        SELECT u.signal_id, u.at, u.value, 2, -b.tier::bigint, b.sequence
        FROM bundle AS b, unnest(b.signals, b.times, b."values") AS u (signal_id, at, value)
        WHERE (ids IS NULL OR u.signal_id = ANY (ids)) AND b.last_timestamp >= first_micros AND b.first_timestamp <= last_micros
        UNION ALL
        SELECT (pair.value ->> 0)::integer, (instant.value ->> 0)::bigint, (pair.value ->> 1)::double precision,
            3, j.sequence, instant.place * 65536 + pair.place
        FROM journal AS j,
            json_array_elements(j.samples::json) WITH ORDINALITY AS instant (value, place),
            json_array_elements(instant.value -> 1) WITH ORDINALITY AS pair (value, place)
        WHERE ids IS NULL OR (pair.value ->> 0)::integer = ANY (ids)
    )
    SELECT DISTINCT ON (f.signal_id, f.at) f.signal_id, f.at, f.value
    FROM found AS f
    WHERE f.at BETWEEN first_micros AND last_micros
    ORDER BY f.signal_id, f.at, f.tier DESC, f.newer DESC, f.newest DESC;
END $$;

-- The samples of one signal.
CREATE FUNCTION afterglow(signal text, "from" timestamptz DEFAULT '-infinity', "to" timestamptz DEFAULT 'infinity')
RETURNS TABLE ("timestamp" timestamptz, value double precision) LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    SELECT afterglow_time(s.at), s.value
    FROM afterglow_samples(ARRAY[(SELECT id FROM signal AS known WHERE known.name = $1)], afterglow_micros($2), afterglow_micros($3)) AS s
    ORDER BY s.at
$$;

-- All samples of all signals, however many that are: whatever is wanted of it, all of it is read.
CREATE VIEW telemetry (signal, "timestamp", value) AS
SELECT signal.name, afterglow_time(sample.at), sample.value
FROM afterglow_samples(NULL, -4611686018427387904, 4611686018427387904) AS sample
JOIN signal ON signal.id = sample.signal_id;
