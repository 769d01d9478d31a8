-- Who may log in. Nothing here opens anything by itself: passwords are argon2id, the rest are SHA-256 of 256 random bits.

CREATE TABLE member (
    name       text   NOT NULL PRIMARY KEY COLLATE "C",
    -- viewer, editor or admin.
    role       text   NOT NULL,
    -- In the format of the Password Hashing Competition, with its parameters; empty until there is one.
    password   text   NOT NULL,
    -- The secret of the one-time codes, where the member has chosen them: a server needs it as it is.
    totp       bytea,
    -- The period of the last code that was used: none counts twice.
    totp_used  bigint NOT NULL,
    -- 32 bytes for each code that stands for a lost device; one that was used is gone.
    recovery   bytea   NOT NULL,
    created_at bigint NOT NULL
);

CREATE TABLE session (
    -- Of what the browser's cookie has.
    hash       bytea   NOT NULL PRIMARY KEY,
    member     text   NOT NULL REFERENCES member (name),
    created_at bigint NOT NULL,
    seen_at    bigint NOT NULL,
    -- Where it began, and with which browser.
    address    text   NOT NULL,
    agent      text   NOT NULL
);

-- A link with which somebody chooses a password, once.
CREATE TABLE invitation (
    -- Of what the link has.
    hash       bytea   NOT NULL PRIMARY KEY,
    -- Whose password; none for the first admin, who chooses a name.
    member     text   REFERENCES member (name),
    expires_at bigint NOT NULL
);
