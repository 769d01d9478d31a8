-- Compressed samples as plain SQL reads them: only a server's database can have them.
SELECT 1;
