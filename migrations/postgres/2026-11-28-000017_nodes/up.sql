-- Several processes on one database. All their transactions that write lock the row of `numbering`, and so follow one another.

-- `owner` is the process that leads: it alone seals, expires, deletes and evaluates, until this time.
ALTER TABLE numbering ADD COLUMN owner_until timestamptz NOT NULL DEFAULT '-infinity';
-- The highest number that a block has had: processes know blocks by their numbers, so none comes back.
ALTER TABLE numbering ADD COLUMN newest_block bigint NOT NULL DEFAULT 0;
UPDATE numbering SET newest_block = coalesce((SELECT max(id) FROM block), 0);
-- Counts the changes that `revision` counts by kind.
ALTER TABLE numbering ADD COLUMN changes bigint NOT NULL DEFAULT 0;

-- The processes, by a number that each chooses, and how many of its transactions were kept.
CREATE TABLE node (
    run     bigint      NOT NULL PRIMARY KEY,
    writes  bigint      NOT NULL DEFAULT 0,
    seen_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- By their revisions processes notice what others have changed.
CREATE TABLE revision (
    kind   text   NOT NULL PRIMARY KEY,
    number bigint NOT NULL
);
INSERT INTO revision (kind, number)
    SELECT kind, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint
    FROM unnest(ARRAY['boards', 'annotations', 'metadata', 'rules', 'channels', 'silences', 'alerts', 'acks', 'access']) AS kind;

CREATE FUNCTION count_revision() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE revision SET number = number + 1 WHERE kind = TG_ARGV[0];
    UPDATE numbering SET changes = changes + 1;
    RETURN NULL;
END $$;

CREATE FUNCTION count_alert_revision() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE revision SET number = number + 1 WHERE kind = coalesce(NEW.kind, OLD.kind) || 's';
    UPDATE numbering SET changes = changes + 1;
    RETURN NULL;
END $$;

CREATE TRIGGER counted AFTER INSERT OR UPDATE OR DELETE ON board
    FOR EACH STATEMENT EXECUTE FUNCTION count_revision('boards');
CREATE TRIGGER counted AFTER INSERT OR UPDATE OR DELETE ON annotation
    FOR EACH STATEMENT EXECUTE FUNCTION count_revision('annotations');
CREATE TRIGGER counted AFTER INSERT OR UPDATE OR DELETE ON metadata
    FOR EACH STATEMENT EXECUTE FUNCTION count_revision('metadata');
CREATE TRIGGER counted AFTER INSERT OR UPDATE OR DELETE ON alert_document
    FOR EACH ROW EXECUTE FUNCTION count_alert_revision();
CREATE TRIGGER counted AFTER INSERT OR UPDATE OR DELETE ON alert_episode
    FOR EACH STATEMENT EXECUTE FUNCTION count_revision('alerts');
CREATE TRIGGER seen AFTER UPDATE OF ack ON alert_episode
    FOR EACH ROW WHEN (OLD.ack IS DISTINCT FROM NEW.ack) EXECUTE FUNCTION count_revision('acks');
-- The last use of a key or a session is no change.
CREATE TRIGGER counted AFTER INSERT OR DELETE OR UPDATE OF document, hash ON access_key
    FOR EACH STATEMENT EXECUTE FUNCTION count_revision('access');
CREATE TRIGGER counted AFTER INSERT OR UPDATE OR DELETE ON member
    FOR EACH STATEMENT EXECUTE FUNCTION count_revision('access');
CREATE TRIGGER counted AFTER INSERT OR DELETE ON session
    FOR EACH STATEMENT EXECUTE FUNCTION count_revision('access');
CREATE TRIGGER counted AFTER INSERT OR UPDATE OR DELETE ON invitation
    FOR EACH STATEMENT EXECUTE FUNCTION count_revision('access');
CREATE TRIGGER counted AFTER INSERT OR UPDATE OR DELETE ON identity
    FOR EACH STATEMENT EXECUTE FUNCTION count_revision('access');
