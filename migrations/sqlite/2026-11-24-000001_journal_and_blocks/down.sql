-- Blocks cannot become rows without the program; a database that has none can go back.
DROP VIEW telemetry;
DROP TABLE rollup;
DROP TABLE block;
DROP TABLE journal_b;
DROP TABLE journal_a;
