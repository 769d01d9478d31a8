ALTER TABLE numbering DROP COLUMN bus_key;
