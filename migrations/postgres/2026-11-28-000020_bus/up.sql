-- The key with which processes of this database sign the commits that they send each other over the bus: without access to the database
-- nobody can forge or change one. 244 bits are random.
ALTER TABLE numbering ADD COLUMN bus_key bytea NOT NULL
    DEFAULT decode(replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''), 'hex');
