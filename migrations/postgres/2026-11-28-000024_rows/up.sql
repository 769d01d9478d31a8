-- Samples of chosen signals once more as rows, a row a sample, for programs that read nothing else. A commit writes them in its own
-- transaction; the table `sample_row` is made when the first signals are chosen.

-- Which signals are chosen: by names in which `*` stands for any characters, and as numbers.
CREATE TABLE sample_pattern (pattern text NOT NULL PRIMARY KEY COLLATE "C");
CREATE TABLE sample_signal (signal_id integer NOT NULL PRIMARY KEY);

-- Counts deletions: rows that are copied while something is deleted are copied again.
CREATE TABLE sample_deletions (
    id     integer NOT NULL PRIMARY KEY CHECK (id = 1),
    number bigint  NOT NULL
);
INSERT INTO sample_deletions VALUES (1, 0);

-- Whether a name is meant; `\*` stands for the star itself.
CREATE FUNCTION sample_matches(name text, pattern text) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT name COLLATE "C" LIKE
        replace(replace(replace(replace(replace(replace(
            pattern, '\*', chr(1)), '\', '\\'), '%', '\%'), '_', '\_'), '*', '%'), chr(1), '*')
$$;

-- Makes the partition of a month; before 2000 and from 2100 on there is one each. Nothing where a hypertable has chunks.
CREATE FUNCTION sample_partition(month timestamp) RETURNS void LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    part CONSTANT text := 'sample_row_' || to_char(month, 'YYYY_MM');
BEGIN
    IF month >= '2000-01-01' AND month < '2100-01-01' AND to_regclass(part) IS NULL
        AND (SELECT relkind = 'p' FROM pg_class WHERE oid = to_regclass('sample_row'))
    THEN
        -- In two steps it waits for nobody who reads or writes other partitions.
        EXECUTE format('CREATE TABLE %I (LIKE sample_row INCLUDING ALL)', part);
        EXECUTE format('ALTER TABLE sample_row ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
            part, month AT TIME ZONE 'UTC', (month + interval '1 month') AT TIME ZONE 'UTC');
    END IF;
END $$;

CREATE FUNCTION sample_month("time" timestamptz) RETURNS timestamp LANGUAGE sql STABLE AS $$
    SELECT date_trunc('month', "time" AT TIME ZONE 'UTC')
$$;

CREATE FUNCTION sample_signal_new() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO sample_signal
    SELECT NEW.id WHERE EXISTS (SELECT FROM sample_pattern AS p WHERE sample_matches(NEW.name, p.pattern))
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
CREATE TRIGGER sample_signal_new AFTER INSERT ON signal FOR EACH ROW EXECUTE FUNCTION sample_signal_new();

CREATE FUNCTION sample_row_new() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    ids integer[];
    times timestamptz[];
    numbers double precision[];
BEGIN
    IF NOT EXISTS (SELECT FROM sample_signal) THEN
        RETURN NULL;
    END IF;
    -- The last write of each identity.
    SELECT array_agg(f.signal_id), array_agg(f."time"), array_agg(f.value) INTO ids, times, numbers FROM (
        SELECT DISTINCT ON (chosen.signal_id, instant.value ->> 0)
            chosen.signal_id, afterglow_time((instant.value ->> 0)::bigint) AS "time", (pair.value ->> 1)::double precision AS value
        FROM json_array_elements(NEW.samples::json) WITH ORDINALITY AS instant (value, place),
            json_array_elements(instant.value -> 1) WITH ORDINALITY AS pair (value, place),
            sample_signal AS chosen
        WHERE chosen.signal_id = (pair.value ->> 0)::integer
        ORDER BY chosen.signal_id, instant.value ->> 0, instant.place DESC, pair.place DESC
    ) AS f;
    IF ids IS NOT NULL THEN
        PERFORM sample_partition(m) FROM (SELECT DISTINCT sample_month(t) FROM unnest(times) AS t) AS months (m);
        INSERT INTO sample_row (signal_id, "timestamp", value) SELECT * FROM unnest(ids, times, numbers)
        ON CONFLICT (signal_id, "timestamp") DO UPDATE SET value = excluded.value, written = excluded.written;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER sample_row_new AFTER INSERT ON journal FOR EACH ROW EXECUTE FUNCTION sample_row_new();

-- A deletion takes what was committed before it begins.
CREATE FUNCTION sample_row_deletion() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF EXISTS (SELECT FROM sample_signal) THEN
        UPDATE sample_deletions SET number = number + 1;
        DELETE FROM sample_row
        WHERE signal_id IN (SELECT s::integer FROM json_array_elements_text(NEW.signals::json) AS s)
            -- The years 1 to 9999: an instant has no more.
            AND "timestamp" BETWEEN afterglow_time(greatest(NEW.first_timestamp, -62135596800000000))
                AND afterglow_time(least(NEW.last_timestamp, 253402300799999999));
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER sample_row_deletion AFTER INSERT ON deletion FOR EACH ROW EXECUTE FUNCTION sample_row_deletion();

-- Deletes some of what has expired: of each signal, rows that are before its instant and were written before it. How many, at most 10,000: commits
-- wait for no more.
CREATE FUNCTION sample_row_expire(ids integer[], befores bigint[]) RETURNS bigint LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    old_ids integer[];
    old_times timestamptz[];
    deleted bigint := 0;
BEGIN
    IF to_regclass('sample_row') IS NOT NULL THEN
        SELECT array_agg(o.signal_id), array_agg(o."timestamp") INTO old_ids, old_times FROM (
            SELECT r.signal_id, r."timestamp"
            FROM unnest(ids, befores) AS u (signal_id, before) JOIN sample_row AS r ON r.signal_id = u.signal_id
            WHERE r."timestamp" < afterglow_time(u.before) AND r.written < afterglow_time(u.before)
            LIMIT 10000
        ) AS o;
        IF old_ids IS NULL THEN
            RETURN 0;
        END IF;
        -- As commits do, which write rows again.
        PERFORM FROM numbering FOR UPDATE;
        DELETE FROM sample_row AS r USING unnest(old_ids, old_times) AS o (signal_id, "time"), unnest(ids, befores) AS u (signal_id, before)
        WHERE r.signal_id = o.signal_id AND r."timestamp" = o."time"
            AND u.signal_id = r.signal_id AND r.written < afterglow_time(u.before);
        GET DIAGNOSTICS deleted = ROW_COUNT;
    END IF;
    RETURN deleted;
END $$;

-- Chooses signals, or chooses them no more. From the commit after this on, rows are written, or not.
CREATE FUNCTION sample_choose(chosen text, wanted boolean) RETURNS void LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    owner CONSTANT name := (SELECT pg_get_userbyid(relowner) FROM pg_class WHERE oid = 'journal'::regclass);
BEGIN
    IF current_user <> owner THEN
        RAISE EXCEPTION 'only the role % may choose signals, as it must own the table of rows', owner
            USING ERRCODE = 'insufficient_privilege', HINT = format('SET ROLE %I', owner);
    END IF;
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'signals are chosen in transactions that read what is committed, not in %', current_setting('transaction_isolation')
            USING ERRCODE = 'invalid_transaction_state', HINT = 'SET default_transaction_isolation = "read committed"';
    END IF;
    -- Each transaction that writes begins with this row: none of them is under way now.
    PERFORM FROM numbering FOR UPDATE;
    IF NOT wanted THEN
        DELETE FROM sample_pattern WHERE pattern = chosen;
        DELETE FROM sample_signal AS s USING signal
        WHERE signal.id = s.signal_id
            AND NOT EXISTS (SELECT FROM sample_pattern AS p WHERE sample_matches(signal.name, p.pattern));
        RETURN;
    END IF;
    INSERT INTO sample_pattern VALUES (chosen) ON CONFLICT DO NOTHING;
    INSERT INTO sample_signal SELECT id FROM signal WHERE sample_matches(name, chosen) ON CONFLICT DO NOTHING;
    IF to_regclass('sample_row') IS NULL THEN
        IF EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb') THEN
            CREATE TABLE sample_row (signal_id integer NOT NULL, "timestamp" timestamptz NOT NULL, value double precision NOT NULL,
                written timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (signal_id, "timestamp"));
            EXECUTE 'SELECT create_hypertable(''sample_row'', ''timestamp'')';
        ELSE
            CREATE TABLE sample_row (signal_id integer NOT NULL, "timestamp" timestamptz NOT NULL, value double precision NOT NULL,
                written timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (signal_id, "timestamp")) PARTITION BY RANGE ("timestamp");
            CREATE TABLE sample_row_before PARTITION OF sample_row FOR VALUES FROM (MINVALUE) TO ('2000-01-01T00:00:00Z');
            CREATE TABLE sample_row_after PARTITION OF sample_row FOR VALUES FROM ('2100-01-01T00:00:00Z') TO (MAXVALUE);
        END IF;
        CREATE VIEW telemetry_rows (signal, "timestamp", value) AS
        SELECT signal.name, r."timestamp", r.value FROM sample_row AS r JOIN signal ON signal.id = r.signal_id;
    END IF;
END $$;

-- The hours of which a signal has samples, as their numbers since 1970.
CREATE FUNCTION sample_hours(id integer) RETURNS bigint[] LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    SELECT coalesce(array_agg(DISTINCT (s.at - ((s.at % 3600000000) + 3600000000) % 3600000000) / 3600000000), '{}')
    FROM afterglow_samples(ARRAY[id], -62135596800000000, 253402300799999999) AS s
$$;

-- Copies what was stored of an hour of a signal before the signal was chosen.
CREATE FUNCTION sample_copy(id integer, hour bigint) RETURNS void LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    before bigint;
    times timestamptz[];
    numbers double precision[];
BEGIN
    LOOP
        WHILE EXISTS (SELECT FROM deletion) LOOP
            PERFORM pg_sleep(0.1);
        END LOOP;
        SELECT number INTO before FROM sample_deletions;
        SELECT array_agg(afterglow_time(s.at)), array_agg(s.value) INTO times, numbers
        FROM afterglow_samples(ARRAY[id], hour * 3600000000, hour * 3600000000 + 3599999999) AS s;
        BEGIN
            -- As commits do, before rows: no deletion begins from here to the end of this transaction either.
            PERFORM FROM numbering FOR UPDATE;
            IF (SELECT number FROM sample_deletions) <> before THEN
                RAISE EXCEPTION USING ERRCODE = 'AG001';
            END IF;
            PERFORM sample_partition(m) FROM (SELECT DISTINCT sample_month(t) FROM unnest(times) AS t) AS months (m);
            -- What is there was written later.
            INSERT INTO sample_row (signal_id, "timestamp", value)
            SELECT id, u."time", u.value FROM unnest(times, numbers) AS u ("time", value)
            ON CONFLICT DO NOTHING;
            RETURN;
        EXCEPTION WHEN SQLSTATE 'AG001' THEN
            -- Something was deleted meanwhile: once more.
            NULL;
        END;
    END LOOP;
END $$;

-- Deletes some rows of a signal that is not chosen; whether there were any.
CREATE FUNCTION sample_forget(id integer) RETURNS boolean LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM FROM numbering FOR UPDATE;
    IF to_regclass('sample_row') IS NULL OR EXISTS (SELECT FROM sample_signal WHERE signal_id = id) THEN
        RETURN false;
    END IF;
    DELETE FROM sample_row AS r USING (SELECT s."timestamp" FROM sample_row AS s WHERE s.signal_id = id LIMIT 10000) AS old
    WHERE r.signal_id = id AND r."timestamp" = old."timestamp";
    RETURN FOUND;
END $$;

-- Has rows written for the signals that a pattern means, and copies what is stored of them, an hour of a signal at a time; or ends that and
-- removes them. Outside of a transaction, as it commits.
CREATE PROCEDURE sql_rows(pattern text, wanted boolean DEFAULT true) LANGUAGE plpgsql AS $$
DECLARE
    ids integer[];
    id integer;
    hour bigint;
BEGIN
    PERFORM sample_choose(pattern, wanted);
    COMMIT;
    ids := ARRAY(SELECT s.id FROM signal AS s WHERE sample_matches(s.name, pattern) ORDER BY s.id);
    FOREACH id IN ARRAY ids LOOP
        IF wanted THEN
            FOREACH hour IN ARRAY sample_hours(id) LOOP
                PERFORM sample_copy(id, hour);
                COMMIT;
            END LOOP;
        ELSE
            WHILE sample_forget(id) LOOP
                COMMIT;
            END LOOP;
            COMMIT;
        END IF;
    END LOOP;
END $$;
