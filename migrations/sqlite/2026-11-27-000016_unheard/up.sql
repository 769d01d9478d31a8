-- When no samples could come, because the server was down, refused them, or its clock was set: tests of rules about silence leave
-- these times out, as the evaluation did.

CREATE TABLE alert_unheard (
    from_at BIGINT NOT NULL PRIMARY KEY,
    to_at   BIGINT NOT NULL
) WITHOUT ROWID;

-- Until when samples could come, as far as that is known: written with the cursor, also while no sample comes.
ALTER TABLE alert_cursor ADD COLUMN heard_at BIGINT;
