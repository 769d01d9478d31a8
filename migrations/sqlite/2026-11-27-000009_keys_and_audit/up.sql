-- Who may do what, and what was done. A tenant owns keys and entries of the audit log; there is one so far.

CREATE TABLE tenant (
    id   INTEGER NOT NULL PRIMARY KEY,
    name TEXT    NOT NULL UNIQUE
);
INSERT INTO tenant (id, name) VALUES (1, 'default');

CREATE TABLE access_key (
    id        TEXT    NOT NULL PRIMARY KEY,
    tenant_id INTEGER NOT NULL REFERENCES tenant (id),
    -- SHA-256 of the secret, which is kept nowhere.
    hash      BLOB    NOT NULL,
    -- What the key may do: the JSON of wire/.
    document  TEXT    NOT NULL,
    -- The minute and the network of the last request with it.
    used_at   BIGINT,
    used_from TEXT
) WITHOUT ROWID;
CREATE INDEX access_key_by_tenant ON access_key (tenant_id, id);

CREATE TABLE audit (
    -- AUTOINCREMENT: an entry that is missing leaves a hole.
    id        INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    tenant_id INTEGER NOT NULL REFERENCES tenant (id),
    at        BIGINT  NOT NULL,
    who       TEXT    NOT NULL,
    address   TEXT    NOT NULL,
    action    TEXT    NOT NULL,
    object    TEXT    NOT NULL,
    outcome   TEXT    NOT NULL,
    detail    TEXT    NOT NULL,
    -- The hash of the entry before.
    previous  BLOB    NOT NULL,
    -- SHA-256 of everything above.
    hash      BLOB    NOT NULL
);
CREATE INDEX audit_by_time ON audit (tenant_id, at, id);
