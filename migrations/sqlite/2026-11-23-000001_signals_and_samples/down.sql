DROP VIEW telemetry;
DROP TABLE sample;
DROP TABLE signal;
