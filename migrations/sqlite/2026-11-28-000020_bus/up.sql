-- A file has one process, which needs no bus to others.
SELECT 1;
