-- What processes of this database sign their commits with when they tell each other of them beside it: whoever can reach the bus but not
-- the database can neither forge one nor change it. 244 bits are random.
ALTER TABLE numbering ADD COLUMN bus_key bytea NOT NULL
    DEFAULT decode(replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''), 'hex');
