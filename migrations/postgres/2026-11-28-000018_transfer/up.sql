-- Where everything in this database was copied from, when it was by `afterglow migrate --to`.
CREATE TABLE transfer (
    -- There is at most one row.
    id           integer NOT NULL PRIMARY KEY CHECK (id = 1),
    -- The epoch of the other database's commits.
    source       bigint  NOT NULL,
    -- NULL as long as something may be missing: nobody serves the database then.
    completed_at bigint
);
