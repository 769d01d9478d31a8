ALTER TABLE alert_cursor DROP COLUMN heard_at;
DROP TABLE alert_unheard;
