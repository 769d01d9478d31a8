-- Who may log in. Nothing here opens anything by itself: passwords are argon2id, the rest are SHA-256 of 256 random bits.

CREATE TABLE member (
    name       TEXT   NOT NULL PRIMARY KEY,
    -- viewer, editor or admin.
    role       TEXT   NOT NULL,
    -- In the format of the Password Hashing Competition, with its parameters; empty until there is one.
    password   TEXT   NOT NULL,
    -- The secret of the one-time codes, where the member has chosen them: a server needs it as it is.
    totp       BLOB,
    -- The period of the last code that was used: none counts twice.
    totp_used  BIGINT NOT NULL,
    -- 32 bytes for each code that stands for a lost device; one that was used is gone.
    recovery   BLOB   NOT NULL,
    created_at BIGINT NOT NULL
) WITHOUT ROWID;

CREATE TABLE session (
    -- Of what the browser's cookie has.
    hash       BLOB   NOT NULL PRIMARY KEY,
    member     TEXT   NOT NULL REFERENCES member (name),
    created_at BIGINT NOT NULL,
    seen_at    BIGINT NOT NULL,
    -- Where it began, and with which browser.
    address    TEXT   NOT NULL,
    agent      TEXT   NOT NULL
) WITHOUT ROWID;

-- A link with which somebody chooses a password, once.
CREATE TABLE invitation (
    -- Of what the link has.
    hash       BLOB   NOT NULL PRIMARY KEY,
    -- Whose password; none for the first admin, who chooses a name.
    member     TEXT   REFERENCES member (name),
    expires_at BIGINT NOT NULL
) WITHOUT ROWID;
