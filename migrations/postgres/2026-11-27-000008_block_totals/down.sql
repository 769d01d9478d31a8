DROP INDEX block_totals;
CREATE INDEX block_by_time ON block (signal_id, last_timestamp, first_timestamp);
