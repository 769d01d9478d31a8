-- Alerts: what people save (rules, channels, silences), and the fold of the journal: how far it is evaluated, which rules are
-- not quiet, what has fired, and the notices still to be sent. The fold's tables change in one transaction. Their JSON is that of
-- wire/.

CREATE TABLE alert_document (
    tenant     TEXT    NOT NULL DEFAULT 'default',
    -- rule, channel or silence.
    kind       TEXT    NOT NULL,
    id         TEXT    NOT NULL,
    version    INTEGER NOT NULL,
    -- Without secrets.
    document   TEXT    NOT NULL,
    -- Distinguishes a rule from an earlier one of the same name.
    created_at BIGINT  NOT NULL,
    updated_at BIGINT  NOT NULL,
    PRIMARY KEY (tenant, kind, id)
) WITHOUT ROWID;

-- What channels need and nobody may read.
CREATE TABLE alert_secret (
    tenant  TEXT   NOT NULL DEFAULT 'default',
    channel TEXT   NOT NULL,
    name    TEXT   NOT NULL,
    value   TEXT   NOT NULL,
    set_at  BIGINT NOT NULL,
    PRIMARY KEY (tenant, channel, name)
) WITHOUT ROWID;

CREATE TABLE alert_cursor (
    -- There is one row, once there has been a rule.
    id       INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    -- The last commit that is evaluated, and when it was made.
    sequence BIGINT  NOT NULL,
    at       BIGINT  NOT NULL
);

CREATE TABLE alert_state (
    tenant   TEXT NOT NULL DEFAULT 'default',
    rule     TEXT NOT NULL,
    -- A signal, or what stands for several.
    scope    TEXT NOT NULL,
    document TEXT NOT NULL,
    PRIMARY KEY (tenant, rule, scope)
) WITHOUT ROWID;

CREATE TABLE alert_episode (
    -- A function of rule, scope and time: a replay finds the same.
    id          TEXT   NOT NULL PRIMARY KEY,
    tenant      TEXT   NOT NULL DEFAULT 'default',
    rule        TEXT   NOT NULL,
    scope       TEXT   NOT NULL,
    fired_at    BIGINT NOT NULL,
    -- NULL while it fires.
    resolved_at BIGINT,
    document    TEXT   NOT NULL,
    -- Not the fold's: who has seen it.
    ack         TEXT
) WITHOUT ROWID;
CREATE INDEX alert_episode_by_time ON alert_episode (fired_at);
CREATE INDEX alert_episode_open ON alert_episode (rule, scope) WHERE resolved_at IS NULL;

-- What one channel is to be sent about one event. Gone when it is sent.
CREATE TABLE alert_notice (
    id       INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    tenant   TEXT    NOT NULL DEFAULT 'default',
    -- Episode, event and channel.
    key      TEXT    NOT NULL UNIQUE,
    channel  TEXT    NOT NULL,
    -- What is sent together.
    topic    TEXT    NOT NULL,
    document TEXT    NOT NULL,
    -- The message that it is in, once there is one.
    message  TEXT
);
CREATE INDEX alert_notice_waiting ON alert_notice (channel, topic, id) WHERE message IS NULL;
CREATE INDEX alert_notice_by_message ON alert_notice (message) WHERE message IS NOT NULL;

-- Stored before it is sent, so that it keeps its number when it is sent again.
CREATE TABLE alert_message (
    position INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    tenant   TEXT    NOT NULL DEFAULT 'default',
    id       TEXT    NOT NULL UNIQUE,
    channel  TEXT    NOT NULL,
    document TEXT    NOT NULL,
    attempts INTEGER NOT NULL,
    next_at  BIGINT  NOT NULL
);
CREATE INDEX alert_message_by_channel ON alert_message (channel, position);

-- The last attempts of each channel.
CREATE TABLE alert_delivery (
    id       INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    tenant   TEXT    NOT NULL DEFAULT 'default',
    channel  TEXT    NOT NULL,
    document TEXT    NOT NULL
);
CREATE INDEX alert_delivery_by_channel ON alert_delivery (channel, id);
