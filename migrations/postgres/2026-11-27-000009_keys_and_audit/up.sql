-- Who may do what, and what was done. A tenant owns keys and entries of the audit log; there is one so far.

CREATE TABLE tenant (
    id   integer NOT NULL PRIMARY KEY,
    name text    NOT NULL UNIQUE
);
INSERT INTO tenant (id, name) VALUES (1, 'default');

CREATE TABLE access_key (
    id        text    NOT NULL PRIMARY KEY COLLATE "C",
    tenant_id integer NOT NULL REFERENCES tenant (id),
    -- SHA-256 of the secret, which is kept nowhere.
    hash      bytea   NOT NULL,
    -- What the key may do: the JSON of wire/.
    document  text    NOT NULL,
    -- The minute and the network of the last request with it.
    used_at   bigint,
    used_from text
);
CREATE INDEX access_key_by_tenant ON access_key (tenant_id, id);

CREATE TABLE audit (
    -- Numbered by the program: an entry that is missing leaves a hole.
    id        bigint  NOT NULL PRIMARY KEY,
    tenant_id integer NOT NULL REFERENCES tenant (id),
    at        bigint  NOT NULL,
    who       text    NOT NULL,
    address   text    NOT NULL,
    action    text    NOT NULL,
    object    text    NOT NULL,
    outcome   text    NOT NULL,
    detail    text    NOT NULL,
    -- The hash of the entry before.
    previous  bytea   NOT NULL,
    -- SHA-256 of everything above.
    hash      bytea   NOT NULL
);
CREATE INDEX audit_by_time ON audit (tenant_id, at, id);
