-- Samples as rows for other programs: only a server's database can have them.
SELECT 1;
