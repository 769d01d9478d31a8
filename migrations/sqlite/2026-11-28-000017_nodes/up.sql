-- A file has one process. What several on one database need is in the other folder.
SELECT 1;
